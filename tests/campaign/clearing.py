"""Clearing under kills: recorders are emptied while dock, archive and broker get SIGKILL.

Officers dock again and again. By the seed a run has a scene: nothing else happens, a clip is held,
an object of the archive is lost or altered, the archive is restored from a copy of its folder, or
the spool is too small, so that copies are released. A watcher looks all the time, at every kill and
at each deletion's own moment, see `clearing_watch`. At the end all that may go is gone.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from agent.cli.ask import ask
from agent.custody.orders import Order
from agent.model import HoldReason

from .clearing_watch import Watch, failure_of
from .doomed import Doom
from .evidence import Evidence
from .kills import MIB
from .outcome import Run
from .settling import close
from .yard import KILLABLE, Yard

SCENES = ("plain", "held", "lost", "altered", "restored", "room")
HARMFUL = ("lost", "altered", "restored")
HOLD_HOURS = 0.0008
SETTLE_SECONDS = 240.0
START_SECONDS = 60.0
LOOK_SECONDS = 0.04
COUNT_SECONDS = 0.4
DOOM_SECONDS = 8.0
"""A doom that did not strike by then never will: then the victim is killed where it is."""

DOCK_DOOMS = (
    "agent.spool.ledger:Ledger.receipted",
    "agent.spool.ledger:Ledger.want_proof",
    "agent.spool.ledger:Ledger.proved",
    "agent.spool.ledger:Ledger.begin_clearing",
    "agent.offload.clearing.eraser:RecorderEraser.erase",
    "agent.offload.clearing.clear:Clearing._conclude",
    "agent.spool.ledger:Ledger.cleared",
    "agent.spool.ledger:Ledger.released",
)
ARCHIVE_DOOMS = (
    "agent.archive.store:Store.seal",
    "agent.archive.catalogue:Catalogue.record",
    "agent.archive.prover:Prover._answer",
)


class Shift:
    """One run: its yard, its recorders, and a hand for whatever goes on beside."""

    def __init__(self, run: Run, yard: Yard, scene: str, random: Random) -> None:
        self.run, self.yard, self.scene, self.random = run, yard, scene, random
        self.clips = self._record()
        self.evidence = Evidence(yard)
        self.watch = Watch(yard, self.evidence, HOLD_HOURS * 3600)
        self._configure()
        self._away: dict[str, tuple[Path, float]] = {}
        self._next_docking = 0.0

    def _record(self) -> int:
        """Two or three recorders, docked at once; how many clips they hold."""
        number = 0
        for recorder in range(1, self.random.randint(2, 3) + 1):
            sizes = [
                self.random.randint(MIB // 5, 3 * MIB) for _ in range(self.random.randint(1, 3))
            ]
            self.yard.plug(self.yard.record(recorder, sizes, self.random), f"1-1.{recorder}")
            number += len(sizes)
        return number

    def _configure(self) -> None:
        total = sum(path.stat().st_size for path in self.evidence.originals.values())
        held = f"hold_hours = {HOLD_HOURS}"
        if self.scene == "room":
            self.yard.configure('"100 GiB"', f'"{max(total * 2 // 3, 8 * MIB)} B"')
        self.yard.configure(
            "[broker]", f'{held}\n\n[clearing]\nmode = "on"\ngrace_hours = 0\n\n[broker]'
        )
        self.yard.dock_options += ["--witness", str(self.watch.witness)]

    # Time passes.

    def until(self, true: Callable[[], object], seconds: float) -> bool:
        """Watch, and let officers come and go, until it is true; whether it came true in time."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return False
            self.look()
            self._dockings()
            time.sleep(LOOK_SECONDS)
        return True

    def look(self) -> None:
        """Raise `Violation` at the first thing that is wrong."""
        self.watch.look()
        self.run.must(not self.watch.found, "; ".join(self.watch.found))

    def rest(self, seconds: float) -> None:
        self.until(lambda: False, seconds)

    def _dockings(self) -> None:
        """Now and then a recorder is taken, and comes back a moment later."""
        now = time.monotonic()
        for port, (home, back) in list(self._away.items()):
            if now >= back:
                self.yard.plug(home, port)
                del self._away[port]
        ports = sorted(each.name for each in self.yard.bus.glob("1-*"))
        if now >= self._next_docking and ports:
            self._next_docking = now + self.random.uniform(0.5, 3.0)
            port = self.random.choice(ports)
            away = now + self.random.uniform(0.05, 0.5)
            self._away[port] = (self.yard.unplug(port), away)

    # Blows.

    def strike(self, victim: str, doom: Doom | None) -> None:
        """SIGKILL to the victim, where its doom strikes or at this very moment."""
        struck = doom is not None and self.until(lambda: not self.yard.alive(victim), DOOM_SECONDS)
        if struck:
            self.run.must(self.yard.ended(victim) == -signal.SIGKILL, f"{victim} ended by itself")
        else:
            self.run.must(self.yard.alive(victim), f"{victim} ended by itself")
            self.yard.kill(victim)
        where = f" in {doom.where.rpartition('.')[2]}" if struck and doom else ""
        self.run.counts[f"kills of {victim}{where}"] += 1
        self.run.note(f"{victim} killed{where}; clips were {dict(self.evidence.states())}")
        self.look()

    def doom(self, victim: str) -> Doom | None:
        if victim == "broker" or self.random.random() < 0.4:
            return None
        where = self.random.choice(DOCK_DOOMS if victim == "dock" else ARCHIVE_DOOMS)
        return Doom(where, self.random.randint(1, self.clips), self.random.random() * 0.02)

    def receipted(self, number: int) -> None:
        came = self.until(lambda: self.evidence.states()["receipted"] >= number, START_SECONDS)
        self.run.must(came, f"not even {number} receipted: {dict(self.evidence.states())}")


