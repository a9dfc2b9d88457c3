"""A volume that was damaged, by chance or on purpose (reliability figures, rows 16, 17 and 19).

Whatever lies on it, a contact ends in bounded time and memory, with clips that are as long as they
say or an error of ours, and not one byte of the image is another.

    python -m tests.volume.test_mutated 50000      # the campaign, and the seed where it fails
"""

from __future__ import annotations

import hashlib
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.errors import RecorderError
from agent.link.volume import child
from agent.recorder.volume.recorder import VolumeRecorder
from hwsim.images import Kind, make_image
from tests.contracts.recorder import small_card
from tests.contracts.volume import DiskPort
from tests.volume.forked import forked
from tests.volume.mutations import Target, mutated, target_of

KINDS: tuple[Kind, ...] = ("fat12", "fat16", "fat32", "exfat")
EACH = 250
SECONDS = 8.0
"""For one contact, on a machine that is busy; the reader has 5 s of CPU."""
MEMORY = 64 * 1024 * 1024
MOST_READ = 4 * 1024 * 1024


@pytest.fixture(autouse=True)
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_child", forked)


def contact(recorder: VolumeRecorder) -> list[RecorderError]:
    """All verbs, each on its own: the errors. What is read has the length it was listed with."""
    errors: list[RecorderError] = []
    clips = []
    for verb in (recorder.identify, recorder.health):
        try:
            verb()
        except RecorderError as error:
            errors.append(error)
    try:
        for clip in recorder.clips():
            clips.append(clip)  # noqa: PERF402 - what came before an error counts
    except RecorderError as error:
        errors.append(error)
    for clip in clips:
        try:
            wanted = min(clip.size, MOST_READ)
            assert len(recorder.read(clip, clip.size - wanted, MOST_READ)) == wanted
        except RecorderError as error:
            errors.append(error)
    return errors


def attack(target: Target, port: DiskPort, seed: int) -> list[RecorderError]:
    """One contact with the image as `seed` damages it."""
    began = time.monotonic()
    with mutated(target, seed):
        try:
            recorder = port.open()
        except RecorderError as error:
            return [error]
        try:
            errors = contact(recorder)
        finally:
            recorder.close()
    assert time.monotonic() - began < SECONDS
    assert all(str(error).isprintable() for error in errors)
    return errors


def digest(image: Path) -> str:
    with image.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def attacked(kind: Kind, folder: Path, seeds: range) -> Iterator[list[RecorderError]]:
    image = make_image(folder / "card.img", small_card(), kind=kind, superfloppy=True)
    target, before = target_of(image), digest(image)
    port = DiskPort(folder / "machine")
    port.plug(image)
    for seed in seeds:
        try:
            yield attack(target, port, seed)
        except Exception as error:
            error.add_note(f"{kind}, seed {seed}")
            raise
    assert digest(image) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_volume_ends_in_words(kind: Kind, tmp_path: Path, seed: int) -> None:
    tracemalloc.start()
    try:
        found = list(attacked(kind, tmp_path, range(seed, seed + EACH)))
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert len(found) == EACH
    assert any(found)
    assert not all(found)


def main() -> None:
    child._child = forked  # type: ignore[assignment]
    most = int(sys.argv[1])
    for kind in KINDS:
        with TemporaryDirectory() as folder:
            words = [
                type(error).__name__
                for errors in attacked(kind, Path(folder), range(most // len(KINDS)))
                for error in errors
            ]
        print(kind, {word: words.count(word) for word in sorted(set(words))})


if __name__ == "__main__":
    main()
