"""Finding objects and naming clips: what devices do that the simulator does not."""

from __future__ import annotations

import struct
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import RecorderMisbehaved
from agent.recorder.footage import PATH_LIMIT
from agent.recorder.mtp import objects
from agent.recorder.mtp.answers import Answer
from agent.recorder.mtp.clips import DEPTH_LIMIT, is_footage, iter_listed
from agent.recorder.mtp.objects import Finder
from agent.recorder.mtp.session import Session
from agent.wire.ptp.codes import ALL, ASSOCIATION, Operation, Response
from agent.wire.ptp.datasets import ObjectInfo
from hwsim.faces.ptp_data import array_u32, string, u16, u32
from tests.contracts.mtp import dock_mtp
from tests.contracts.recorder import TestClock, small_body

STORAGE = 0x00010001
BY_HANDLE = frozenset({Operation.GET_OBJECT_HANDLES, Operation.GET_OBJECT_INFO})
MP4 = 0xB982


def info(name: str, parent: int = 0, size: int = 5, **more: Any) -> ObjectInfo:
    facts: dict[str, Any] = {
        "format": MP4,
        "protection": 0,
        "created": "",
        "modified": "20260804T100000",
    } | more
    return ObjectInfo(storage=STORAGE, parent=parent, size=size, name=name, **facts)


def folder(name: str, parent: int = 0) -> ObjectInfo:
    return info(name, parent, 0, format=ASSOCIATION)


def dataset(one: ObjectInfo) -> bytes:
    """ObjectInfo as bytes, in the simulator's writing."""
    return (
        u32(one.storage)
        + struct.pack("<HHI", one.format, one.protection, min(one.size, ALL))
        + bytes(26)
        + u32(one.parent)
        + bytes(10)
        + b"".join(map(string, (one.name, one.created, one.modified)))
        + b"\0"
    )


def row(handle: int, code: int, kind: int, value: bytes) -> bytes:
    return u32(handle) + u16(code) + u16(kind) + value


class Device:
    """Stands for a session with a device that holds `things` and shows them as it likes."""

    def __init__(self, things: dict[int, ObjectInfo], clock: TestClock | None = None) -> None:
        self.things = things
        self.listed: dict[int, list[int]] = {0: list(things)}
        self.property_list = b""
        self.refusals: dict[int, int] = {}
        self.asked: list[tuple[int, ...]] = []
        self._clock = clock

    def check(self) -> None:
        pass

    def need(self, _doing: str, operation: int, *params: int, most: int) -> bytes:
        return self.ask(operation, *params, most=most).data

    def ask(self, operation: int, *params: int, most: int) -> Answer:
        self.asked.append((operation, *params))
        if self._clock:
            self._clock.advance(10.0)
        code, data = self.answer(operation, params)
        assert len(data) <= most
        return Answer(code, (), data)

    def answer(self, operation: int, params: tuple[int, ...]) -> tuple[int, bytes]:
        if operation == Operation.GET_OBJECT_HANDLES:
            return Response.OK, array_u32(self.listed.get(params[2], []))
        if operation == Operation.GET_OBJECT_PROP_LIST:
            return Response.OK, self.property_list
        handle = params[0]
        if operation == Operation.GET_OBJECT_PROP_VALUE:
            return Response.OK, struct.pack("<Q", self.things[handle].size)
        if handle in self.refusals:
            return self.refusals[handle], b""
        return Response.OK, dataset(self.things[handle])


def found(device: Device, operations: frozenset[Operation] = BY_HANDLE) -> objects.Found:
    finder = Finder(cast(Session, device), operations, device._clock or TestClock())
    return finder.find([STORAGE])


TREE = {1: folder("DCIM"), 2: folder("100", 1), 3: info("A.MP4", 2), 4: info("B.MP4")}


def test_a_device_that_lists_only_its_root_is_asked_folder_by_folder() -> None:
    device = Device(TREE)
    device.listed = {0: [1, 4], 1: [2], 2: [3]}
    assert found(device).objects == TREE


def test_nobody_asks_a_folder_of_which_something_is_known() -> None:
    device = Device(TREE)
    assert found(device).objects == TREE
    handles = [asked for asked in device.asked if asked[0] == Operation.GET_OBJECT_HANDLES]
    assert handles == [(Operation.GET_OBJECT_HANDLES, STORAGE, 0, 0)]


