"""At start: what is on disk and what the ledger says are brought together again.

Temporaries go. A row whose file is missing is pulled again, or, once receipted, released. A file
that only waits for its commit is proved and adopted; any other without a row goes to quarantine.
Nothing is deleted on doubt, one bad record never stops the start, and only what is in doubt is
read whole, so that a start is quick.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.clock import Clock, trust
from agent.errors import ClipDamaged, LedgerDamaged, Malformed, SpoolBroken, SpoolFull, WrongState
from agent.model import ClipId, is_digest
from agent.spool import sidecar
from agent.spool.durable import medium
from agent.spool.entry import Entry
from agent.spool.files import Spool
from agent.spool.forms import prove
from agent.spool.layout import SUMS, Layout, ledger_path
from agent.spool.ledger import Ledger
from agent.spool.quarantine import move_aside
from agent.spool.states import State

log = logging.getLogger(__name__)

_BEGUN_ANEW = (
    "A new one is begun: clips are pulled again from their recorders, the files that are here go "
    "to quarantine, none is deleted."
)


@dataclass(slots=True)
class Report:
    """What recovery found and did; `findings` in words, for people."""

    temporaries: int = 0
    adopted: int = 0
    """Files that had only missed their commit."""
    wanted: int = 0
    """Clips without a sound file, to be pulled again."""
    released: int = 0
    """Receipted clips without a sound file, and tombstones whose deletion was finished."""
    mended: int = 0
    """Sidecars made anew."""
    quarantined: int = 0
    """Files that nothing is known of."""
    findings: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The figures in one line."""
        figures = ("adopted", "wanted", "released", "mended", "quarantined", "temporaries")
        counts = ", ".join(f"{getattr(self, name)} {name}" for name in figures)
        return f"{counts}, {len(self.findings)} findings"

    def add(self, finding: str) -> None:
        log.warning("recovery: %s", finding)
        self.findings.append(finding)


def open_ledger(root: Path, clock: Clock, trust: Callable[[], str] = trust) -> Ledger:
    """The ledger of the spool in `root`; `trust` as `agent.clock.trust`.

    A damaged one is moved to the quarantine and a new one begun: its clips are then pulled again
    as their recorders dock, and `recover` keeps the files that it knew in the quarantine. Raises
    `LedgerBroken` for one in use, of a newer version, or on a disk that fails.
    """
    layout, path = Layout(root), ledger_path(root)
    layout.make()
    with medium(f"looking for {path}"):
        lost = not (path.exists() and path.stat().st_size)
        if lost and any(layout.clips.glob("*/*")):
            log.critical("THE LEDGER %s IS MISSING and clips are here. %s", path, _BEGUN_ANEW)
        if not path.exists():  # SQLite would delete the log of a ledger that is gone
            move_aside(layout, (Path(f"{path}-wal"), Path(f"{path}-shm")))
    try:
        return Ledger(path, clock, trust)
    except LedgerDamaged as error:
        files = (path, Path(f"{path}-wal"), Path(f"{path}-shm"))
        moved = move_aside(layout, files)
        log.critical(
            "THE LEDGER WAS DAMAGED: %s. It lies in %s. %s",
            error.what,
            ", ".join(str(each) for each in moved),
            _BEGUN_ANEW,
        )
    return Ledger(path, clock, trust)


def recover(spool: Spool) -> Report:
    """Run once at start, before any intake.

    Raises `LedgerBroken` where the ledger fails, `SpoolBroken` where the folders of the spool
    cannot be listed at all.
    """
    recovery = _Recovery(spool)
    recovery.run()
    log.info("recovery: %s", recovery.report.summary)
    return recovery.report


@dataclass(slots=True)
class _Found:
    """A clip's files as listed: their sizes, None where there is none."""

    clip: int | None = None
    sums: int | None = None


