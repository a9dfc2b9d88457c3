"""The repertoire of a hostile SMP recorder: behaviours by name, each a handful of faults.

`faults` makes a fresh set, since faults count.
"""

from __future__ import annotations

from hwsim.faces.smp_faults import (
    Babble,
    Forged,
    NoSmpAnswer,
    SmpRefusal,
    TwiceAnswered,
    WrongData,
    WrongFrame,
    WrongHead,
)
from hwsim.faces.smp_make import FILES, OS, STATS
from hwsim.faults import BadClock, FalseBattery, FalseSize, Fault, Faults, SizeChanges, Vanish

CLOCK, INFO, STATISTICS = OS << 8 | 4, OS << 8 | 7, STATS << 8
DOWNLOAD, STATUS, DIGEST = FILES << 8, FILES << 8 | 1, FILES << 8 | 2

ENDLESS = Babble(text=b"A" * 65_536, count=40, at=3, times=None)

HOSTILE: dict[str, tuple[Fault, ...]] = {
    # Frames.
    "a wrong CRC once": (WrongFrame(crc=1, at=3),),
    "a wrong CRC for ever": (WrongFrame(crc=0x8000, at=3, times=None),),
    "a frame declares too much": (WrongFrame(length=1, at=3, times=None),),
    "a frame declares 64 KiB": (WrongFrame(length=40_000, at=3, times=None),),
    "a frame declares too little": (WrongFrame(length=-1, at=3, times=None),),
    "only the first line of each packet": (WrongFrame(lines=1, at=3, times=None),),
    "no line at all": (WrongFrame(lines=0, at=3, times=None),),
    "silent once": (NoSmpAnswer(at=3),),
    "silent for ever": (NoSmpAnswer(at=3, times=None),),
    "everything twice": (TwiceAnswered(times=None),),
    # Heads.
    "a wrong sequence once": (WrongHead(sequence=1, at=3),),
    "a wrong sequence for ever": (WrongHead(sequence=100, at=3, times=None),),
    "another group answers": (WrongHead(group=1, at=3, times=None),),
    "another command answers": (WrongHead(command=1, at=3, times=None),),
    "the head declares too much": (WrongHead(length=1, at=3, times=None),),
    "the head declares too little": (WrongHead(length=-1, at=3, times=None),),
    "empty bodies": (WrongHead(body=b"", at=3, times=None),),
    "bodies that are no CBOR": (WrongHead(body=b"\xff" * 64, at=3, times=None),),
    "bodies a thousand levels deep": (WrongHead(body=b"\x9f" * 300, at=3, times=None),),
    "bodies that declare 2^64 items": (WrongHead(body=b"\xbb" + b"\xff" * 8, at=3, times=None),),
    "bodies that are no map": (WrongHead(body=b"\x80", at=3, times=None),),
    # Fields.
    "a refusal that is a text": (Forged(fields={"rc": "no"}, at=3, times=None),),
    "a refusal without a group": (Forged(fields={"err": {"rc": 1}}, at=3, times=None),),
    "refusals by an unknown group": (
        Forged(fields={"err": {"group": 99, "rc": 77}}, at=3, times=None),
    ),
    "pieces of another offset": (Forged(operation=DOWNLOAD, fields={"off": 1}, at=2, times=None),),
    "pieces of the greatest offset": (
        Forged(operation=DOWNLOAD, fields={"off": 2**64 - 1}, times=None),
    ),
    "pieces that are text": (Forged(operation=DOWNLOAD, fields={"data": "A"}, times=None),),
    "pieces without a byte": (Forged(operation=DOWNLOAD, fields={"data": b""}, at=2, times=None),),
    "files of the greatest length": (
        Forged(operation=DOWNLOAD, fields={"len": 2**64 - 1}, times=None),
    ),
    "files of negative length": (Forged(operation=STATUS, fields={"len": -1}, times=None),),
    "digests of something else": (Forged(operation=DIGEST, fields={"off": 9}, times=None),),
    "digests of another kind": (Forged(operation=DIGEST, fields={"type": "crc32"}, times=None),),
    "false digests": (Forged(operation=DIGEST, fields={"output": bytes(32)}, times=None),),
    "one byte is another at every reading": (WrongData(times=None),),
    "one byte is another once": (WrongData(at=1),),
    # The console.
    "NUL runs": (Babble(text=b"\0" * 3000, times=None),),
    "escape sequences": (Babble(text=b"\x1b[2J\x1b]0;owned\x07\x9b31m", times=None),),
    "XON and XOFF": (Babble(text=b"\x13\x13\x11\x13", times=None),),
    "half a packet before each": (Babble(text=b"\x06\x09AQAAAA==\n\x04\x14", times=None),),
    "marks without end": (Babble(text=b"\x06\x09\x04\x14" * 500, times=None),),
    "an endless line": (ENDLESS,),
    "an endless line instead of answers": (
        Babble(text=b"A" * 65_536, count=40, instead=True, at=3, times=None),
    ),
    "lines without end": (Babble(text=b"0123456789\n" * 6_000, count=40, at=3, times=None),),
    # Patience.
    "busy once": (SmpRefusal(at=3),),
    "busy for ever": (SmpRefusal(times=None),),
    "refuses everything": (SmpRefusal(code=8, times=None),),
    "refuses everything but an echo": (SmpRefusal(code=11, at=1, times=None),),
    "refuses to read": (SmpRefusal(operation=DOWNLOAD, code=7, group=FILES, times=None),),
    "refuses to digest": (SmpRefusal(operation=DIGEST, code=1, group=FILES, times=None),),
    # Lies.
    "a battery of 255 %": (FalseBattery(),),
    "statistics that are text": (
        Forged(operation=STATISTICS, fields={"fields": {"percent": "x"}}),
    ),
    "clips of 2^64 - 1 bytes": (FalseSize(),),
    "clips that grow as they are asked for": (SizeChanges(),),
    "clips that shrink as they are asked for": (SizeChanges(by=-100),),
    "a clip that vanishes as it is read": (Vanish(at=1),),
    "a clock from before Christ": (BadClock(),),
    "a clock that shows text": (BadClock(text="\u202eetad\x1b[2J"),),
    "a serial number of nonsense": (Forged(operation=INFO, fields={"output": "\x1b[2J\u202e"}),),
}


def faults(behaviour: str, seed: int = 0) -> Faults:
    """A fresh set of the faults that make up one behaviour. Raises KeyError for no such one."""
    return Faults(*HOSTILE[behaviour], seed=seed)