def one_clearing(run: Run, bug: str | None = None, scene: str | None = None) -> None:
    """One small world with clearing on. `bug` is one of `clearing_bugs`; the seed names the scene
    where nobody does."""
    random = Random(run.seed)
    scene = scene or SCENES[run.seed % len(SCENES)]
    with Yard(run.folder) as yard:
        shift = Shift(run, yard, scene, random)
        yard.dock_options += ["--bug", bug] if bug else []
        run.counts["clips"] += shift.clips
        run.counts[f"{scene} scenes"] += 1
        _prelude(shift)
        for _ in range(random.randint(1, 3)):
            _kill(shift)
        _end(shift)


def _prelude(shift: Shift) -> None:
    """Scenes that need receipts without proofs begin while clearing is off."""
    yard, random = shift.yard, shift.random
    if shift.scene not in HARMFUL and shift.scene != "held":
        for name in ("archive", "dock"):
            yard.start(name, shift.doom(name))
        return
    yard.configure('mode = "on"', 'mode = "off"')
    yard.start("archive")
    yard.start("dock")
    copy = yard.world.folder / "copy"
    if shift.scene == "restored":
        shift.receipted(random.randint(0, shift.clips - 1))
        shift.run.must(shift.until(lambda: yard.up("archive"), START_SECONDS), "no archive")
        yard.kill("archive")
        shutil.copytree(shift.evidence.archive, copy, ignore=shutil.ignore_patterns("*.sock"))
        yard.start("archive")
    shift.receipted(random.randint(1, shift.clips))
    for name in ("dock", "archive"):
        yard.kill(name)
        shift.run.counts[f"kills of {name}"] += 1
    shift.look()
    if shift.scene == "restored":
        _restore(shift, copy)
    else:
        (_hold if shift.scene == "held" else _harm)(shift)
    shift.look()
    yard.configure('mode = "off"', 'mode = "on"')
    for name in random.sample(("archive", "dock"), 2):
        yard.start(name, shift.doom(name))


def _hold(shift: Shift) -> None:
    """A person holds a clip or two; the dock does not run now."""
    known = shift.evidence.ledger()
    for row in shift.random.sample(known, min(len(known), shift.random.randint(1, 2))):
        what = {"reason": HoldReason.OTHER.value, "note": "a complaint"}
        order = Order("hold", row["id"], "Li Wei", "a complaint", "A-1", what)
        ask(shift.yard.world.config, order)
        shift.run.counts["holds"] += 1


