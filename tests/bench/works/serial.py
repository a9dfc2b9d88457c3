"""Read one clip of a simulated SMP recorder over a pseudo-terminal: into a spool, or as a rival."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

from smpclient import SMPClient
from smpclient.transport.serial import SMPSerialTransport

from agent.clock import SystemClock
from agent.link.serial_port import SerialLine
from agent.offload.pull import Offload
from agent.recorder.smp.recorder import open_on
from agent.spool.recovery import open_ledger, recover
from hwsim.body import Body, Card, HeldClip
from hwsim.faces.smp import SmpFace
from hwsim.faces.smp_make import SmpMake
from hwsim.media.grown import Noise
from hwsim.ports.pty_port import PtyPort
from tests.bench.cost import Failed
from tests.bench.worker import Stopwatch
from tests.bench.works.pull import new_spool
from tests.contracts.smp import BAUD, smp_profile

PATH = "REC/LONG.WAV"


def read(
    state: str, via: str, size: int, seed: int, buffer: int, baud: int | None, digests: list[str]
) -> dict[str, Any]:
    """`via` is "spool", from opening the recorder until the clip is committed, or "smpclient", the
    bytes alone. `baud` None: as fast as it goes. The simulator works in this process, too.
    """
    clip = HeldClip(PATH, content=Noise(size, seed))
    face = SmpFace(
        Body(clock=SystemClock(), cards=[Card("SD", 2**40, [clip])]),
        SmpMake(buffer=buffer, digests=tuple(digests)),
    )
    port = PtyPort(face, baud=baud)
    try:
        if via == "smpclient":
            return asyncio.run(_rival(port, size))
        return _pull(Path(state), port, size)
    finally:
        port.unplug()


def _pull(state: Path, port: PtyPort, size: int) -> dict[str, Any]:
    ledger = open_ledger(state, SystemClock())
    spool = new_spool(state, ledger, frozenset())
    recover(spool)
    watch = Stopwatch()
    recorder = open_on(SerialLine(port.node, BAUD), smp_profile(), SystemClock())
    identity = recorder.identify()
    contact = ledger.begin_contact("1", identity, recorder.health(), recorder.clock())
    done = Offload(spool, ledger).pull(recorder, identity, "1", contact, stop=threading.Event())
    cost = watch.read()
    if not done.complete or done.bytes < size:
        raise Failed(f"the pull is not complete: {done}")
    recorder.close()
    spool.close()
    ledger.close()
    return cost


async def _rival(port: PtyPort, size: int) -> dict[str, Any]:
    async with SMPClient(SMPSerialTransport(baudrate=BAUD), str(port.node)) as client:
        watch = Stopwatch()
        data = await client.download_file(f"/{PATH}")
        cost = watch.read()
    if len(data) != size:
        raise Failed(f"smpclient read {len(data)} of {size} bytes")
    return cost
