"""What the demo shows while it runs: bays, uplink, clips, and what happens to the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent import live
from agent.cli.show import shown, size_text
from agent.cli.status import uplink_line
from agent.clock import SystemClock
from agent.errors import LedgerBroken
from agent.spool.states import State
from agent.spool.view import LedgerView
from hwsim.demo.world import World

Counts = Mapping[State, tuple[int, int]]
_DONE = (State.RECEIPTED, State.RELEASED)


class Watch:
    """Looks at a world as `bodydock status` would, from outside."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._console = console
        held = [path.stat().st_size for _, _, path in world.clips()]
        self.clips, self.bytes = len(held), sum(held)
        self.network = "up"

    def until(self, over: Callable[[Counts], bool], *, seconds: float, each: float = 0.2) -> bool:
        """Show until `over` or `seconds` have passed; whether it was over."""
        end = time.monotonic() + seconds
        with Screen(console=self._console, auto_refresh=False, transient=True) as screen:
            while time.monotonic() < end:
                counts = self.counts()
                if self._console.is_terminal:
                    screen.update(self._page(counts), refresh=True)
                if over(counts):
                    return True
                time.sleep(each)
        return False

    def counts(self) -> Counts:
        """The ledger's counts; none while there is no ledger yet."""
        try:
            with LedgerView(self._world.config.ledger) as ledger:
                return ledger.counts()
        except LedgerBroken:
            return {}

    def receipted(self, counts: Counts) -> int:
        """Bytes that the archive has receipted."""
        return sum(counts.get(state, (0, 0))[1] for state in _DONE)

    def all_receipted(self, counts: Counts) -> bool:
        return sum(counts.get(state, (0, 0))[0] for state in _DONE) == self.clips

    def _page(self, counts: Counts) -> RenderableType:
        moment = live.read(self._world.config.dock.runtime, SystemClock().now())
        bays = moment.bays if moment else []
        style = "bold red" if self.network == "pulled" else "green"
        parts: list[RenderableType] = [Text(f"network: {self.network}", style=style)]
        if moment:
            parts.append(uplink_line(moment.uplink))
        table = Table(box=None, pad_edge=False)
        for heading in ("", "", "progress", ""):
            table.add_column(heading)
        for bay in bays:
            table.add_row(*self._bay(bay))
        table.add_row(*self._uplink(counts))
        return Group(*parts, table)

    def _bay(self, bay: Mapping[str, Any]) -> tuple[RenderableType, ...]:
        at_work = bay["doing"] == "pulling"
        total, done = (bay["size"], bay["done"]) if at_work else (1, int(bay["doing"] == "ready"))
        said = shown(bay["path"].rsplit("/", 1)[-1] if at_work else bay["trouble"] or bay["doing"])
        return f"bay {bay['bay']}", shown(bay["recorder"]), _bar(total, done), said

    def _uplink(self, counts: Counts) -> tuple[RenderableType, ...]:
        done = self.receipted(counts)
        said = f"{size_text(done)} of {size_text(self.bytes)} receipted"
        return "archive", "", _bar(self.bytes, done), said


def _bar(total: int, done: int) -> ProgressBar:
    return ProgressBar(total=max(total, 1), completed=min(done, total), width=30)
