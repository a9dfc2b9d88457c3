"""The grown film: it plays at any size, and every byte can be had at any offset."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import CHUNK_BYTES
from hwsim.media.grown import GrownMp4, Noise, small, write_to

FILM = len(small("small.mp4"))
BIG = 5 * 2**30


def probe(path: Path) -> dict[str, Any]:
    """What ffprobe, an outside witness, says of a file; fails where it complains."""
    asked = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(asked, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("size", [FILM, FILM + 8, FILM + 9, 100_000, 3_000_001])
def test_a_grown_film_plays(tmp_path: Path, size: int) -> None:
    path = tmp_path / "clip.mp4"
    write_to(path, GrownMp4(size, seed=1))
    assert path.stat().st_size == size
    found = probe(path)
    assert {stream["codec_name"] for stream in found["streams"]} == {"h264", "aac"}
    assert float(found["format"]["duration"]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("size", [2**32 - 1 + FILM, 2**32 + FILM, BIG])
def test_a_film_beyond_4_gib_plays(tmp_path: Path, size: int) -> None:
    """The noise is left out of the file, as holes: players skip it anyway."""
    film = GrownMp4(size, seed=1)
    path = tmp_path / "clip.mp4"
    with path.open("wb") as out:
        out.write(film.read(0, FILM + 16))
        out.truncate(size)
    assert float(probe(path)["format"]["duration"]) == pytest.approx(2.0, abs=0.1)


def test_every_frame_of_it_decodes(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_to(path, GrownMp4(1_000_000, seed=2))
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == b""


@pytest.mark.parametrize("size", [FILM - 1, FILM + 1, FILM + 7, 0])
def test_a_size_that_no_film_can_have_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="cannot be grown"):
        GrownMp4(size, seed=1)


@given(st.integers(0, 2**16), st.integers(0, 2**16), st.integers(0, 9))
def test_where_it_is_read_never_changes_the_bytes(offset: int, size: int, seed: int) -> None:
    film = GrownMp4(50_000, seed)
    assert film.read(offset, size) == film.read(0, 50_000)[offset : offset + size]


def test_no_two_clips_and_no_two_chunks_are_the_same() -> None:
    chunks = [
        GrownMp4(BIG, seed).read(FILM + 16 + at * CHUNK_BYTES, CHUNK_BYTES)
        for seed in range(3)
        for at in range(8)
    ]
    assert len(set(chunks)) == len(chunks)
    assert all(first[:32] != second[:32] for first, second in pairwise(chunks))


def test_the_end_of_a_giant_is_read_without_its_beginning() -> None:
    assert len(Noise(2**62, seed=1).read(2**62 - 10, 100)) == 10
    assert GrownMp4(BIG, 1).read(BIG, 10) == b""


@pytest.mark.parametrize("name", ["small.mp4", "small.wav", "small.jpg"])
def test_the_committed_media_are_small_and_sound(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(small(name))
    assert path.stat().st_size < 40_000
    assert probe(path)["streams"]
