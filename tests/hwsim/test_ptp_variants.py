"""How makers differ: what is offered, how containers are cut, how clips and times are told."""

from __future__ import annotations

import struct
from datetime import datetime

import pytest

from hwsim.body import Body, Card, HeldClip
from hwsim.faces.ptp import (
    FULL_MTP,
    NO_PARTIAL_64,
    NO_PROP_LIST,
    PLAIN_PTP,
    WHOLE_OBJECTS,
    PtpFace,
    Quirks,
)
from hwsim.media.grown import GrownMp4
from hwsim.ports.usb_memory import MemoryBus

from .host import Host, Wrong, face_of, plugged

GIANT = 5 * 2**30
ALL = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("operations", "missing"),
    [
        (NO_PARTIAL_64, {0x95C1}),
        (NO_PROP_LIST, {0x9805}),
        (PLAIN_PTP, {0x95C1, 0x9801, 0x9802, 0x9803, 0x9805}),
        (WHOLE_OBJECTS, {0x101B, 0x95C1, 0x9801, 0x9802, 0x9803, 0x9805}),
    ],
)
def test_what_is_not_offered_is_not_there(operations: frozenset[int], missing: set[int]) -> None:
    assert set(FULL_MTP - operations) == missing
    _, host = plugged(b"x", quirks=Quirks(operations=operations))
    host.open()
    for code in missing:
        with pytest.raises(Wrong, match="0x2005"):
            host.ask(code, 0x1003, 0, 0, 0, 0)
    info, _ = host.ask(0x1001)
    assert all(struct.pack("<H", code) in info[49:] for code in operations)


def test_a_header_in_a_transfer_of_its_own() -> None:
    _, host = plugged(b"0123456789", quirks=Quirks(split_header=True))
    host.open()
    host.send(0x1009, 0x1003)
    assert [len(host.read()) for _ in range(3)] == [12, 10, 12]


@pytest.mark.parametrize(("zero_packet", "lengths"), [(True, [512, 0, 12]), (False, [512, 12])])
def test_the_end_of_whole_packets(zero_packet: bool, lengths: list[int]) -> None:
    _, host = plugged(bytes(500), quirks=Quirks(zero_packet=zero_packet))
    host.open()
    host.send(0x1009, 0x1003)
    assert [len(host.read(512)) for _ in lengths] == lengths


def test_without_an_empty_packet_the_response_runs_into_a_large_read() -> None:
    _, host = plugged(bytes(500), quirks=Quirks(zero_packet=False))
    host.open()
    host.send(0x1009, 0x1003)
    assert len(host.read(1024)) == 512 + 12


def test_a_session_that_somebody_left_open() -> None:
    _, host = plugged(quirks=Quirks(session_open=True))
    with pytest.raises(Wrong, match="0x201e"):
        host.open()
    host.transaction = 1
    host.ask(0x1003)
    host.open()


def test_stores_have_the_ids_of_their_maker() -> None:
    body = Body(cards=[Card("SD", clips=[HeldClip("A.MP4", content=b"a")]), Card("INTERNAL")])
    bus = MemoryBus()
    bus.plug("1-1", PtpFace(body, quirks=Quirks(first_storage=0x00020003)))
    host = Host(bus)
    host.open()
    ids, _ = host.ask(0x1004)
    assert struct.unpack("<3I", ids) == (2, 0x00020003, 0x00030003)
    assert host.ask(0x1007, 0x00030003, 0, 0)[0] == bytes(4)


def test_handles_are_numbered_anew_in_every_session() -> None:
    _, host = plugged(b"x", b"y")
    host.open()
    first = host.handles()
    host.ask(0x1003)
    host.open()
    assert not set(first) & set(host.handles())


def test_clips_that_come_and_go_within_a_session() -> None:
    bus, host = plugged(b"x", b"y")
    body = face_of(bus).body
    host.open()
    dcim, folder, first, second = host.handles()
    assert host.handles(ALL) == [dcim]
    assert host.handles(dcim) == [folder]
    body.delete(body.clips[0])
    body.add(HeldClip("DCIM/101MEDIA/new.MP4", content=b"new"))
    after = host.handles()
    assert first not in after
    assert second in after
    assert len(after) == 5
    with pytest.raises(Wrong, match="0x2009"):
        host.ask(0x1008, first)


def test_marked_clips_are_protected_in_one_of_two_ways() -> None:
    for protects, status in ((False, 0x8002), (True, 0x0001)):
        body = Body()
        body.add(HeldClip("A.MP4", marked=True, content=b"a"))
        bus = MemoryBus()
        bus.plug("1-1", PtpFace(body, quirks=Quirks(protects_marked=protects)))
        host = Host(bus)
        host.open()
        (handle,) = host.handles()
        assert host.ask(0x9803, handle, 0xDC03)[0] == struct.pack("<H", status)
        if protects:
            with pytest.raises(Wrong, match="0x200d"):
                host.ask(0x100B, handle)
        else:
            host.ask(0x100B, handle)
        assert len(body.clips) == protects


