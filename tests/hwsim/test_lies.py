"""What a recorder says that is not so, and the repertoire of all that it can do to a host."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
import usb.core

from hwsim.faces.ptp_hostile import HOSTILE, faults
from hwsim.faults import (
    BadClock,
    BadDate,
    BadName,
    CyclicParents,
    DeepLevels,
    DoubleHandles,
    FalseBattery,
    FalseDelete,
    FalseSize,
    Fault,
    Faults,
    HandleFlood,
    OtherBytes,
    SizeChanges,
    Vanish,
)

from .host import CLIP, Host, Wrong, opened, plugged

ALL = 0xFFFFFFFF


def test_a_false_battery() -> None:
    assert opened(FalseBattery()).ask(0x1015, 0x5001)[0] == b"\xff"


def test_a_deletion_that_keeps() -> None:
    host = opened(FalseDelete())
    host.ask(0x100B, host.handles()[-1])
    assert len(host.handles()) == 3


def test_a_deletion_of_another() -> None:
    host = opened(FalseDelete(another=True), clips=(b"first", b"second"))
    *_, first, second = host.handles()
    host.ask(0x100B, second)
    assert second in host.handles()
    assert first not in host.handles()


@pytest.mark.parametrize(
    ("fault", "sizes"),
    [
        (SizeChanges(by=3), [5123, 5126, 5129]),
        (SizeChanges(by=-3000), [2120, 0, 0]),
        (FalseSize(), [2**64 - 1] * 3),
        (FalseSize(size=0, times=1), [0, 5120, 5120]),
    ],
)
def test_false_sizes(fault: Fault, sizes: list[int]) -> None:
    host = opened(fault)
    told = [host.ask(0x9803, host.handles()[-1], 0xDC04)[0] for _ in sizes]
    assert [int.from_bytes(size, "little") for size in told] == sizes


def test_a_clip_that_vanishes_between_two_parts() -> None:
    host = opened(Vanish(at=1))
    handle = host.handles()[-1]
    assert host.part(handle, 0, 100) == CLIP[:100]
    with pytest.raises(Wrong, match="0x2009"):
        host.part(handle, 100, 100)
    assert handle not in host.handles()


def test_a_clip_that_vanishes_as_it_goes_out() -> None:
    host = opened(Vanish())
    host.send(0x1009, host.handles()[-1])
    assert len(data := host.read()) == 12 + len(CLIP) // 2
    assert data[:4] == struct.pack("<I", 12 + len(CLIP))
    assert host.read()[6:8] == b"\x07\x20"


def test_other_bytes_at_every_reading() -> None:
    host = opened(OtherBytes())
    reads = {host.part(host.handles()[-1], 0, 1000) for _ in range(5)}
    assert len(reads) == 5


@pytest.mark.parametrize("name", ["..", "a/b", "\ud800", "A\0B", "N" * 254])
def test_bad_names(name: str) -> None:
    host = opened(BadName(name=name))
    told, _ = host.ask(0x9803, host.handles()[-1], 0xDC07)
    assert told[0] == len(name) + 1
    assert told[1:] == name.encode("utf-16-le", "surrogatepass") + b"\0\0"


def test_bad_dates() -> None:
    host = opened(BadDate(text="yesterday"), BadClock(text="tomorrow"))
    assert "yesterday".encode("utf-16-le") in host.ask(0x1008, host.handles()[-1])[0]
    assert "tomorrow".encode("utf-16-le") in host.ask(0x1015, 0x5011)[0]


def in_session(fault: Fault) -> Host:
    """For lies about the tree of objects, which a session begins with."""
    _, host = plugged(CLIP, faults=Faults(fault))
    host.open()
    return host


def test_a_flood_of_handles_that_all_seem_to_be_clips() -> None:
    host = in_session(HandleFlood(count=1_000_000))
    handles = host.handles()
    assert len(set(handles)) == 1_000_003
    assert "FLOOD0999999.MP4".encode("utf-16-le") in host.ask(0x1008, handles[-1])[0]
    assert len(host.part(handles[-1], 0, 1000)) == 1000


def test_a_flood_in_a_property_list_comes_as_it_is_read() -> None:
    host = in_session(HandleFlood(count=1_000_000))
    host.send(0x9805, ALL, 0, ALL, 0, 0)
    container = host.read(4096)
    assert struct.unpack_from("<I", container, 12) == (10_000_030,)
    width = (struct.unpack_from("<I", container)[0] - 12) // 1_000_000
    assert width > 100


def test_every_handle_twice() -> None:
    host = in_session(DoubleHandles())
    handles = host.handles()
    assert (len(handles), len(set(handles))) == (6, 3)
    assert host.ask(0x9805, ALL, 0, 0xDC04, 0, 0)[0][:4] == struct.pack("<I", 6)


def test_folders_in_a_circle() -> None:
    host = in_session(CyclicParents())
    (first,) = host.handles(ALL)
    seen = [first]
    for _ in range(6):
        seen.append(host.handles(seen[-1])[0])
    assert len(set(seen)) == 2


def test_ten_thousand_levels() -> None:
    host = in_session(DeepLevels(levels=10_000))
    data, _ = host.ask(0x9805, ALL, 0, 0xDC0B, 0, 0)
    parents = {handle: parent for handle, _, parent in struct.iter_unpack("<III", data[4:])}
    handle, depth = host.handles()[-1], 0
    while handle:
        handle, depth = parents[handle], depth + 1
    assert depth == 10_003


# The repertoire.


def test_the_repertoire_is_as_large_as_promised() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("behaviour", HOSTILE)
def test_every_hostile_behaviour_shows_in_a_plain_contact(behaviour: str, seed: int) -> None:
    recorder = faults(behaviour, seed)
    _, host = plugged(CLIP, CLIP, faults=recorder)
    with suppress(Wrong, usb.core.USBError, ValueError, IndexError, struct.error):
        host.contact(len(CLIP), delete=True)  # what the host makes of it is the host's matter
    assert recorder.fired.total() > 0, f"nothing happened, seed {seed}"
