"""`bodydock bays`: what hangs in which port; and learning which port is which bay."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import click
from pydantic import ValidationError
from rich.console import Group
from rich.table import Table
from rich.text import Text

from agent import live
from agent.bay.bays import Looks
from agent.bay.learn import Again, Learner, Learnt, Unclear
from agent.cli.run import config_option
from agent.cli.show import bay_words, console, print_json, shown
from agent.clock import Clock, SystemClock, from_text
from agent.config import Bay, DockConfig, load
from agent.live import Live

LOOK_SECONDS = 0.25

Naming: TypeAlias = Callable[[str, list[Bay]], Bay]
"""Makes a bay of a port, given those that were learnt before."""


@click.group(
    invoke_without_command=True, short_help="Show which port is which bay, and what is in it."
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_context
def bays(ctx: click.Context, path: Path, *, as_json: bool) -> None:
    """Show what is in which port and since when, also what the dock refuses to touch.

    Says what the running daemon sees; while none runs, only which bays are configured.
    """
    if ctx.invoked_subcommand is not None:
        return
    config = load(DockConfig, path)
    now = live.read(config.dock.runtime, SystemClock().now())
    rows = [*_rows(config.bay, now)]
    if as_json:
        print_json({"dock": config.dock.id, "running": now is not None, "bays": rows})
        return
    told: list[Table | Text] = [] if now else [Text(f"dock {config.dock.id}: not running")]
    told.append(_table(rows, SystemClock().now(), running=now is not None))
    console().print(Group(*told))


def _rows(configured: list[Bay], now: Live | None) -> Iterator[Mapping[str, Any]]:
    """Every configured bay in its order, with what is in it; then what hangs elsewhere."""
    occupied = {bay["port"]: bay for bay in (now.bays if now else ())}
    for bay in configured:
        empty = {"bay": bay.name, "port": bay.port, "priority": bay.priority, "doing": ""}
        yield occupied.pop(bay.port, empty)
    yield from occupied.values()


def _table(rows: list[Mapping[str, Any]], now: datetime, *, running: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("bay", "port", "since", "what", "does"):
        table.add_column(heading, no_wrap=heading in {"port", "since"})
    for row in rows:
        table.add_row(
            shown(row["bay"]) + (" (priority)" if row.get("priority") else ""),
            shown(row["port"]),
            _since(row.get("since", ""), now),
            shown(_what(row)),
            shown(bay_words(row)) if running else "not known",
        )
    if not rows:
        table.add_row(f"no bays are named{', and nothing is plugged in' if running else ''}")
    return table


def _what(row: Mapping[str, Any]) -> str:
    """The recorder by its serial, where it is known; else what USB says of it."""
    if not row.get("recorder"):
        return str(row.get("what", ""))
    return " ".join(filter(None, [row["recorder"], row.get("profile") or row["model"]]))


def _since(text: str, now: datetime) -> str:
    """By this machine's clock: the time of day for today, else the date too."""
    if not text:
        return ""
    moment = from_text(text).astimezone()
    today = moment.date() == now.astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


@bays.command(short_help="Find out which port is which bay.")
@click.option("--ask", is_flag=True, help="Ask for each name; else bays are 1, 2, 3 …")
def learn(*, ask: bool) -> None:
    """Find out which port is which bay: plug one device from slot to slot.

    Prints lines for dock.toml; what to do is said on standard error. Ctrl-C ends it. No device
    is touched, and it makes no difference whether the dock runs.
    """
    from agent.link.machine import Machine
    from agent.link.usb import UsbBus

    learnt: list[Bay] = []
    try:
        teach(Machine(UsbBus()), SystemClock(), time.sleep, asked if ask else numbered, learnt)
    except (KeyboardInterrupt, click.Abort):
        _say(f"\n{len(learnt)} bays learnt.")


def teach(
    machine: Looks,
    clock: Clock,
    sleep: Callable[[float], None],
    naming: Naming,
    learnt: list[Bay],
) -> None:
    """Watch the ports until somebody interrupts it; `learnt` grows meanwhile."""
    learner = Learner({one.port for one in machine.attached()})
    if learner.here:
        _say(f"Plugged in already, and not counted: {', '.join(sorted(learner.here))}")
    _say("Plug one device into the slot of the first bay. Ctrl-C ends.")
    while True:
        sleep(LOOK_SECONDS)
        ports = {one.port for one in machine.attached()}
        match learner.look(ports, clock.monotonic()):
            case Learnt(port):
                bay = naming(port, learnt)
                learnt.append(bay)
                click.echo(f'[[bay]]\nname = "{bay.name}"\nport = "{bay.port}"\n')
                _say(f"Port {port} is bay {bay.name}. Take the device out, plug it into the next.")
            case Again(port):
                name = next(bay.name for bay in learnt if bay.port == port)
                _say(f"Port {port} is bay {name} already. Take it out, plug it into the next.")
            case Unclear(ports=several):
                _say(f"Not clear which: {', '.join(several)}. Take all out, and plug in one.")


def numbered(port: str, learnt: list[Bay]) -> Bay:
    return Bay(name=str(len(learnt) + 1), port=port)


def asked(port: str, learnt: list[Bay]) -> Bay:
    """Ask until it is a name, and a new one."""
    while True:
        name = click.prompt(f"Port {port}: name of this bay", str(len(learnt) + 1), err=True)
        try:
            bay = Bay(name=name, port=port)
        except ValidationError as error:
            _say(error.errors(include_url=False)[0]["msg"].removeprefix("Value error, "))
            continue
        if bay.name not in {other.name for other in learnt}:
            return bay
        _say(f"There is a bay {bay.name} already.")


def _say(words: str) -> None:
    """To the person; standard output is for dock.toml."""
    click.echo(words, err=True)
