"""Unplugs: a recorder goes away at a random USB transfer, and comes back in some bay.

The dock's daemon runs here, on a bus in memory, with no broker to reach. What the host asks a
recorder for is counted on the bus, from the commands themselves: each unplug may cost one chunk.
"""

from __future__ import annotations

import logging
import struct
import sys
import threading
from array import array
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from agent.config import DockConfig, load
from agent.custody.keys import SecretKey
from agent.daemon import DockDaemon
from hwsim.body import Body, HeldClip
from hwsim.broker import free_port
from hwsim.card import Card
from hwsim.faces.ptp import PtpFace
from hwsim.faults import Unplug
from hwsim.media.grown import Noise
from hwsim.ports.usb_memory import MemoryBus

from .books import LEDGER_CLIPS, Row, rows
from .evidence import facts_of
from .outcome import Run
from .yard import until

CHUNK = 256 * 1024
STEP = 240 * 1024
MIB = 1024 * 1024
SETTLE_SECONDS = 60.0
ENDED_SECONDS = 10.0
BEFORE_DATA = 26
"""Transfers of a contact before the first byte of footage, about."""
EACH_STEP = 3
"""Transfers of one step of reading: command, data, response."""

_CONFIG = """
[dock]
id = "dock-1"
state = "{state}"
runtime = "{state}/run"

[spool]
floor = "64 MiB"
digests = ["sha256", "sm3"]

[broker]
port = {port}

[archive]
keys = ["{key}"]

[recorders]
poll_seconds = 0.1
"""

# PIMA 15740 §9.3.1: length, type (1 is a command), code, transaction, then 32-bit parameters.
_COMMAND = struct.Struct("<IHHI")
_GET_OBJECT, _GET_PARTIAL, _GET_PARTIAL_64 = 0x1009, 0x101B, 0x95C1
_PAST_THE_END = 1
"""Bytes asked for behind a clip, to see that it ends where it says; none of them is footage."""


class CountingBus(MemoryBus):
    """Counts, by serial, the bytes that the host asks of the first clip, and how often it polls.

    Asking past a clip's end, to see that it ends there, reads nothing.
    """

    def __init__(self) -> None:
        super().__init__(live=True)
        self.asked: Counter[str] = Counter()
        self.polls = 0

    def enumerate_devices(self) -> list[Any]:
        self.polls += 1
        return super().enumerate_devices()

    def bulk_write(
        self, dev_handle: Any, ep: int, intf: int, data: array[int], timeout: int
    ) -> int:
        raw = data.tobytes()
        if len(raw) >= _COMMAND.size:
            face = dev_handle.device.face
            start, end = range_asked(raw)
            self.asked[face.body.serial] += max(0, min(end, face.body.clips[0].size) - start)
        return int(super().bulk_write(dev_handle, ep, intf, data, timeout))

    intr_write = bulk_write


def range_asked(raw: bytes) -> tuple[int, int]:
    """Which bytes of an object a command asks for, as [start, end); empty for other commands.

    MTP 1.1 annex D.2.28; Android's 0x95C1 has an offset of two parameters.
    """
    _, kind, code, _ = _COMMAND.unpack_from(raw)
    parameters = struct.unpack_from(f"<{(len(raw) - _COMMAND.size) // 4}I", raw, _COMMAND.size)
    if kind != 1 or code not in (_GET_OBJECT, _GET_PARTIAL, _GET_PARTIAL_64):
        return 0, 0
    if code == _GET_OBJECT:
        return 0, sys.maxsize
    start = parameters[1] + (parameters[2] << 32 if code == _GET_PARTIAL_64 else 0)
    return start, start + parameters[-1]


def recorder(serial: str, sizes: list[int], random: Random) -> PtpFace:
    """A recorder with clips of noise, oldest first."""
    clips = [
        HeldClip(f"DCIM/{serial}_{number:03}.MP4", content=Noise(size, random.getrandbits(63)))
        for number, size in enumerate(sizes)
    ]
    return PtpFace(Body(serial=serial, cards=[Card(clips=clips)]))


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """What the daemon logs goes there, and nowhere else."""
    handler, root = logging.FileHandler(path), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(asctime)s %(threadName)s %(levelname)s %(message)s"))
    before, level = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        handler.close()


class Dock:
    """The daemon in a thread, and what its ledger and spool say from outside."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "dock"
        self.state.mkdir()
        path = folder / "dock.toml"
        key = SecretKey.load_or_make(folder / "archive.pem").public.text
        path.write_text(_CONFIG.format(state=self.state, port=free_port(), key=key), "utf-8")
        self.bus = CountingBus()
        self._daemon = DockDaemon(load(DockConfig, path), usb_backend=self.bus)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Raises what ended the daemon, where something did."""
        stop = threading.Event()
        with ThreadPoolExecutor(1) as threads:
            ran = threads.submit(self._daemon.run, stop)
            try:
                yield
            finally:
                stop.set()
            ran.result()

    def clips(self, serial: str = "") -> list[Row]:
        found = rows(self.state / "ledger.db", LEDGER_CLIPS, alive=True)
        return [row for row in found if serial in ("", row["serial"])]

    def contacts(self, serial: str) -> list[Row]:
        query = """SELECT contact.* FROM contact JOIN recorder ON recorder.id = contact.recorder
            WHERE recorder.serial = '{}' ORDER BY contact.id"""
        return rows(self.state / "ledger.db", query.format(serial), alive=True)

    def file(self, row: Row) -> Path:
        return self.state / "clips" / str(row["id"][:2]) / str(row["id"])

    def polled(self, times: int) -> None:
        """Wait until the daemon has looked at its ports so often."""
        wanted = self.bus.polls + times
        until(lambda: self.bus.polls >= wanted, 10.0, each=0.005)


