"""One clip is taken off a card, and nothing else: judged by stock tools, byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from agent.errors import RecorderBusy, RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.link.volume import child
from agent.model import Clip
from agent.offload.clearing import volume
from agent.offload.clearing.helper.card import Card as Writable
from agent.offload.clearing.helper.request import Answer, Request
from agent.offload.clearing.volume import VolumeEraser
from agent.recorder.volume.recorder import VolumeRecorder
from hwsim.body import Card, HeldClip
from hwsim.images import Kind, make_image
from hwsim.partitions import MIB
from tests.contracts.recorder import LONG, local, small_card
from tests.contracts.volume import DiskPort
from tests.volume.forked import forked, helped
from tests.volume.mutations import mutated, target_of
from tests.volume.stock import checked, files, ran, sectors

KINDS: tuple[Kind, ...] = ("fat12", "fat16", "fat32", "exfat")
CHINESE = "执法记录/2026年08月04日/现场执法记录视频_警号012345_第{:03}段_重要证据.MP4"


def chinese(number: int = 12) -> list[Card]:
    """Clips with long names, of sizes that do not fill their clusters, beside short ones."""
    random = Random(20260804)
    clips = [
        HeldClip(CHINESE.format(n), None, local(9, n % 60), False, random.randbytes(3000 * n))
        for n in range(number)
    ]
    clips += [
        HeldClip(f"DCIM/V{n}.MP4", None, local(10, n), False, random.randbytes(700)) for n in (1, 2)
    ]
    return [Card("SD", 64_000_000, clips)]


class Docked:
    """A card in a port, and a session with it."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.image = image
        self.port = DiskPort(folder / "machine")
        self.port.plug(image)
        with image.open("rb") as disk:  # a block node has no size of its own
            size = disk.seek(0, os.SEEK_END) // 512
        (self.port.simulated.sys / "block" / "sda" / "size").write_text(f"{size}\n")
        self.open()

    def open(self) -> None:
        self.recorder: VolumeRecorder = self.port.open()
        self.eraser = VolumeEraser(self.recorder)

    def clip(self, ends: str) -> Clip:
        return next(clip for clip in self.recorder.clips() if clip.path.endswith(ends))

    def erase(self, ends: str) -> None:
        self.eraser.erase(self.clip(ends))


Dock = Callable[[Path], Docked]


