"""The repertoire of a hostile PTP recorder: behaviours by name, each a handful of faults.

Every way in which a device may break the protocol, lie or drag its feet that the tests of an
initiator should have met. `faults` makes a fresh set, since faults count.
"""

from __future__ import annotations

from hwsim.faces.ptp_codes import Operation
from hwsim.faults import (
    NASTY_NAMES,
    AnswerFirst,
    BadClock,
    BadData,
    BadDate,
    BadName,
    BadResponse,
    CyclicParents,
    DeepLevels,
    DoubleHandles,
    Endless,
    FalseBattery,
    FalseDelete,
    FalseSize,
    Fault,
    Faults,
    FlipBit,
    HandleFlood,
    NoAnswer,
    OtherBytes,
    Refuse,
    Repeat,
    ShortRead,
    Silence,
    SizeChanges,
    Stall,
    Trickle,
    Unplug,
    Vanish,
    ZeroLength,
)

ENUMERATED = 12
"""By this transfer a host has read the descriptors and opened a session, more or less."""

MOST = 2**32 - 1
READING = (
    Operation.GET_OBJECT,
    Operation.GET_PARTIAL_OBJECT,
    Operation.GET_PARTIAL_OBJECT_64,
)

HOSTILE: dict[str, tuple[Fault, ...]] = {
    # Containers.
    "response of length 0": (BadResponse(length=0, at=3),),
    "response of length 11": (BadResponse(length=11, at=3),),
    "response of the greatest length": (BadResponse(length=MOST, at=3),),
    "response with bytes behind it": (BadResponse(deliver=4, at=3),),
    "response that is cut": (BadResponse(deliver=-2, at=3),),
    "response of another transaction": (BadResponse(transaction=1, at=3),),
    "response that is an event": (BadResponse(kind=4, at=3),),
    "response with an unknown code": (BadResponse(code=0xFFFF, at=3),),
    "response twice": (Repeat(at=3),),
    "response before the data": (AnswerFirst(at=3),),
    "no response": (NoAnswer(at=3),),
    "data of length 0": (BadData(length=0, at=1),),
    "data of length 11": (BadData(length=11, at=1),),
    "data of the greatest length": (BadData(length=MOST, at=1),),
    "data of another transaction": (BadData(transaction=-1, at=1),),
    "data of another operation": (BadData(code=0x100F, at=1),),
    "data that is a command": (BadData(kind=1, at=1),),
    "less data than declared": (BadData(deliver=-1, at=1, times=None),),
    "more data than declared": (BadData(deliver=1, at=1, times=None),),
    "a page more than declared": (BadData(deliver=4096, at=1, times=None),),
    "datasets that end in mid-field": (BadData(cut=3, at=1, times=None),),
    "empty datasets": (BadData(cut=MOST, at=1, times=None),),
    # Footage.
    "footage that is cut": tuple(BadData(operation=code, cut=100) for code in READING),
    "less footage than declared": tuple(BadData(operation=code, deliver=-1) for code in READING),
    "more footage than declared": tuple(BadData(operation=code, deliver=1) for code in READING),
    "footage of another reading": tuple(
        BadData(operation=code, transaction=-1) for code in READING
    ),
    "no footage": tuple(Refuse(operation=code, code=0x2002, times=None) for code in READING),
    "busy with footage": tuple(Refuse(operation=code, times=2) for code in READING),
    # Transfers.
    "unplugged": (Unplug(at=ENUMERATED + 6),),
    "stalls once": (Stall(at=ENUMERATED + 6),),
    "stalls for ever": (Stall(at=ENUMERATED + 6, times=None),),
    "falls silent once": (Silence(at=ENUMERATED + 6),),
    "falls silent for ever": (Silence(at=ENUMERATED + 6, times=None),),
    "short reads": (ShortRead(at=ENUMERATED, keep=7, times=None),),
    "short reads that lose the rest": (ShortRead(at=ENUMERATED, keep=100, lost=True, times=None),),
    "endless data": (Endless(at=ENUMERATED + 6, times=None),),
    "a thousand empty packets": (ZeroLength(at=ENUMERATED + 6, times=1000),),
    "empty packets for ever": (ZeroLength(at=ENUMERATED + 6, times=None),),
    "one byte per time-out": (Trickle(at=ENUMERATED + 6, times=None),),
    "a bit flips in a header": (FlipBit(at=ENUMERATED + 7, byte=4), FlipBit(at=24, byte=0, bit=7)),
    "bits flip everywhere": (FlipBit(at=ENUMERATED, times=None),),
    # Patience.
    "busy at first": (Refuse(times=3),),
    "busy in between": (Refuse(at=3, times=3),),
    "busy for ever": (Refuse(times=None),),
    "refuses every listing": (
        Refuse(operation=Operation.GET_OBJECT_HANDLES, code=0x2002, times=None),
        Refuse(operation=Operation.GET_OBJECT_PROP_LIST, code=0x2002, times=None),
    ),
    # Lies.
    "a battery of 255 %": (FalseBattery(),),
    "a million clips": (HandleFlood(),),
    "every handle twice": (DoubleHandles(),),
    "folders in a circle": (CyclicParents(),),
    "ten thousand levels": (DeepLevels(),),
    "clips of 2^64 - 1 bytes": (FalseSize(),),
    "clips that grow as they are listed": (SizeChanges(),),
    "clips that shrink as they are listed": (SizeChanges(by=-100),),
    "a clip that vanishes as it is read": (Vanish(at=1),),
    "other bytes at every reading": (OtherBytes(),),
    "a deletion that keeps the clip": (FalseDelete(),),
    "a deletion of another clip": (FalseDelete(another=True),),
    "clips from before Christ": (BadDate(),),
    "clips from no calendar": (BadDate(text="20261399T256199"),),
    "a clock from before Christ": (BadClock(),),
    "a clock that shows text": (BadClock(text="\u202eetad\x1b[2J"),),
    **{f"clips called {name[:12]!a}": (BadName(name=name),) for name in NASTY_NAMES},
}


def faults(behaviour: str, seed: int = 0) -> Faults:
    """A fresh set of the faults that make up one behaviour. Raises KeyError for no such one."""
    return Faults(*HOSTILE[behaviour], seed=seed)
