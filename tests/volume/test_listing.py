"""What a card shows: every file that lies on it, under its own name, and no other."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.errors import RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.link.attached import Attached
from agent.link.volume.node import BlockNode
from agent.recorder.volume.survey import labels
from hwsim.body import Card, HeldClip
from hwsim.images import Kind, make_image
from tests.contracts.recorder import FOOTAGE, LONG, local, small_card
from tests.contracts.volume import PORT, DiskPort, opened
from tests.volume.gpt import with_gpt

KINDS: tuple[Kind, ...] = ("fat12", "fat16", "fat32", "exfat")


def paths(folder: Path, image: Path, **profile: Any) -> dict[str, bytes]:
    """Everything on an image, as the driver lists and reads it."""
    recorder = opened(folder / "machine", image, **profile)
    try:
        return {clip.path: recorder.read(clip, 0, clip.size) for clip in recorder.clips()}
    finally:
        recorder.close()


def card_of(*names: str) -> Card:
    return Card("CARD", 10**8, [HeldClip(name, content=name.encode()) for name in names])


def test_more_than_ten_thousand_files_are_listed(tmp_path: Path) -> None:
    clips = [
        HeldClip(f"DCIM/{n // 100:03}MEDIA/DCAM_CAM001_{n:06}_20260804.MP4", content=b"%d" % n)
        for n in range(10_100)
    ]
    image = make_image(tmp_path / "card.img", Card("MANY", 10**9, clips), kind="fat32")
    assert paths(tmp_path, image) == {clip.path: clip.content.read(0, 9) for clip in clips}


@pytest.mark.parametrize("kind", KINDS)
def test_names_stay_as_the_recorder_wrote_them(kind: Kind, tmp_path: Path) -> None:
    names: tuple[str, ...] = (
        "执法记录/录像 2026年8月4日.MP4",
        "DCIM/" + "N" * 190 + ".MP4",
        "DCIM/Ünïcödé (1).mp4",
        "DCIM/lower.mp4",
        "DCIM/two.dots.MP4",
        "DCIM/NOEXT",
    )
    if kind == "exfat":  # mtools writes no characters beyond the first 65,536
        names += ("DCIM/🎥.MP4",)
    image = make_image(tmp_path / "card.img", card_of(*names), kind=kind)
    assert paths(tmp_path, image) == {name: name.encode() for name in names}


def test_a_short_name_is_read_in_the_recorders_encoding(tmp_path: Path) -> None:
    """A recorder that writes no long names writes its own letters into the short one."""
    image = make_image(tmp_path / "card.img", card_of("AAAA0001.MP4"), kind="fat16")
    raw = image.read_bytes()
    assert raw.count(b"AAAA0001MP4") == 1
    image.write_bytes(raw.replace(b"AAAA0001MP4", "警情".encode("gbk") + b"0001MP4"))
    assert paths(tmp_path, image, encoding="gbk") == {"警情0001.MP4": b"AAAA0001.MP4"}


@pytest.mark.parametrize("kind", ["fat12", "fat16", "fat32"])
def test_what_was_deleted_is_not_listed(kind: Kind, tmp_path: Path) -> None:
    image = make_image(tmp_path / "card.img", small_card(), kind=kind, superfloppy=True)
    subprocess.run(["mdel", "-i", image, "::/AUDIO/A_1.WAV", "::/EMPTY.MP4"], check=True)
    subprocess.run(["mdeltree", "-i", image, "::/DCIM/100BODY"], check=True)
    left = {
        path: data
        for path, data in FOOTAGE.items()
        if path not in ("AUDIO/A_1.WAV", "EMPTY.MP4") and "100BODY" not in path
    }
    assert paths(tmp_path, image) == left


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dirty", [False, True])
def test_a_volume_says_whether_it_was_closed(kind: Kind, dirty: bool, tmp_path: Path) -> None:
    image = make_image(
        tmp_path / "card.img", small_card(), kind=kind, dirty=dirty, volume_id=0xCAFE0042
    )
    recorder = opened(tmp_path / "machine", image)
    (storage,) = recorder.health().storages
    recorder.close()
    assert (storage.dirty, storage.label, storage.serial) == (dirty, "SD", "CAFE-0042")


def test_every_partition_is_a_storage_and_no_clip_is_lost(tmp_path: Path) -> None:
    same = [HeldClip("DCIM/A.MP4", None, local(9, 0), False, b"one")]
    other = [HeldClip("DCIM/A.MP4", None, local(9, 0), False, b"two")]
    cards = [Card("LEFT", 10**7, same), Card("RIGHT", 10**7, other)]
    image = make_image(tmp_path / "card.img", cards, kind="fat16")
    recorder = opened(tmp_path / "machine", image)
    assert [each.label for each in recorder.health().storages] == ["LEFT", "RIGHT"]
    found = {(clip.storage, clip.path): recorder.read(clip, 0, 9) for clip in recorder.clips()}
    recorder.close()
    assert found == {("1", "DCIM/A.MP4"): b"one", ("2", "DCIM/A~2.MP4"): b"two"}


class TwoSlots(DiskPort):
    """A recorder that shows memory of its own and a card."""

    def now(self) -> Attached:
        disks = [disk for attached in self._machine.attached() for disk in attached.disks]
        return Attached(PORT, disks=tuple(replace(disk, port=PORT) for disk in disks))


def test_every_disk_of_a_recorder_is_read(tmp_path: Path) -> None:
    clips = [HeldClip("DCIM/A.MP4", content=text) for text in (b"own memory", b"card")]
    port = TwoSlots(tmp_path / "machine")
    for number, clip in enumerate(clips, 1):
        card = Card(f"DISK-{number}", 10**7, [clip])
        image = make_image(tmp_path / f"{number}.img", card, kind="fat16")
        port.simulated.attach_disk(f"1-1.{number}", image)
    recorder = port.open()
    assert [one.label for one in recorder.health().storages] == ["DISK-1", "DISK-2"]
    found = {(clip.storage, clip.path): recorder.read(clip, 0, 99) for clip in recorder.clips()}
    assert found == {("1", "DCIM/A.MP4"): b"own memory", ("2", "DCIM/A.MP4"): b"card"}
    port.simulated.detach_disk("1-1.2")
    for verb in (recorder.health, lambda: list(recorder.clips())):
        with pytest.raises(RecorderGone):
            verb()
    recorder.close()


@pytest.mark.parametrize("kind", ["fat32", "exfat"])
def test_a_guid_partition_table_is_read(kind: Kind, tmp_path: Path) -> None:
    volumes = [
        make_image(tmp_path / f"{n}.img", card_of(f"{n}.MP4"), kind=kind, superfloppy=True)
        for n in range(2)
    ]
    image = with_gpt(tmp_path / "card.img", volumes)
    assert paths(tmp_path, image) == {"0.MP4": b"0.MP4", "1.MP4": b"1.MP4"}


def test_sectors_of_four_kilobytes_are_read(tmp_path: Path) -> None:
    image, clip = tmp_path / "card.img", tmp_path / "A.MP4"
    clip.write_bytes(LONG)
    with image.open("wb") as file:
        file.truncate(40 << 20)
    subprocess.run(["mkfs.vfat", "-S", "4096", "-s", "1", "-F", "16", image], check=True)
    subprocess.run(["mcopy", "-i", image, clip, "::/"], check=True)
    assert paths(tmp_path, image) == {"A.MP4": LONG}


def test_another_file_system_is_read_through_the_library(tmp_path: Path) -> None:
    """ext4, with a file that has holes and one whose bytes lie in its inode."""
    tree, image = tmp_path / "tree" / "DCIM", tmp_path / "card.img"
    tree.mkdir(parents=True)
    (tree / "A.MP4").write_bytes(LONG)
    (tree / "SMALL.MP4").write_bytes(b"tiny")
    with (tree / "HOLES.MP4").open("wb") as file:
        file.seek(1_000_000)
        file.write(b"in the middle")
        file.seek(3_000_000)
        file.write(b"!")
    options = ["-O", "inline_data", "-I", "256", "-L", "EXT-1"]
    command = ["mkfs.ext4", "-q", "-F", *options, "-d", str(tree.parent), str(image), "32M"]
    subprocess.run(command, check=True)
    recorder = opened(tmp_path / "machine", image)
    clips = {clip.path: clip for clip in recorder.clips()}
    for path, clip in clips.items():
        whole = (tree.parent / path).read_bytes()
        steps = [recorder.read(clip, at, 300_000) for at in range(0, clip.size, 300_000)]
        assert b"".join(steps) == whole
        assert recorder.read(clip, clip.size // 2, 100) == whole[clip.size // 2 :][:100]
    (storage,) = recorder.health().storages
    assert (storage.label, storage.dirty) == ("EXT-1", False)
    assert 0 < storage.free < storage.total == 32 << 20
    recorder.close()
    assert clips.keys() == {"DCIM/A.MP4", "DCIM/SMALL.MP4", "DCIM/HOLES.MP4"}


@pytest.mark.parametrize(
    ("kind", "written"), [("fat16", "2026-08-04T09:00:30"), ("exfat", "2026-08-04T09:00:30+08:00")]
)
def test_a_clip_has_the_time_of_its_directory_entry(
    kind: Kind, written: str, tmp_path: Path
) -> None:
    image = make_image(tmp_path / "card.img", small_card(), kind=kind)
    recorder = opened(tmp_path / "machine", image)
    times = {clip.path: clip.recorded for clip in recorder.clips()}
    recorder.close()
    assert times["DCIM/100BODY/CAM_0001.MP4"] == written
    for held in small_card()[0].clips:
        if held.path in times:
            shown = datetime.fromisoformat(times[held.path]).replace(tzinfo=None)
            assert shown == held.recorded


def test_bytes_that_were_never_written_are_zero(tmp_path: Path) -> None:
    """exFAT notes how much of a file was written (ValidDataLength, specification 7.6.5)."""
    image = make_image(tmp_path / "card.img", small_card(), kind="exfat")
    raw, size = image.read_bytes(), len(LONG).to_bytes(8, "little")
    entry = raw.index(size) - 8
    assert raw[entry] == 0xC0
    assert raw[entry + 24 : entry + 32] == size
    image.write_bytes(raw[: entry + 8] + (5000).to_bytes(8, "little") + raw[entry + 16 :])
    found = paths(tmp_path, image)["DCIM/100BODY/CAM_0001.MP4"]
    assert found == LONG[:5000] + bytes(len(LONG) - 5000)


def test_a_profile_says_what_counts(tmp_path: Path) -> None:
    image = make_image(tmp_path / "card.img", small_card(), kind="fat16")
    only = {"folders": ["DCIM/*"], "never": ["*_IMP.*"], "logs": ["SYSTEM.LOG"]}
    assert paths(tmp_path, image, clips=only).keys() == {
        "DCIM/100BODY/CAM_0001.MP4",
        "DCIM/101BODY/CAM_0001.MP4",
        "DCIM/PHOTO/P_1.JPG",
        "SYSTEM.LOG",
    }
    assert paths(tmp_path / "b", image, clips={"only": ["*.thm"]}).keys() == {
        "DCIM/100BODY/CAM_0001.THM"
    }


def test_an_empty_disk_is_refused_in_words(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    image.write_bytes(bytes(1 << 20))
    recorder = opened(tmp_path / "machine", image)
    with pytest.raises(RecorderMisbehaved, match="no file system"):
        recorder.health()
    recorder.close()


@pytest.mark.parametrize(
    ("sources", "serial"),
    [
        (["volume-label"], "SD"),
        (["volume-serial"], "2026-0804"),
        (["file:config/ID.txt"], "警号007"),
        (["usb-serial", "file:nothing.txt", "volume-serial"], "2026-0804"),
    ],
)
def test_a_serial_number_comes_from_where_the_profile_says(
    sources: list[str], serial: str, tmp_path: Path
) -> None:
    clips = [HeldClip("CONFIG/id.TXT", content="警号007\r\nmore".encode("gbk"))]
    image = make_image(tmp_path / "card.img", Card("SD", 10**7, clips), kind="fat16")
    said = {"serial": sources, "maker": "北斗", "model": "BW-7"}
    recorder = opened(tmp_path / "machine", image, identity=said, encoding="gbk")
    identity = recorder.identify()
    recorder.close()
    assert (identity.serial, identity.maker, identity.model) == (serial, "北斗", "BW-7")


@pytest.mark.parametrize("sources", [[], ["usb-serial", "file:none.txt"]])
def test_without_a_serial_number_it_is_refused(sources: list[str], tmp_path: Path) -> None:
    image = make_image(tmp_path / "card.img", small_card(), kind="fat16")
    recorder = opened(tmp_path / "machine", image, identity={"serial": sources})
    with pytest.raises(RecorderRefused, match="no serial number"):
        recorder.identify()
    recorder.close()


def test_labels_are_told_without_a_listing(tmp_path: Path) -> None:
    cards = [Card("CAM-1", 10**7), Card("CAM-2", 10**7)]
    image = make_image(tmp_path / "card.img", cards, kind="fat16")
    port = DiskPort(tmp_path / "machine")
    port.plug(image)
    node = BlockNode(port.await_disk(1.0), port.now)
    assert labels(node, "utf-8") == ("CAM-1", "CAM-2")
    node.close()