def _harm(shift: Shift) -> None:
    """Objects of clips with a receipt go, or change a bit."""
    receipted = [row for row in shift.evidence.ledger() if row["state"] == "receipted"]
    for row in shift.random.sample(receipted, shift.random.randint(1, len(receipted))):
        clip = row["serial"], row["path"]
        stored = shift.watch.object_of(clip)
        data = bytearray(stored.read_bytes())
        mode = stored.stat().st_mode
        stored.unlink()
        if shift.scene == "altered":
            data[shift.random.randrange(len(data))] ^= 1 << shift.random.randrange(8)
            stored.write_bytes(data)
            stored.chmod(mode)
        shift.watch.harmed.add(shift.watch.digests[clip])
        shift.run.counts[f"objects {shift.scene}"] += 1
        shift.run.note(f"{clip}: its object is {shift.scene}")


def _restore(shift: Shift, copy: Path) -> None:
    """The archive's folder is as it was at the copy; now and then somebody says so."""
    archive = shift.evidence.archive
    shutil.rmtree(archive)
    shutil.copytree(copy, archive)
    for row in shift.evidence.ledger():
        clip = row["serial"], row["path"]
        if row["state"] == "receipted" and not shift.watch.in_archive(clip):
            shift.watch.harmed.add(shift.watch.digests[clip])
            shift.run.counts["objects not in the copy"] += 1
    if shift.random.random() < 0.5:
        config = str(shift.yard.world.archive_config)
        said = ("archive", "restored", "--by", "Li Wei", "--why", "disk", "--config", config)
        shift.run.must(failure_of(*said) == "", "bodydock archive restored failed")


def _kill(shift: Shift) -> None:
    """One blow, and what the victim does when it is back."""
    random, victim = shift.random, shift.random.choice(KILLABLE)
    if random.random() < 0.5:  # some of it is done by then
        number = random.randint(1, shift.clips)
        shift.until(lambda: len(shift.watch.granted) >= number, random.uniform(0.0, 6.0))
    shift.rest(random.uniform(0.0, 1.5))
    _revive(shift)
    shift.strike(victim, None)
    shift.rest(random.uniform(0.0, 1.0))
    shift.yard.start(victim, shift.doom(victim))


def _end(shift: Shift) -> None:
    """All goes that may go, with no hand on it but the officers'."""
    run, yard, began = shift.run, shift.yard, time.monotonic()

    looked = began

    def settled() -> bool:
        nonlocal looked
        if time.monotonic() - looked < COUNT_SECONDS:
            return False
        looked = time.monotonic()
        _revive(shift)
        return not shift.watch.left() and len(shift.evidence.ledger()) == shift.clips

    done = shift.until(settled, SETTLE_SECONDS)
    run.note(f"settled after {time.monotonic() - began:.1f} s")
    left = [(row["serial"], row["path"], row["state"]) for row in shift.watch.left()]
    run.must(done, f"not all settled after {SETTLE_SECONDS:.0f} s: {left}")
    close(run, yard, shift.evidence, untroubled=shift.scene not in HARMFUL)
    shift.look()
    run.check(shift.watch.at_the_end(), "at the end")
    for name in ("dock", "archive"):
        run.check(_verified(shift, name), "at the end")
    run.counts["cleared"] += sum(not shift.watch.on_card(clip) for clip in shift.watch.cards)
    run.counts["looks"] += shift.watch.sweeps


def _revive(shift: Shift) -> None:
    """Whoever met the doom that it still had is started again."""
    for name in ("archive", "dock"):
        if not shift.yard.alive(name):
            shift.run.must(shift.yard.ended(name) == -signal.SIGKILL, f"{name} ended by itself")
            shift.run.counts[f"kills of {name} at its doom"] += 1
            shift.look()
            shift.yard.start(name)


def _verified(shift: Shift, name: str) -> list[str]:
    world = shift.yard.world
    verify = {"dock": ("custody", world.dock_config), "archive": ("archive", world.archive_config)}
    command, config = verify[name]
    said = failure_of(command, "verify", "--config", str(config))
    return [f"{name}: {said[-2000:]}"] if said else []