@pytest.mark.parametrize("reserved", [0, ALL])
def test_a_reserved_handle_is_never_asked_for_nor_kept(reserved: int) -> None:
    device = Device(TREE)
    device.listed = {0: [reserved, *TREE]}
    rows = whole_row(reserved, info("X.MP4"))
    device.property_list = u32(len(rows)) + b"".join(rows)
    for operations in (BY_HANDLE, BY_HANDLE | {Operation.GET_OBJECT_PROP_LIST}):
        assert found(device, operations).objects == TREE
    assert (Operation.GET_OBJECT_INFO, reserved) not in device.asked


def whole_row(handle: int, one: ObjectInfo, *, without: int = 0) -> list[bytes]:
    rows = {
        0xDC01: row(handle, 0xDC01, 6, u32(one.storage)),
        0xDC02: row(handle, 0xDC02, 4, u16(one.format)),
        0xDC04: row(handle, 0xDC04, 8, struct.pack("<Q", one.size)),
        0xDC07: row(handle, 0xDC07, 0xFFFF, string(one.name)),
        0xDC09: row(handle, 0xDC09, 0xFFFF, string(one.modified)),
        0xDC0B: row(handle, 0xDC0B, 6, u32(one.parent)),
        0xDC41: row(handle, 0xDC41, 10, bytes(16)),
    }
    return [raw for code, raw in rows.items() if code != without]


@pytest.mark.parametrize("without", [0xDC01, 0xDC02, 0xDC04, 0xDC07, 0xDC0B])
def test_what_the_property_list_leaves_out_is_asked_for(without: int) -> None:
    device = Device(TREE)
    rows = [*whole_row(1, TREE[1]), *whole_row(3, TREE[3]), *whole_row(4, TREE[4], without=without)]
    device.property_list = u32(len(rows)) + b"".join(reversed(rows))
    assert found(device, BY_HANDLE | {Operation.GET_OBJECT_PROP_LIST}).objects == TREE
    asked = [asked[1] for asked in device.asked if asked[0] == Operation.GET_OBJECT_INFO]
    assert asked == [2, 4]


@pytest.mark.parametrize("broken", [b"", b"\xff\xff\xff\xff", u32(1) + bytes(9), u32(0) + b"x"])
def test_a_broken_property_list_is_made_up_for(broken: bytes) -> None:
    device = Device(TREE)
    device.property_list = broken
    assert found(device, BY_HANDLE | {Operation.GET_OBJECT_PROP_LIST}).objects == TREE


def test_an_object_that_went_in_the_meantime_is_no_trouble() -> None:
    device = Device(TREE)
    device.refusals = {4: Response.INVALID_OBJECT_HANDLE}
    assert found(device) == objects.Found({1: TREE[1], 2: TREE[2], 3: TREE[3]}, ())


def test_a_size_that_32_bits_do_not_hold_is_asked_for() -> None:
    large = info("L.MP4", size=5_000_000_000)
    assert found(Device({7: large})).objects == {7: large}