def test_times_with_a_suffix() -> None:
    body = Body()
    body.add(HeldClip("A.MP4", recorded=datetime(2026, 8, 4, 1, 2, 3), content=b"a"))  # noqa: DTZ001
    bus = MemoryBus()
    bus.plug("1-1", PtpFace(body, quirks=Quirks(date_suffix=".0+0800")))
    host = Host(bus)
    host.open()
    clip, _ = host.ask(0x9803, host.handles()[0], 0xDC09)
    assert clip[1:-2].decode("utf-16-le") == "20260804T010203.0+0800"
    now, _ = host.ask(0x1015, 0x5011)
    assert now[1:-2].decode("utf-16-le") == "20260804T100000.0+0800"


def test_property_lists_of_single_objects_only() -> None:
    _, host = plugged(b"x", quirks=Quirks(lists_one_at_a_time=True))
    host.open()
    with pytest.raises(Wrong, match="0xa808"):
        host.ask(0x9805, ALL, 0, 0xDC04, 0, 0)
    assert host.ask(0x9805, host.handles()[-1], 0, 0xDC04, 0, 0)[0][:4] == b"\1\0\0\0"


@pytest.mark.parametrize(
    ("handle", "depth", "found"),
    [(ALL, 0, 4), (0, ALL, 4), (0, 1, 1), (0x1001, 0, 1), (0x1001, 1, 1), (0x1001, ALL, 3)],
)
def test_property_lists_by_handle_and_depth(handle: int, depth: int, found: int) -> None:
    _, host = plugged(b"x", b"y")
    host.open()
    data, _ = host.ask(0x9805, handle, 0, 0xDC04, 0, depth)
    assert struct.unpack_from("<I", data) == (found,)
    assert len(data) == 4 + found * 16


def test_property_lists_by_group_and_of_unknown_properties() -> None:
    _, host = plugged(b"x")
    host.open()
    for prop, code in ((0, "0xa807"), (0xDEAD, "0xa801")):
        with pytest.raises(Wrong, match=code):
            host.ask(0x9805, ALL, 0, prop, 1, 0)


def test_every_property_that_is_listed_has_a_description_and_a_value() -> None:
    _, host = plugged(b"x")
    host.open()
    listed, _ = host.ask(0x9801, 0xB982)
    props = struct.unpack_from(f"<{len(listed) // 2 - 2}H", listed, 4)
    assert len(props) == 10
    for prop in props:
        assert host.ask(0x9802, prop, 0xB982)[0][:2] == struct.pack("<H", prop)
        assert host.ask(0x9803, 0x1003, prop)[0]


def test_a_cancelled_transfer_is_over_after_a_while() -> None:
    _, host = plugged(bytes(10_000), quirks=Quirks(cancel_busy=2))
    host.open()
    host.send(0x1009, 0x1003)
    assert len(host.read(512)) == 512
    host.device.ctrl_transfer(0x21, 0x64, 0, 0, struct.pack("<HI", 0x4001, host.transaction))
    status = [bytes(host.device.ctrl_transfer(0xA1, 0x67, 0, 0, 4)).hex() for _ in range(3)]
    assert status == ["04001920", "04001920", "04000120"]
    host.transaction += 1
    assert host.handles()


@pytest.fixture
def giant() -> Host:
    body = Body()
    body.add(HeldClip("A.MP4", content=GrownMp4(GIANT, 3)))
    bus = MemoryBus()
    bus.plug("1-1", PtpFace(body))
    host = Host(bus)
    host.open()
    return host


def test_a_giants_size_needs_64_bits(giant: Host) -> None:
    (handle,) = giant.handles()
    assert giant.ask(0x1008, handle)[0][8:12] == b"\xff" * 4
    assert giant.ask(0x9803, handle, 0xDC04)[0] == struct.pack("<Q", GIANT)


def test_a_giant_is_read_beyond_4_gib(giant: Host) -> None:
    (handle,) = giant.handles()
    assert giant.part(handle, GIANT - 100, 1000) == GrownMp4(GIANT, 3).read(GIANT - 100, 100)
    assert giant.part(handle, GIANT, 1000) == b""


def test_a_giant_goes_out_whole_with_an_unknown_length(giant: Host) -> None:
    (handle,) = giant.handles()
    giant.send(0x1009, handle)
    got = giant.read()
    assert got[:4] == b"\xff" * 4
    assert got[12:] == GrownMp4(GIANT, 3).read(0, len(got) - 12)
