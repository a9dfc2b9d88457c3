"""The child that parses a volume: confined, and not believed when it was taken over."""

from __future__ import annotations

import os
import re
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed, RecorderGone, RecorderMisbehaved
from agent.link.volume import child
from agent.link.volume.frames import (
    HEADER,
    LIST_LIMIT,
    RUN,
    Data,
    End,
    File,
    Folder,
    Frame,
    Runs,
    Trouble,
    Volume,
    decode,
    encode,
)
from agent.link.volume.node import BlockNode
from agent.recorder.footage import Choice
from agent.recorder.profiles.model import Clips
from agent.recorder.volume import survey as surveying
from agent.recorder.volume.survey import ENTRY_LIMIT, Survey, survey
from hwsim.body import Card, HeldClip
from hwsim.images import make_image
from tests.contracts.recorder import small_card
from tests.contracts.volume import DiskPort, opened

MEMORY = 64 * 1024 * 1024
VOLUME = Volume(0, 10_000, "exfat", b"\1\2\3\4")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[BlockNode]:
    """A disk of 10,000 zeros."""
    image = tmp_path / "card.img"
    image.write_bytes(bytes(10_000))
    port = DiskPort(tmp_path / "machine")
    port.plug(image)
    node = BlockNode(port.await_disk(1.0), port.now)
    yield node
    node.close()


def taken_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: bytes, then: str = ""
) -> None:
    """From now on the child is a program that says this."""
    words = tmp_path / "words"
    words.write_bytes(says)
    program = f"import sys, time, os; sys.stdout.buffer.write(open({str(words)!r}, 'rb').read()); "
    monkeypatch.setattr(child, "_START", program + "sys.stdout.buffer.flush(); " + then)


def found_by(node: BlockNode) -> Survey:
    return survey([node], Choice(Clips()), "utf-8", ())


def said(*frames: Frame) -> bytes:
    return b"".join(map(encode, frames))


def a_file(number: int, size: int = 10, *runs: tuple[int, int], folder: int = 0) -> File:
    packed = b"".join(RUN.pack(*run) for run in runs)
    return File(folder, False, 0, size, 0, packed, f"F{number}.MP4".encode())


FRAMES = st.one_of(
    st.builds(Volume, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.just("fat")),
    st.builds(
        Folder,
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.booleans(),
        st.integers(0, 2**64 - 1),
        st.binary(max_size=300),
    ),
    st.builds(
        File,
        st.integers(0, 2**32 - 1),
        st.booleans(),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**64 - 1),
        st.integers(-(2**63), 2**63 - 1),
        st.lists(st.binary(min_size=16, max_size=16), max_size=20).map(b"".join),
        st.binary(max_size=300),
    ),
    st.builds(Trouble, st.integers(0, 2**32 - 1), st.text("abc: ", max_size=100)),
    st.builds(Runs, st.lists(st.binary(min_size=16, max_size=16)).map(b"".join)),
    st.builds(Data, st.binary(max_size=5000)),
    st.just(End()),
)


@given(FRAMES)
def test_a_frame_comes_back_as_it_went(frame: Frame) -> None:
    raw = encode(frame)
    kind, length = HEADER.unpack_from(raw)
    assert length == len(raw) - HEADER.size
    assert decode(kind, raw[HEADER.size :]) == frame