@pytest.fixture
def dock(tmp_path: Path) -> Iterator[Dock]:
    docked: list[Docked] = []

    def plugged(image: Path) -> Docked:
        docked.append(Docked(tmp_path / f"machine{len(docked)}", image))
        return docked[-1]

    yield plugged
    for each in docked:
        each.recorder.close()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The helper in this process, the reader forked from it: many removals in a second."""
    monkeypatch.setattr(child, "_child", forked)
    monkeypatch.setattr(volume, "_asked", helped)


def untouched(docked: Docked, ends: str, error: type[Exception], words: str) -> None:
    before = docked.image.read_bytes()
    with pytest.raises(error, match=words):
        docked.erase(ends)
    assert docked.image.read_bytes() == before


# What should go, goes; what should stay, stays.


@pytest.mark.parametrize(
    ("kind", "fragmented"),
    [("fat12", False), ("fat16", True), ("fat32", False), ("fat32", True), ("exfat", True)],
)
def test_one_clip_goes_and_all_else_stays(
    kind: Kind, fragmented: bool, tmp_path: Path, dock: Dock
) -> None:
    image = make_image(tmp_path / "c.img", chinese(), kind=kind, fragmented=fragmented)
    docked, wanted = dock(image), files(image)
    for ends in ("第007段_重要证据.MP4", "V1.MP4")[: 2 if kind == "fat32" else 1]:
        raw, clip = image.read_bytes(), docked.clip(ends)
        docked.eraser.erase(clip)
        del wanted[clip.path]
        assert files(image) == wanted
        assert {each.path for each in docked.eraser.look()} == wanted.keys()
        checked(image, kind, tmp_path)
        assert len(sectors(raw, image.read_bytes())) <= 12


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_card_is_emptied_in_any_order(kind: Kind, tmp_path: Path, dock: Dock, seed: int) -> None:
    """Names over the ends of sectors and of clusters, folders that a tool would cut shorter."""
    image = make_image(tmp_path / "c.img", chinese(12 if kind == "fat32" else 6), kind=kind)
    docked, wanted = dock(image), files(image)
    clips = list(docked.recorder.clips())
    Random(seed).shuffle(clips)
    for number, clip in enumerate(clips):
        docked.eraser.erase(docked.clip(clip.path))
        del wanted[clip.path]
        if number % 8 == 0:
            assert files(image) == wanted
    assert files(image) == wanted == {}
    checked(image, kind, tmp_path)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", ["fat16", "exfat"])
def test_what_was_written_is_what_was_counted(kind: Kind, tmp_path: Path, dock: Dock) -> None:
    image = make_image(tmp_path / "c.img", small_card(), kind=kind)
    docked, raw = dock(image), image.read_bytes()
    answers: list[Answer | str] = []
    asked = volume._asked
    volume._asked = lambda request: answers.append(asked(request)) or answers[-1]  # type: ignore[func-returns-value]
    docked.erase("A_1.WAV")
    (answer,) = answers
    changed = sectors(raw, image.read_bytes())
    assert isinstance(answer, Answer)
    assert answer.writes == len(changed) == (3 if kind == "fat16" else 2)
    assert answer.written == 512 * len(changed)


# Names.


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", ["fat32", "exfat"])
def test_a_name_is_never_a_pattern(kind: Kind, tmp_path: Path, dock: Dock) -> None:
    names = ["y[1].mp4", "y1.mp4", "[a-z]1.mp4", "z1.mp4", "[!y]1.mp4", "{a,b}.mp4", "a.mp4"]
    names += ["-rf.mp4", "$(id).mp4", "%2e.mp4", "~.mp4", "'q'.mp4", "y 1.mp4"]
    clips = [HeldClip(f"D/{name}", None, local(9, 1), False, name.encode()) for name in names]
    image = make_image(tmp_path / "c.img", [Card("SD", 10**7, clips)], kind=kind)
    docked, wanted = dock(image), files(image)
    for name in ("y[1].mp4", "[a-z]1.mp4", "[!y]1.mp4", "{a,b}.mp4", "-rf.mp4", "$(id).mp4"):
        docked.erase(f"D/{name}")
        del wanted[f"D/{name}"]
        assert files(image) == wanted


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["*.mp4", "?1.mp4"])
def test_a_wildcard_in_a_fat_name_takes_nothing_else(name: str, tmp_path: Path, dock: Dock) -> None:
    """No system makes such a name; a hostile recorder does."""
    clips = [HeldClip(f"D/{n}", None, local(9, 1), False, n.encode()) for n in ("x1.mp4", "y1.mp4")]
    clips.append(HeldClip("D/NAME-TO-BE-CHANGED.mp4", None, local(9, 1), False, b"hostile"))
    image = make_image(tmp_path / "c.img", [Card("SD", 10**7, clips)], kind="fat16")
    raw = image.read_bytes()
    changed = bytearray(raw)
    changed[raw.index("NAME".encode("utf-16-le"))] = ord(name[0])
    image.write_bytes(changed)
    docked, wanted = dock(image), files(image)
    hostile = next(path for path in wanted if "AME-TO" in path)
    try:
        docked.erase(hostile)
        del wanted[hostile]
    except RecorderRefused:
        pass
    assert files(image) == wanted


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cafe\u0301.mp4", "every system reads alike"),
        ("a .mp4 .mp4/x.mp4", "gone"),
        ("\U0001f600.mp4", "not every system reads"),
        ("a\u202eb.mp4", "every system reads alike"),
    ],
)
def test_an_odd_name_stays_or_goes_alone(name: str, words: str, tmp_path: Path, dock: Dock) -> None:
    clips = [HeldClip(each, None, local(9, 1), False, b"1") for each in (f"D/{name}", "D/o.mp4")]
    image = make_image(tmp_path / "c.img", [Card("SD", 10**7, clips)], kind="exfat")
    docked, wanted = dock(image), files(image)
    path = next(clip.path for clip in docked.recorder.clips() if not clip.path.endswith("o.mp4"))
    if words == "gone":
        docked.erase(path)
        del wanted[path]
        assert files(image) == wanted
    else:
        untouched(docked, path, RecorderRefused, words)


@pytest.mark.usefixtures("here")
def test_names_that_differ_only_by_case_stay(tmp_path: Path, dock: Dock) -> None:
    """A file system that a hostile recorder wrote may hold both."""
    clips = [HeldClip(f"D/long name {n}.mp4", None, local(9, 1), False, b"1") for n in "xy"]
    image = make_image(tmp_path / "c.img", [Card("SD", 10**7, clips)], kind="fat16")
    raw = image.read_bytes()
    image.write_bytes(raw.replace("name y".encode("utf-16-le"), "Name x".encode("utf-16-le")))
    docked = dock(image)
    assert len(files(image)) == 2
    untouched(docked, "long name x.mp4", RecorderRefused, "almost the same name")


# Whatever is unusual stays.


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_system_that_was_not_closed_stays(kind: Kind, tmp_path: Path, dock: Dock) -> None:
    image = make_image(tmp_path / "c.img", small_card(), kind=kind, dirty=True)
    untouched(dock(image), "A_1.WAV", RecorderRefused, "not closed in order")


@pytest.mark.usefixtures("here")
def test_a_write_protected_file_stays(tmp_path: Path, dock: Dock) -> None:
    image = make_image(tmp_path / "c.img", small_card(), kind="fat16")
    ran("mattrib", "+r", "-i", f"{image}@@1M", "::/AUDIO/A_1.WAV")
    untouched(dock(image), "A_1.WAV", RecorderRefused, "write-protected")


@pytest.mark.usefixtures("here")
def test_shared_clusters_stay(tmp_path: Path, dock: Dock) -> None:
    """A second entry leads to the clusters of the first."""
    clips = [HeldClip(f"{n}.MP4", None, local(9, 1), False, n.encode() * 1500) for n in "AB"]
    image = make_image(tmp_path / "c.img", [Card("SD", 10**7, clips)], kind="fat16")
    raw = bytearray(image.read_bytes())
    first, second = (raw.index(f"{n}       MP4".encode()) for n in "AB")
    raw[second + 26 : second + 28] = raw[first + 26 : first + 28]
    image.write_bytes(raw)
    untouched(dock(image), "A.MP4", RecorderRefused, "shares clusters")


@pytest.mark.usefixtures("here")
def test_two_tables_that_differ_stay(tmp_path: Path, dock: Dock) -> None:
    image = make_image(tmp_path / "c.img", small_card(), kind="fat16", superfloppy=True)
    boot = target_of(image).boot
    with image.open("r+b") as file:
        file.seek((boot.entries_at + boot.fat_at) // 2 + boot.clusters)  # amid the second table
        file.write(b"\x07")
    untouched(dock(image), "A_1.WAV", RecorderRefused, "tables of clusters differ")


@pytest.mark.usefixtures("here")
def test_another_file_system_stays(tmp_path: Path, dock: Dock) -> None:
    image = tmp_path / "c.img"
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "A.MP4").write_bytes(b"footage")
    with image.open("xb") as file:
        file.truncate(8 * MIB)
    ran("mkfs.ext4", "-q", "-L", "SD", "-d", str(tree), str(image))
    untouched(dock(image), "A.MP4", RecorderRefused, "none that single files are taken off")


def test_a_clip_of_another_session_stays(tmp_path: Path, dock: Dock) -> None:
    docked = dock(make_image(tmp_path / "c.img", small_card(), kind="fat16"))
    clip = docked.clip("A_1.WAV")
    docked.recorder.close()
    docked.open()
    with pytest.raises(RecorderRefused, match="not listed in this session"):
        docked.eraser.erase(clip)


# The very card, or none.


def swapping(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Between the last look and the helper."""
    asked = volume._asked

    def later(request: Request) -> Answer | str:
        act()
        return asked(request)

    monkeypatch.setattr(volume, "_asked", later)