@pytest.mark.parametrize(("listed", "asked"), [(5, 9), (9, 5), (5_000_000_000, 705_032_704)])
def test_of_two_sizes_the_larger_is_believed(
    listed: int, asked: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The list leaves out the format, so ObjectInfo is asked for and tells another size."""
    device = Device({4: info("B.MP4", size=asked)})
    rows = whole_row(4, info("B.MP4", size=listed), without=0xDC02)
    device.property_list = u32(len(rows)) + b"".join(rows)
    (one,) = found(device, BY_HANDLE | {Operation.GET_OBJECT_PROP_LIST}).objects.values()
    assert one.size == max(listed, asked)
    assert f"has {asked} bytes, or {listed} as listed" in caplog.text


def test_a_flood_of_handles_ends_the_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "HANDLE_LIMIT", 10)
    few = {handle: info(f"{handle}.MP4") for handle in range(1, 11)}
    assert len(found(Device(few)).objects) == 10
    with pytest.raises(RecorderMisbehaved, match="more than 10 objects"):
        found(Device(few | {11: info("11.MP4")}))


def test_a_listing_that_takes_for_ever_ends() -> None:
    many = {handle: info(f"{handle}.MP4") for handle in range(1, 200)}
    with pytest.raises(RecorderMisbehaved, match="took 900 s"):
        found(Device(many, TestClock()))


# Which objects are clips, and what they are called.


@pytest.mark.parametrize(
    ("name", "code", "footage"),
    [
        ("A.MP4", MP4, True),
        ("A.mp4", 0x3000, True),
        ("A.WAV", 0x3008, True),
        ("A.JPG", 0x3801, True),
        ("A", MP4, True),
        ("A.X7", 0xB980, True),
        ("A.X7", 0x3000, True),
        ("A", 0x3000, True),
        ("A.THM", 0x3801, False),
        ("A.LOG", 0x3004, False),
        ("A.TXT", MP4, False),
        ("A.M3U", 0xBA11, False),
        ("A.MP4", ASSOCIATION, False),
        ("A.MP4", 0x3004, True),
        ("A.X7", 0x3004, False),
        ("AUTPRINT.MRK", 0x3006, False),
        ("A.NMEA", 0x3004, True),
        ("A.gps", 0x3000, True),
        ("A.srt", 0x3004, True),
        ("Thumbs.db", 0x3000, False),
        (".nomedia", 0x3000, False),
        (".hidden", 0x3000, False),
        (".hidden", MP4, True),
        (".A.MP4", 0x3000, True),
        ("._A.MP4", MP4, False),
        ("WPSettings.dat", 0x3000, False),
        ("", 0x3000, True),
    ],
)
def test_a_file_is_footage_unless_it_is_known_not_to_be(
    name: str, code: int, footage: bool
) -> None:
    assert is_footage(info(name, format=code)) is footage


REAL_FORMATS = [
    *("264", "265", "h264", "h265", "dav", "3gpp", "m2t", "m2ts", "mjpg", "mjpeg", "flv", "insv"),
    *("lrv", "mp4.enc", "ts", "dat", "bin", "divx", "unheard"),
]


@pytest.mark.parametrize("code", [0x3000, MP4])
@pytest.mark.parametrize("extension", REAL_FORMATS)
def test_no_format_of_a_real_recorder_is_passed_over(extension: str, code: int) -> None:
    for name in (f"REC_0001.{extension}", f"REC_0001.{extension.upper()}"):
        assert is_footage(info(name, format=code))


def test_what_is_left_on_the_recorder_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "agent.recorder.footage")
    assert list(dock_mtp(small_body()).recorder.clips())
    assert "2 files are left as no footage: log 1, thm 1" in caplog.text


def paths(things: dict[int, ObjectInfo]) -> list[str]:
    return [one.clip.path for one in iter_listed(dict(things))]


def test_a_clip_is_named_from_the_root_down() -> None:
    assert paths(TREE) == ["DCIM/100/A.MP4", "B.MP4"]


@pytest.mark.parametrize("parent", [1, 2, 99, ALL])
def test_circles_and_unknown_parents_cut_the_path(parent: int) -> None:
    things = {1: folder("one", 2), 2: folder("two", 1), 3: info("A.MP4", parent)}
    expected = {1: "two/one/A.MP4", 2: "one/two/A.MP4"}.get(parent, "A.MP4")
    assert paths(things) == [expected]


def test_a_clip_that_lies_in_itself_is_listed() -> None:
    assert paths({3: info("A.MP4", 3)}) == ["A.MP4"]


def test_a_deep_clip_keeps_its_nearest_folders() -> None:
    things = {n: folder(f"L{n}", n - 1) for n in range(1, 100)} | {100: info("A.MP4", 99)}
    (path,) = paths(things)
    assert path.split("/") == [f"L{n}" for n in range(100 - DEPTH_LIMIT, 100)] + ["A.MP4"]


def test_a_long_path_is_a_digest_and_the_name() -> None:
    things = {n: folder("x" * 200, n - 1) for n in range(1, 20)}
    long = paths(things | {30: info("A.MP4", 19), 31: info("A.MP4", 18)})
    assert len(set(long)) == 2
    assert all(path.endswith("/A.MP4") and len(path) <= PATH_LIMIT for path in long)


def test_the_recorded_time_is_the_modified_one_else_the_created_one() -> None:
    things = {
        1: info("A.MP4", created="20260101T000000"),
        2: info("B.MP4", created="20260101T000000", modified=""),
    }
    assert [one.clip.recorded for one in iter_listed(things)] == [
        "20260804T100000",
        "20260101T000000",
    ]


names = st.sampled_from(["A.MP4", "A~2.MP4", "A~3.MP4", "A", "A~2", ".MP4", ""])


@given(st.lists(st.tuples(names, st.integers(0, 1)), max_size=30))
def test_no_two_clips_are_one_and_none_is_lost(given_clips: list[tuple[str, int]]) -> None:
    things = {n + 1: info(name, size=size) for n, (name, size) in enumerate(given_clips)}
    listed = list(iter_listed(dict(things)))
    assert sorted(one.handle for one in listed) == sorted(things)
    assert len({(one.clip.path, one.clip.size, one.clip.recorded) for one in listed}) == len(things)
