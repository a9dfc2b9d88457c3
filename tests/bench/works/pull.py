"""Pull a recorder into a spool: through a simulated USB, from an image, or straight from files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from pathlib import Path
from random import Random
from typing import Any, ParamSpec, TypeVar

from agent.clock import SystemClock
from agent.link.usb import UsbBus
from agent.model import Clip, ClockReading, Health, Identity
from agent.offload.pull import Offload
from agent.recorder.base import Recorder
from agent.recorder.mtp.recorder import open_mtp
from agent.spool.cipher import Cipher
from agent.spool.files import Spool
from agent.spool.ledger import Ledger
from agent.spool.recovery import open_ledger, recover
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace
from hwsim.ports.usb_memory import MemoryBus
from tests.bench.cost import Failed
from tests.bench.worker import Stopwatch
from tests.contracts.volume import opened

P = ParamSpec("P")
T = TypeVar("T")

LEDGER_VERBS = ("begin_contact", "find", "see", "see_all", "spooled")
"""What a pull asks of the ledger."""


def pull(
    source: str, state: str, via: str, digests: list[str], recipient: str = ""
) -> dict[str, Any]:
    """Pull everything of `source` into a new spool in `state`; `via` is "usb", "files" or "image".

    Measured from opening the recorder until its last clip is committed. `ledger` is the CPU time
    of that within the ledger. `recipient`: an age public key to encrypt to.
    """
    ledger = open_ledger(Path(state), SystemClock())
    spool = new_spool(Path(state), ledger, frozenset(digests), recipient)
    recover(spool)
    within = _timed(ledger)
    machine = Path(state, "machine")
    watch = Stopwatch()
    recorder = _opened(Path(source), via, machine)
    identity = recorder.identify()
    contact = ledger.begin_contact("1", identity, recorder.health(), recorder.clock())
    done = Offload(spool, ledger).pull(recorder, identity, "1", contact, stop=threading.Event())
    read = watch.read()
    if not done.complete:
        raise Failed(f"the pull is not complete: {done}")
    recorder.close()
    spool.close()
    ledger.close()
    return {**read, "ledger": sum(within), "bytes": done.bytes}


def new_spool(state: Path, ledger: Ledger, digests: frozenset[str], recipient: str = "") -> Spool:
    return Spool(
        state,
        ledger,
        quota=2**50,
        floor=0,
        digests=digests,
        hold_seconds=3600.0,
        random=Random(1),
        cipher=Cipher(recipient) if recipient else None,
    )


def _opened(source: Path, via: str, machine: Path) -> Recorder:
    if via == "image":
        return opened(machine, source)
    return _over_usb(source) if via == "usb" else FolderRecorder(source)


def _over_usb(source: Path) -> Recorder:
    memory = MemoryBus()
    memory.plug("1-1.1", PtpFace(Body.from_folder(source, clock=SystemClock())))
    bus = UsbBus(memory)
    (device,) = bus.list_devices()
    return open_mtp(bus, device, SystemClock())


def _timed(ledger: Ledger) -> list[float]:
    """Let the ledger's methods note their own CPU time."""
    within: list[float] = []

    def timed(method: Callable[P, T]) -> Callable[P, T]:
        @wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            began = time.thread_time()
            try:
                return method(*args, **kwargs)
            finally:
                within.append(time.thread_time() - began)

        return call

    for verb in LEDGER_VERBS:
        setattr(ledger, verb, timed(getattr(ledger, verb)))
    return within


class FolderRecorder:
    """A recorder whose clips are files that are read directly: no USB, no protocol."""

    def __init__(self, home: Path) -> None:
        self._card = home / "card"
        self._open: dict[str, Any] = {}

    def identify(self) -> Identity:
        return Identity("Bodydock", "Folder", "BENCH0001", "1")

    def health(self) -> Health:
        return Health(None, ())

    def clock(self) -> ClockReading | None:
        return None

    def set_clock(self, now: datetime) -> None:
        """It has none."""

    def clips(self) -> Iterator[Clip]:
        for path in sorted(path for path in self._card.rglob("*") if path.is_file()):
            facts = path.stat()
            name = path.relative_to(self._card).as_posix()
            yield Clip("1", name, facts.st_size, str(int(facts.st_mtime)))

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        if clip.path not in self._open:
            self.close()
            self._open[clip.path] = (self._card / clip.path).open("rb", buffering=0)
        file = self._open[clip.path]
        file.seek(offset)
        data: bytes = file.read(size)
        return data

    def delete(self, clip: Clip) -> None:
        raise NotImplementedError("nothing is deleted here")

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()