def test_another_card_in_its_place_is_refused(
    tmp_path: Path, dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same clips on it, the same serial number: it is another all the same."""
    image = make_image(tmp_path / "c.img", small_card(), kind="fat16")
    twin = tmp_path / "twin.img"
    shutil.copy(image, twin)
    docked, raw = dock(image), image.read_bytes()
    swapping(monkeypatch, lambda: twin.replace(image))
    with pytest.raises(RecorderGone, match="another"):
        docked.erase("A_1.WAV")
    assert image.read_bytes() == raw


@pytest.mark.parametrize("other", ["serial", "bytes", "clip"])
def test_another_content_in_its_place_is_refused(
    other: str, tmp_path: Path, dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing of the node tells: its file system does, or the clip's own bytes."""
    image = make_image(tmp_path / "c.img", small_card(), kind="fat16")
    docked, raw = dock(image), image.read_bytes()
    changed = bytearray(raw)
    if other == "serial":
        changed[MIB + 39] ^= 1
    elif other == "bytes":
        changed[raw.index(LONG[5120:5632])] ^= 1
    else:
        changed[raw.index(b"CAM_0001MP4") + 22] ^= 1  # its time
    swapping(monkeypatch, lambda: image.write_bytes(changed))
    with pytest.raises((RecorderMisbehaved, RecorderRefused)):
        docked.erase("100BODY/CAM_0001.MP4")
    assert image.read_bytes() == changed


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[tuple[Path, Callable[[Path], None]]]:
    """A real block node, and a way to put another card into it."""
    image = make_image(tmp_path / "a.img", small_card(), kind="fat16")
    node = ran("losetup", "--find", "--show", str(image)).decode().strip()

    def change(other: Path) -> None:
        ran("losetup", "--detach", node)
        ran("losetup", node, str(other))

    yield Path(node), change
    subprocess.run(["losetup", "--detach", node], check=False)


def test_a_block_node_is_known_by_the_kernels_count(
    loop: tuple[Path, Callable[[Path], None]],
    tmp_path: Path,
    dock: Dock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, change = loop
    image, twin = tmp_path / "a.img", tmp_path / "twin.img"
    docked = dock(node)
    docked.erase("A_1.WAV")
    assert "AUDIO/A_1.WAV" not in files(image)
    assert len(files(image)) == 7
    shutil.copy(image, twin)
    raw = twin.read_bytes()
    docked.clip("P_1.JPG")
    swapping(monkeypatch, lambda: change(twin))
    with pytest.raises(RecorderGone):
        docked.erase("P_1.JPG")
    assert twin.read_bytes() == raw


def test_a_card_that_somebody_else_holds_stays(
    loop: tuple[Path, Callable[[Path], None]],
    tmp_path: Path,
    dock: Dock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, _ = loop
    raw = (tmp_path / "a.img").read_bytes()
    docked, held = dock(node), list[int]()
    docked.clip("A_1.WAV")
    swapping(monkeypatch, lambda: held.append(os.open(node, os.O_RDONLY | os.O_EXCL)))
    with pytest.raises(RecorderBusy, match="another program holds"):
        docked.erase("A_1.WAV")
    os.close(held[0])
    assert (tmp_path / "a.img").read_bytes() == raw


# Cut off at any moment.


def _cut_off(
    replace: Callable[..., None], done: list[tuple[int, bytes]], last: int
) -> Callable[..., None]:
    """`replace` that notes what it does, and fails behind the last that may be."""

    def cut(card: Writable, at: int, old: bytes, new: bytes) -> None:
        if sum(place >= 0 for place, _ in done) == last:
            raise RecorderMisbehaved("cut off")
        done.append((at, old))
        replace(card, at, old, new)

    return cut


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", KINDS)
def test_cut_off_behind_any_write_all_else_is_whole(
    kind: Kind, tmp_path: Path, dock: Dock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Of what was written since the last sync, any part may have reached the medium."""
    made = make_image(tmp_path / "made.img", chinese(6), kind=kind, fragmented=True)
    whole, random, replace = files(made), Random(seed), Writable.replace
    for last in range(1, 40):
        image = tmp_path / f"{last}.img"
        shutil.copy(made, image)
        done: list[tuple[int, bytes]] = []
        monkeypatch.setattr(Writable, "replace", _cut_off(replace, done, last))
        monkeypatch.setattr(Writable, "sync", lambda _card, done=done: done.append((-1, b"")))
        docked, name = dock(image), CHINESE.format(5)
        try:
            docked.erase(name)
            break
        except RecorderMisbehaved:
            pass
        with image.open("r+b") as file:
            for at, old in reversed(done):
                if at < 0:
                    break
                if random.random() < 0.5:
                    file.seek(at)
                    file.write(old)
        now = files(image)
        assert {path: each for path, each in whole.items() if path != name}.items() <= now.items()
        assert now.get(name, whole[name]) == whole[name]
        image.unlink()
    assert last > 1
    assert name not in files(image)


def test_killed_at_any_time_all_else_is_whole(tmp_path: Path, dock: Dock, seed: int) -> None:
    """The helper alone, by SIGKILL; then the next session goes on with the card."""
    image = make_image(tmp_path / "c.img", chinese(), kind="fat16", fragmented=True)
    random, wanted, real = Random(seed), files(image), subprocess.run

    def killed(command: list[str], **how: object) -> subprocess.CompletedProcess[bytes]:
        if command[-1] == "agent.offload.clearing.helper":
            how["timeout"] = random.uniform(0.05, 0.7)
        return real(command, **how)  # type: ignore[call-overload,no-any-return]

    ends = set()
    for number in range(4):
        docked = dock(image)
        clip = docked.clip(f"第{number:03}段_重要证据.MP4")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(volume.subprocess, "run", killed)  # type: ignore[attr-defined]
            try:
                docked.eraser.erase(clip)
            except (RecorderMisbehaved, RecorderRefused) as error:
                ends.add(type(error))
        now = files(image)
        gone = wanted.keys() - now.keys()
        assert gone <= {clip.path}
        wanted = {path: each for path, each in wanted.items() if path not in gone}
        assert now == wanted
        docked.recorder.close()
    assert RecorderMisbehaved in ends


# Damaged cards.


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_damaged_card_nothing_else_goes(
    kind: Kind, tmp_path: Path, dock: Dock, seed: int
) -> None:
    """Whatever the damage: the removal takes the clip, or not one byte changes."""
    made = make_image(tmp_path / "made.img", small_card(), kind=kind, superfloppy=True)
    image, random = tmp_path / "c.img", Random(seed)
    ends = []
    for number in range(8):
        shutil.copy(made, image)
        with mutated(target_of(image), seed + number):
            raw = image.read_bytes()
            try:
                docked = dock(image)
                clips = list(docked.recorder.clips())
            except (RecorderMisbehaved, RecorderGone, RecorderRefused):
                continue
            if not clips:
                continue
            clip = random.choice(clips)
            others = {c: docked.recorder.read(c, 0, min(c.size, MIB)) for c in clips if c != clip}
            try:
                docked.eraser.erase(clip)
            except (RecorderRefused, RecorderMisbehaved):
                assert image.read_bytes() == raw
                ends.append("stays")
                continue
            ends.append("goes")
            left = docked.eraser.look()
            assert set(left) == set(others)
            for each in left:
                assert docked.recorder.read(each, 0, min(each.size, MIB)) == others[each]
    assert "goes" in ends