@given(st.binary(min_size=1, max_size=1), st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_malformed(kind: bytes, payload: bytes) -> None:
    try:
        frame = decode(kind, payload)
    except Malformed:
        return
    assert decode(kind, encode(frame)[HEADER.size :]) == frame


# Confined.


def many_files(folder: Path) -> BlockNode:
    """A card of which the listing is more than a pipe holds."""
    clips = [HeldClip(f"{n // 100}/CAM_{n:020}.MP4") for n in range(1500)]
    port = DiskPort(folder / "machine")
    port.plug(make_image(folder / "card.img", Card("MANY", 10**8, clips), kind="fat16"))
    return BlockNode(port.await_disk(1.0), port.now)


def open_flags(process: Path) -> dict[str, list[int]]:
    """What a process has open, and how, by where it leads."""
    found: dict[str, list[int]] = {}
    for link in (process / "fdinfo").iterdir():
        with suppress(FileNotFoundError):  # the one that lists this folder
            said = re.search(r"^flags:\s*(\d+)$", link.read_text(), re.MULTILINE)
            assert said
            leads = str((process / "fd" / link.name).readlink())
            found.setdefault(leads, []).append(int(said[1], 8))
    return found


def test_it_has_limits_and_no_way_to_open_anything(tmp_path: Path) -> None:
    node = many_files(tmp_path)
    with child._child(node, 60, "files") as frames:
        next(frames.until(None))  # more does not fit into the pipe: it waits
        process = Path(f"/proc/{frames._process.pid}")
        limits = dict(re.findall(r"^(Max [\w ]+?)  +(\d+)", (process / "limits").read_text(), re.M))
        words = (process / "environ").read_bytes()
        ours, its = open_flags(Path("/proc/self")), open_flags(process)
    node.close()
    image = str(tmp_path / "card.img")
    assert [flags & os.O_ACCMODE for flags in ours[image]] == [os.O_RDONLY]
    assert ours[image][0] & os.O_CLOEXEC
    assert [flags & os.O_ACCMODE for flags in its[image]] == [os.O_RDONLY]
    assert {name.partition(":")[0] for name in its} == {"/dev/null", "pipe", image}
    assert int(limits["Max address space"]) < 128 * 1024 * 1024
    assert int(limits["Max cpu time"]) == 60
    assert limits["Max open files"] == limits["Max file size"] == "0"
    assert limits["Max core file size"] == "0"
    assert b"TZ=UTC" in words
    assert b"PATH" not in words.replace(b"LD_LIBRARY_PATH", b"")


# Taken over, or broken.


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (b"", "could not be read to its end"),
        (b"\0" * 5, "tells a frame of kind"),
        (HEADER.pack(b"V", 2**32 - 1), "tells too much at once"),
        (HEADER.pack(b"F", LIST_LIMIT + 1), "tells too much at once"),
        (HEADER.pack(b"V", 3) + b"abc", "tells a frame of kind"),
        (said(a_file(1)), "files of no volume"),
        (said(Data(b"abc")), "what was not asked"),
        (said(Volume(10_000, 1, "fat")), "starts behind its end"),
        (said(*[VOLUME] * 17), "more than 16 volumes"),
        (said(VOLUME, a_file(1, folder=9)), "a file in no folder"),
        (said(VOLUME, Folder(1, 7, False, 0, b"A")), "folders that do not join"),
        (said(VOLUME, Folder(0, 0, False, 0, b"A")), "folders that do not join"),
        (said(VOLUME)[:-1], "could not be read to its end"),
    ],
)
def test_what_makes_no_sense_is_not_believed(
    says: bytes, words: str, node: BlockNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_over(monkeypatch, tmp_path, says)
    try:
        trouble = found_by(node).trouble
    except RecorderMisbehaved as error:
        trouble = [error.what]
    assert len(trouble) == 1
    assert words in trouble[0]


@pytest.mark.parametrize(
    ("size", "runs"),
    [
        (10, ()),
        (10, ((0, 9),)),
        (10, ((0, 11),)),
        (10, ((9_995, 10),)),
        (10, ((2**64 - 5, 10),)),
        (20, ((0, 10), (10_000, 10))),
        (2**63, ((0, 2**63),)),
        (2**64 - 1, ((0, 10),)),
        (0, ((0, 0),)),
    ],
)
def test_runs_that_do_not_hold_the_file_are_told(
    size: int,
    runs: tuple[tuple[int, int], ...],
    node: BlockNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = a_file(2, 30, (100, 10), (0, 20))
    taken_over(monkeypatch, tmp_path, said(VOLUME, a_file(1, size, *runs), good, End()))
    found = found_by(node)
    if size:
        assert "F1.MP4" in found.trouble[0]
        assert [clip.path for clip in found.clips] == ["F2.MP4"]
    else:
        assert [clip.size for clip in found.clips] == [0, 30]


def test_what_was_told_before_it_died_stays(
    node: BlockNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_over(monkeypatch, tmp_path, said(VOLUME, a_file(1, 10, (0, 10))), "os.abort()")
    found = found_by(node)
    assert [clip.path for clip in found.clips] == ["F1.MP4"]
    assert "ended by signal 6" in found.trouble[0]


def test_more_files_than_a_recorder_has_are_refused_in_little_memory(
    node: BlockNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveying, "ENTRY_LIMIT", ENTRY_LIMIT // 8)
    many = b"".join(encode(a_file(n, 10, (0, 10))) for n in range(ENTRY_LIMIT // 8 + 2))
    taken_over(monkeypatch, tmp_path, said(VOLUME) + many)
    del many
    tracemalloc.start()
    try:
        found = found_by(node)
        assert tracemalloc.get_traced_memory()[1] < MEMORY // 8
    finally:
        tracemalloc.stop()
    assert len(found.clips) == ENTRY_LIMIT // 8
    assert "more than 12500 files" in found.trouble[0]


def test_a_child_that_never_stops_talking_is_ended(
    node: BlockNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LIST_SECONDS", 0.5)
    forever = f"[sys.stdout.buffer.write({said(Trouble(0, 'oh'))!r}) for _ in iter(int, 1)]"
    taken_over(monkeypatch, tmp_path, said(VOLUME), forever)
    found = found_by(node)
    assert "takes too long" in found.trouble[0]
    assert len(found.trouble) == 101


def test_a_child_that_hangs_is_ended(
    node: BlockNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SILENCE_SECONDS", 0.3)
    taken_over(monkeypatch, tmp_path, said(VOLUME), "time.sleep(600)")
    assert "takes too long" in found_by(node).trouble[0]


@pytest.mark.parametrize("says", [b"", said(Data(b"")), said(Data(b"12345")), said(Trouble(0, ""))])
def test_content_that_is_not_what_was_asked_for_is_refused(
    says: bytes, node: BlockNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_over(monkeypatch, tmp_path, says + said(End()))
    with pytest.raises(RecorderMisbehaved):
        list(child.content(node, 0, 5, 0, 4))


def test_noise_is_never_more_than_trouble(
    node: BlockNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)
    good = said(VOLUME, Folder(1, 0, False, 9, b"D"), a_file(1, 10, (0, 10), folder=1), End())
    for _ in range(40):
        raw = bytearray(good)
        for _ in range(random.randrange(1, 6)):
            raw[random.randrange(len(raw))] = random.randrange(256)
        taken_over(monkeypatch, tmp_path, bytes(raw))
        try:
            found = found_by(node)
        except (RecorderMisbehaved, RecorderGone):
            continue
        for clip, held in found.clips.items():
            assert held.runs is None or all(
                place >= 0 and place + length <= 10_000
                for place, length in struct.iter_unpack(">QQ", held.runs)
            )
            assert clip.size == held.size


def test_a_missing_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = make_image(tmp_path / "card.img", small_card(), kind="fat16")
    recorder = opened(tmp_path / "machine", image)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(RecorderMisbehaved, match="pytsk3"):
        recorder.health()
    recorder.close()
