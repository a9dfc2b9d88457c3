"""The disk against bytes that real hosts and devices exchanged, as public traces show them.

Traces of usbmon (Linux), from mails on linux-usb and stable that quote them, and from a public
README of a card reader's driver. What a trace leaves open, such as the data of a READ, is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hwsim.card import Content
from hwsim.faces.bulk_only import BulkOnlyFace
from hwsim.media.grown import Noise
from hwsim.usb import BULK_IN, BULK_OUT, Silent, Stalled

MAIL = "Alan Stern on linux-usb, usbmon trace of"


@dataclass(frozen=True)
class Vector:
    """A command's transfers: wrapper, data out, data in (None: not in the trace), status."""

    source: str
    cbw: str
    csw: str
    out: str = ""
    data: str | None = ""
    blocks: int | None = 31744
    tries: int = 1


VECTORS = [
    Vector(
        f"{MAIL} a Kindle: TEST UNIT READY",
        "55534243 79000000 00000000 00000600 00000000 00000000 00000000 000000",
        "55534253 79000000 00000000 00",
    ),
    Vector(
        f"{MAIL} a Kindle: PREVENT MEDIUM REMOVAL",
        "55534243 7a000000 00000000 0000061e 00000001 00000000 00000000 000000",
        "55534253 7a000000 00000000 00",
    ),
    Vector(
        f"{MAIL} a Kindle: SYNCHRONIZE CACHE",
        "55534243 7b000000 00000000 00000a35 00000000 00000000 00000000 000000",
        "55534253 7b000000 00000000 00",
    ),
    Vector(
        f"{MAIL} a D-Link AX9U: READ CAPACITY(10)",
        "55534243 0a000000 08000000 80000a25 00000000 00000000 00000000 000000",
        "55534253 0a000000 00000000 00",
        data="00007bff 00000200",
    ),
    Vector(
        f"{MAIL} a D-Link AX9U: MODE SELECT(6), refused",
        "55534243 17000000 0c000000 00000615 1000000c 00000000 00000000 000000",
        "55534253 17000000 0c000000 01",
        out="00000008 00000000 00000800",
    ),
    Vector(
        f"{MAIL} a disk under usb-storage: READ(10)",
        "55534243 84000000 00100000 80000a28 003a0408 00000008 00000000 000000",
        "55534253 84000000 00000000 00",
        data=None,
        blocks=0x40000000,
    ),
    Vector(
        "README of a HUB with a card reader (Android), usbmon: TEST UNIT READY without a card; "
        "its unit number 1 is made 0 here",
        "55534243 21000000 00000000 00000600 00000000 00000000 00000000 000000",
        "55534253 21000000 00000000 01",
        blocks=None,
    ),
    Vector(
        "the same: REQUEST SENSE after that",
        "55534243 22000000 12000000 80000603 00000012 00000000 00000000 000000",
        "55534253 22000000 00000000 00",
        data="70000200 0000000a 00000000 3a000000 0000",
        blocks=None,
        tries=2,
    ),
]


def exchange(face: BulkOnlyFace, vector: Vector) -> list[bytes]:
    """Everything that comes back, stalls cleared."""
    face.write(BULK_OUT, bytes.fromhex(vector.cbw))
    if vector.out:
        face.write(BULK_OUT, bytes.fromhex(vector.out))
    transfers = []
    room = int.from_bytes(bytes.fromhex(vector.cbw)[8:12], "little")
    for size in (room, 13) if room and not vector.out else (13,):
        into = memoryview(bytearray(size))
        try:
            count, _ended = face.read(BULK_IN, into)
        except Stalled:
            count, _ended = face.read(BULK_IN, into)
        transfers.append(bytes(into[:count]))
    with pytest.raises(Silent):
        face.read(BULK_IN, memoryview(bytearray(512)))
    return transfers


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.source)
def test_bytes_of_real_devices(vector: Vector) -> None:
    medium: Content | None = Noise(512 * vector.blocks, 1) if vector.blocks else None
    face = BulkOnlyFace(medium)
    face.attach()
    if vector.tries == 2:
        exchange(face, VECTORS[VECTORS.index(vector) - 1])
    *data, status = exchange(face, vector)
    assert status == bytes.fromhex(vector.csw)
    if vector.data is None and medium is not None:
        assert data == [medium.read(0x3A040800 * 512, 4096)]
    else:
        assert b"".join(data) == bytes.fromhex(vector.data or "")
