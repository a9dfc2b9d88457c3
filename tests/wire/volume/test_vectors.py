"""Boot sectors and directory entries that others wrote; each vector says who, and who told of it.

A boot sector without its code, which says nothing of the volume.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.wire.volume.boot import BOOT_BYTES, decode_boot
from agent.wire.volume.entries import (
    ExfatEntry,
    FatEntry,
    VolumeEntry,
    decode_exfat_entry,
    decode_fat_entry,
    decode_root,
    label_text,
    moment,
)
from agent.wire.volume.ext import SUPERBLOCK_BYTES, decode_superblock

VECTORS = [
    json.loads(line)
    for line in Path(__file__).with_name("vectors.jsonl").read_text("utf-8").splitlines()
]


def boot(raw: bytes) -> dict[str, Any]:
    found = decode_boot(raw.ljust(BOOT_BYTES - 2, b"\0") + b"\x55\xaa")
    serial = f"{found.serial >> 16:04X}-{found.serial & 0xFFFF:04X}"
    return asdict(found) | {"serial": serial, "label": found.label.decode()}


def fat_entry(raw: bytes) -> dict[str, Any]:
    found = decode_fat_entry(raw)
    assert isinstance(found, FatEntry)
    assert found.modified
    return {
        "name": found.short_name("ascii"),
        "modified": found.modified.isoformat(),
        "size": found.size,
    }


def exfat_entry(raw: bytes) -> dict[str, Any]:
    found = decode_exfat_entry(raw)
    assert isinstance(found, ExfatEntry)
    assert found.modified
    return asdict(found) | {"modified": found.modified.isoformat()}


def superblock(raw: bytes) -> dict[str, Any]:
    return asdict(decode_superblock(raw.ljust(SUPERBLOCK_BYTES, b"\0")))


READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "boot": boot,
    "FAT entry": fat_entry,
    "exFAT entry": exfat_entry,
    "exFAT root": lambda raw: asdict(decode_root(raw, "ascii", exfat=True)),
    "superblock": superblock,
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: f"{each['what']}, {each['source']}")
def test_what_others_wrote_is_read_as_others_read_it(vector: dict[str, Any]) -> None:
    found = READERS[vector["what"]](bytes.fromhex(vector["hex"]))
    assert {name: found[name] for name in vector["meaning"]} == vector["meaning"]


@given(st.binary(max_size=1100), st.booleans())
def test_any_bytes_are_read_or_malformed(raw: bytes, signed: bool) -> None:
    if signed:
        raw = raw.ljust(510, b"\0")[:510] + b"\x55\xaa" + raw[512:]
    for decode in (decode_boot, decode_fat_entry, decode_exfat_entry, decode_superblock):
        try:
            decode(raw)
        except Malformed:
            continue
    for exfat in (False, True):
        decode_root(raw, "gbk", exfat=exfat)


@given(st.sampled_from([each for each in VECTORS if each["what"] == "boot"]), st.data())
def test_a_changed_boot_sector_is_read_or_malformed(vector: dict[str, Any], data: Any) -> None:
    raw = bytearray(bytes.fromhex(vector["hex"]).ljust(510, b"\0") + b"\x55\xaa")
    for place in data.draw(st.lists(st.integers(0, 127), min_size=1, max_size=8)):
        raw[place] = data.draw(st.integers(0, 255))
    try:
        found = decode_boot(bytes(raw))
    except Malformed:
        return
    assert found.clusters >= 1
    assert found.cluster >= found.sector >= 512
    assert min(found.fat_at, found.heap_at, found.root_at, found.entries_at) >= 0


@pytest.mark.parametrize(
    ("date", "time", "shown"),
    [
        (0x5D04, 0x480F, "2026-08-04T09:00:30"),
        (0x0021, 0x0000, "1980-01-01T00:00:00"),
        (0xFF9F, 0xBF7D, "2107-12-31T23:59:58"),
        (0x0000, 0x0000, None),
        (0x5DA4, 0x480F, None),
        (0x5D04, 0xC000, None),
        (0x5D04, 0x481E, None),
    ],
)
def test_a_moment_is_one_or_none(date: int, time: int, shown: str | None) -> None:
    """Bit fields as in the FAT specification 1.03, "Date and Time Formats"."""
    found = moment(date, time)
    assert (found and found.isoformat()) == shown


def test_a_label_is_text_or_nothing() -> None:
    assert label_text(b"CAM 001    ", "ascii") == "CAM 001"
    assert label_text("警012345678".encode("gbk")[:11], "gbk") == "警012345678"
    assert label_text(b"NO NAME    ", "ascii") == ""
    assert isinstance(decode_fat_entry(b"CAM 001    \x08".ljust(32, b"\0")), VolumeEntry)
