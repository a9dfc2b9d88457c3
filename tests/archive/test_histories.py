"""Whatever is lost, repeated, reordered, damaged or restarted: one object for each clip's bytes.

Each history is random; after it the docks upload honestly once, and everything must be there.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from agent.archive.verify import verify_store
from agent.custody.keys import SecretKey
from agent.wire.chunk import Chunk
from agent.wire.contract import Answer, Manifest

from .docks import CHUNK, Dock, Far, cut, manifest_of, secret_key

HISTORIES = 48
STEPS = 60
CLIPS = [Random(n).randbytes(size) for n, size in enumerate((3 * CHUNK + 5, CHUNK, 2 * CHUNK, 7))]
DOCKS = ("d1", "d2")


class History:
    """Two docks share four clips; one of the clips has two versions under one id."""

    def __init__(self, root: Path, random: Random) -> None:
        self.root = root
        self.random = random
        self.archive_key = secret_key()
        self.keys: dict[str, SecretKey] = {name: secret_key() for name in DOCKS}
        self.receipted: set[tuple[str, str, str]] = set()
        self.open()

    def open(self) -> None:
        self.far = Far(self.root, self.archive_key, open_limit=3)
        self.docks = {name: self.far.dock(name, key=self.keys[name]) for name in DOCKS}

    def restart(self) -> None:
        self.note_receipts()
        self.far.close()
        self.open()

    def offers(self, dock: str) -> list[tuple[Manifest, bytes]]:
        ids = ["00" * 32, "00" * 32, "11" * 32, "22" * 32]
        return [
            (manifest_of(data, dock=dock, clip=clip), data)
            for clip, data in zip(ids, CLIPS, strict=True)
        ]

    def step(self) -> None:
        dock = self.docks[self.random.choice(DOCKS)]
        manifest, data = self.random.choice(self.offers(dock.name))
        match self.random.randrange(10):
            case 0 | 1 | 2:
                dock.offer(manifest)
            case 3 | 4 | 5 | 6:
                for chunk in self.random.sample(cut(data), self.random.randint(1, len(cut(data)))):
                    dock.chunk(manifest, self.harm(chunk))
            case 7:
                self.far.work()
            case 8:
                self.far.clock.seconds += self.random.choice([0.01, 1, 25, 70])
                self.far.desk.intake.flush()
                self.far.desk.intake.tick()
            case 9:
                if self.random.random() < 0.3:
                    self.restart()

    def harm(self, chunk: Chunk) -> Chunk:
        """Mostly nothing; else a flipped byte, another place, or another clip's bytes."""
        match self.random.randrange(8):
            case 0:
                return Chunk(chunk.offset, chunk.digest, b"\0" + bytes(chunk.data)[1:])
            case 1:
                return Chunk(self.random.randrange(4 * CHUNK), chunk.digest, chunk.data)
            case 2:
                return cut(self.random.choice(CLIPS))[0]
            case _:
                return chunk

    def note_receipts(self) -> None:
        """Every receipt is true at the moment it is read."""
        for dock in self.docks.values():
            for receipt in dock.receipts(self.archive_key.public):
                assert receipt.dock == dock.name
                assert (self.root / receipt.stored_as).stat().st_size == receipt.size
                self.receipted.add((dock.name, receipt.clip, receipt.blake3))
            dock.told.clear()

    def finish(self) -> None:
        """Both docks upload everything honestly, with the patience that docks have."""
        for name, dock in self.docks.items():
            for manifest, data in self.offers(name):
                self.upload(dock, manifest, data)
        self.note_receipts()

    def upload(self, dock: Dock, manifest: Manifest, data: bytes) -> None:
        for _ in range(8):
            refused = dock.answers[-1:] == [Answer.NEVER]  # too often wrong: docks return next day
            self.far.clock.seconds += 24 * 3600 if refused else 70
            self.far.work()
            self.far.desk.intake.tick()
            dock.offer(manifest)
            self.far.work()
            if dock.grants and dock.grants[-1].answer is Answer.GO:
                dock.chunks(manifest, data)
                self.far.work()
            if manifest.blake3 in {r.blake3 for r in dock.receipts(self.archive_key.public)}:
                return
        pytest.fail(f"{manifest.clip} of {dock.name} was never receipted: {dock.answers}")


@pytest.mark.parametrize("part", range(4))
def test_histories(tmp_path: Path, seed: int, part: int) -> None:
    for number in range(part, HISTORIES, 4):
        history = History(tmp_path / str(number), Random(f"{seed} {number}"))
        for _ in range(STEPS):
            history.step()
        history.finish()
        assert len(history.receipted) == len(DOCKS) * len(CLIPS)
        assert len(history.far.objects()) == len(CLIPS)
        assert sorted(p.read_bytes() for p in history.far.objects()) == sorted(CLIPS)
        assert len(history.far.catalogue.clips()) == len(DOCKS) * len(CLIPS)
        assert verify_store(history.root).sound
        history.far.close()
