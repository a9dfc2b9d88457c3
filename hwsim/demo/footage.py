"""Recorders with footage on their cards, as folders: what the demo docks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from hwsim.card import Content, InMemory
from hwsim.media.grown import GrownMp4, Noise, small, write_to

SMALLEST = 64 * 1024
FIRST_SHIFT = datetime(2026, 8, 4, 1, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of recorder: what it calls itself and what it records."""

    maker: str
    model: str
    prefix: str
    ending: str


KINDS = (
    Kind("Simulated", "Body Camera", "DCAM", "mp4"),
    Kind("Simulated", "Camcorder", "CLIP", "mp4"),
    Kind("Simulated", "Still Camera", "IMG", "jpg"),
    Kind("Simulated", "Audio Recorder", "REC", "wav"),
)


def plant(folder: Path, number: int, sizes: list[int], random: Random) -> Path:
    """Make recorder `number` (from 1) below `folder`, one clip of each size in bytes.

    A photo or an audio clip keeps its own small size; a film grows to what is asked.
    Returns the recorder's folder, which `Body.from_folder` brings to life.
    """
    kind = KINDS[(number - 1) % len(KINDS)]
    home = folder / f"recorder-{number:02d}"
    card = home / "card" / "DCIM" / "100MEDIA"
    card.mkdir(parents=True)
    serial = f"{kind.prefix}{number:04d}"
    _describe(home / "recorder.toml", kind, serial, random)
    for place, size in enumerate(sizes):
        began = FIRST_SHIFT + timedelta(minutes=17 * place + number)
        local = began.astimezone(UTC) + timedelta(hours=8)
        name = f"{kind.prefix}_{serial}_000{number:03d}_{local:%Y%m%d_%H%M%S}.{kind.ending}"
        write_to(card / name, _content(kind, size, random))
        os.utime(card / name, (began.timestamp(), began.timestamp()))
    return home


def _describe(path: Path, kind: Kind, serial: str, random: Random) -> None:
    path.write_text(
        f'maker = "{kind.maker}"\nmodel = "{kind.model}"\nserial = "{serial}"\n'
        f'firmware = "1.{random.randrange(10)}"\nbattery = {random.randrange(30, 100)}.0\n'
        f"clock_error = {random.uniform(-20, 20):.1f}\ndrift = 1.5\nzone_hours = 8\n",
        "utf-8",
    )


def _content(kind: Kind, size: int, random: Random) -> Content:
    if kind.ending == "mp4":
        return GrownMp4(max(size, SMALLEST), random.getrandbits(63))
    # Players stop at a picture's end and at a sound's declared length: noise behind them makes
    # each clip another one without breaking it.
    head = small(f"small.{kind.ending}")
    return InMemory(head + Noise(max(0, size - len(head)), random.getrandbits(63)).read(0, size))