class _Recovery:
    def __init__(self, spool: Spool) -> None:
        self.report = Report()
        self._spool = spool
        self._ledger = spool.ledger
        self._layout = spool.layout
        self._found: dict[ClipId, _Found] = {}
        self._unread: set[str] = set()
        """Folders that could not be listed: of what is in them nothing is concluded."""

    def run(self) -> None:
        with medium(f"listing {self._layout.root}"):
            self._clear_incoming()
            for folder in sorted(self._layout.clips.iterdir()):
                self._list(folder)
            self._spool.room.recount(self._stored())
        for clip, state, size, sealed in self._ledger.expected():
            found = self._found.pop(clip, _Found())
            sound = found.clip == size and found.sums == sidecar.length(size, sealed=sealed)
            if not sound and clip[:2] not in self._unread:
                with self._one(clip):
                    self._check(clip, state, size, found)
        for clip, found in self._found.items():
            with self._one(clip):
                self._place(clip, found)

    @contextmanager
    def _one(self, what: object) -> Iterator[None]:
        """Whatever is wrong with one thing stops nothing else."""
        try:
            yield
        except (SpoolBroken, SpoolFull, ClipDamaged, WrongState, OSError) as error:
            self.report.add(f"{what}: {error}")

    def _clear_incoming(self) -> None:
        for path in self._layout.incoming.iterdir():
            with self._one(path):
                path.unlink()
                self.report.temporaries += 1

    def _list(self, folder: Path) -> None:
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            self._unread.add(folder.name)
            self.report.add(f"{folder}: {error.strerror}")
            return
        for entry in entries:
            try:
                self._file(folder.name, entry)
            except (SpoolBroken, OSError) as error:
                self.report.add(f"{entry.path}: {error}")

    def _file(self, folder: str, entry: os.DirEntry[str]) -> None:
        name = entry.name.removesuffix(SUMS)
        known = is_digest(name) and name[:2] == folder
        if not (known and entry.is_file(follow_symlinks=False)):
            self._aside("no name of ours", Path(entry.path))
            return
        found = self._found.setdefault(ClipId(name), _Found())
        size = entry.stat(follow_symlinks=False).st_size
        if name == entry.name:
            found.clip = size
        else:
            found.sums = size

    def _stored(self) -> int:
        sizes = [(found.clip or 0) + (found.sums or 0) for found in self._found.values()]
        aside = [path.lstat().st_size for path in self._layout.quarantine.iterdir()]
        return sum(sizes) + sum(aside)

    def _check(self, clip: ClipId, state: State, size: int, found: _Found) -> None:
        """A clip that should be here, and is not as it should be."""
        if found.clip is None:
            self._lose(clip, state, "its file is missing")
        elif found.clip != size:
            self._lose(clip, state, f"its file has {found.clip} bytes, not {size}")
        else:
            try:
                self._spool.mend(clip)
            except ClipDamaged as error:
                self._lose(clip, state, error.what)
            else:
                self.report.mended += 1

    def _lose(self, clip: ClipId, state: State, reason: str) -> None:
        self.report.add(f"clip {clip}, {state.value}: {reason}")
        self._spool.quarantine(clip, reason)
        if state is State.RECEIPTED:
            self.report.released += 1
        else:
            self.report.wanted += 1

    def _place(self, clip: ClipId, found: _Found) -> None:
        """Files that no row expects."""
        entry = self._ledger.find(clip)
        if entry and entry.state is State.RELEASED:
            self._spool.unlink(clip)
            self.report.released += 1
        elif entry and entry.state is State.SEEN and found.clip is None:
            self._spool.unlink(clip)  # a sidecar whose clip was never named
            self.report.temporaries += 1
        elif entry and entry.state is State.SEEN and self._adopt(entry):
            self.report.adopted += 1
        else:
            why = f"its clip is {entry.state.value}" if entry else "the ledger does not know it"
            self._aside(why, self._layout.clip(clip), self._layout.sums(clip))

    def _adopt(self, entry: Entry) -> bool:
        """Whether the file was proved to be whole by its sidecar; then it is committed."""
        clip, layout = entry.clip, self._layout
        size, digests = entry.sighting.size, self._spool.digests
        try:
            sealed = prove(clip, size, layout.clip(clip), layout.sums(clip), digests)
        except (Malformed, OSError) as error:
            self.report.add(f"clip {clip} is not adopted: {error}")
            return False
        self._ledger.spooled(sealed)
        return True

    def _aside(self, why: str, *paths: Path) -> None:
        moved = move_aside(self._layout, paths)
        self.report.quarantined += 1
        self.report.add(f"{paths[0].name!r}, {why}: now {', '.join(map(str, moved))}")