def one_unplug(run: Run) -> None:
    """One recorder is unplugged one to three times; two others are left in peace."""
    random = Random(run.seed)
    dock = Dock(run.folder)
    size = random.randint(MIB, 8 * MIB)
    faces = {"HURT": recorder("HURT", [size], random)}
    for other in ("CALM1", "CALM2"):
        sizes = [random.randint(1, 2 * MIB) for _ in range(random.randint(1, 4))]
        faces[other] = recorder(other, sizes, random)
    with logging_to(run.folder / "dock.log"), dock.running():
        for number, serial in enumerate(("CALM1", "CALM2"), 2):
            dock.bus.plug(f"1-1.{number}", faces[serial])
        times = random.randint(1, 3)
        for _ in range(times):
            _unplug_once(run, dock, faces["HURT"], size, random)
        dock.bus.plug(_a_port(random), faces["HURT"])
        wanted = sum(len(face.body.clips) for face in faces.values())
        done = until(lambda: _spooled(dock) == wanted, SETTLE_SECONDS, each=0.05)
        run.must(done, f"{_spooled(dock)} of {wanted} clips spooled: {dock.clips()}")
        dock.polled(2)
        run.check(_wrong(dock, faces), "at the end")
        _count(run, dock, size)
        until(lambda: not any(_disturbed(dock)), ENDED_SECONDS, each=0.1)
        run.check(_disturbed(dock), "beside it")
    run.check((f"left over: {path}" for path in (dock.state / "incoming").iterdir()), "stopped")


def _unplug_once(run: Run, dock: Dock, face: PtpFace, size: int, random: Random) -> None:
    """Plug it in somewhere; it goes away at some transfer, most likely while it is read."""
    left = max(0, size - dock.bus.asked["HURT"])
    last = BEFORE_DATA + EACH_STEP * (left // STEP + 1)
    at = random.randint(BEFORE_DATA if random.random() < 0.9 else 0, last)
    fault = Unplug(at=at)
    before = face.faults.fired.total()
    face.faults.add(fault)
    port = _a_port(random)
    dock.bus.plug(port, face)
    asked = dock.bus.asked["HURT"]
    gone = until(lambda: face.faults.fired.total() > before or _has(dock, "HURT"), SETTLE_SECONDS)
    run.must(gone, f"neither unplugged at transfer {at} nor pulled")
    struck = face.faults.fired.total() > before
    run.counts["unplugs"] += 1
    run.counts["unplugs in a clip"] += struck and dock.bus.asked["HURT"] > asked
    run.note(f"port {port}, unplugged at transfer {face.faults.transfers} of about {last}")
    if not struck:  # the contact had fewer transfers: it goes away idle
        dock.bus.unplug(port)
    dock.polled(random.choice((0, 0, 1, 3)))
    run.check(_partial(dock), f"after unplugging at {at}")


def _a_port(random: Random) -> str:
    return random.choice(("1-1.1", "1-1.4", "1-2"))


def _spooled(dock: Dock) -> int:
    return sum(row["state"] == "spooled" for row in dock.clips())


def _has(dock: Dock, serial: str) -> bool:
    return any(row["state"] == "spooled" for row in dock.clips(serial))


def _partial(dock: Dock) -> Iterator[str]:
    """A clip that is not whole here has no digests and no file under its name."""
    for row in dock.clips("HURT"):
        sealed = row["blake3"] is not None
        if sealed != (row["state"] == "spooled"):
            yield f"clip is {row['state']} with digest {row['blake3']}"
        if row["state"] == "spooled" and not dock.file(row).exists():
            yield "clip is spooled and its file is not there"


def _wrong(dock: Dock, faces: dict[str, PtpFace]) -> Iterator[str]:
    """Each clip once, in the ledger and in the spool, with the recorder's bytes."""
    clips = {(s, clip.path): clip for s, face in faces.items() for clip in face.body.clips}
    found = Counter((row["serial"], row["path"]) for row in dock.clips())
    if found != Counter(clips.keys()):
        yield f"the ledger has {found}"
    for row in dock.clips():
        content = clips[row["serial"], row["path"]].content
        if dock.file(row).read_bytes() != content.read(0, content.size):
            yield f"{row['path']}: other bytes in the spool"
        facts = facts_of(dock.file(row))
        if (row["blake3"], row["sha256"], row["sm3"]) != (facts.blake3, facts.sha256, facts.sm3):
            yield f"{row['path']}: other digests in the ledger"
    names = {path.name.removesuffix(".sums") for path in (dock.state / "clips").glob("*/*")}
    if names != {row["id"] for row in dock.clips()}:
        yield f"{len(names)} clips in the spool"


def _count(run: Run, dock: Dock, size: int) -> None:
    """At most one chunk is asked for again by each unplug."""
    again = dock.bus.asked["HURT"] - size
    unplugs = run.counts["unplugs"]
    run.counts["KiB read again"] += again // 1024
    run.check(
        [f"{again} bytes asked again in {unplugs} unplugs"] if again > unplugs * CHUNK else [],
        "at the end",
    )


def _disturbed(dock: Dock) -> Iterator[str]:
    for serial in ("CALM1", "CALM2"):
        contacts = dock.contacts(serial)
        if [contact["reason"] for contact in contacts] != ["everything pulled"]:
            yield f"{serial} had contacts that ended so: {[c['reason'] for c in contacts]}"
