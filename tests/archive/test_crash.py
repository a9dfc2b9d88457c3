"""Killed at any step: the next run goes on, and no receipt ever spoke of what was not stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.archive.recovery import FORGOTTEN_S
from agent.archive.verify import verify_store
from agent.custody.keys import SecretKey
from agent.wire.contract import Answer

from .conftest import Open
from .docks import Dock, Far, cut, manifest_of, secret_key

DATA = bytes(range(256)) * 50
MANIFEST = manifest_of(DATA)
STEPS = [
    "mkdir",
    "open",
    "posix_fallocate",
    "pwrite",
    "fchmod",
    "fsync",
    "rename",
    "replace",
    "unlink",
    "rmdir",
]


class Killed(BaseException):
    """SIGKILL in the middle of the work: nothing that catches errors catches it."""


@contextmanager
def killed_before(monkeypatch: pytest.MonkeyPatch, nth: int) -> Iterator[None]:
    """Kill before the nth step that changes the disk."""
    left = nth

    def dying(real: Any) -> Any:
        def step(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return real(*args, **kwargs)

        return step

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, dying(getattr(os, name)))
        yield


def send_all(far: Far, dock: Dock) -> None:
    dock.offer(MANIFEST)
    far.work()
    if dock.answers[-1:] == [Answer.GO]:
        dock.chunks(MANIFEST, DATA)
        far.work()


def check_receipts(far: Far, dock: Dock) -> int:
    """How many receipts went out; what each speaks of is there, recorded and sound."""
    receipts = dock.receipts(far.key.public)
    for receipt in receipts:
        assert (far.settings.root / receipt.stored_as).read_bytes() == DATA
        assert far.catalogue.delivery(receipt.clip, receipt.blake3, "d1")
    assert verify_store(far.settings.root).sound
    return len(receipts)


def survives(root: Path, key: SecretKey, monkeypatch: pytest.MonkeyPatch, nth: int) -> bool:
    """Upload a clip, killed before step `nth`, then once more. Whether no kill came."""
    far = Far(root, key)
    dock = far.dock()
    killed = False
    try:
        with killed_before(monkeypatch, nth):
            send_all(far, dock)
    except Killed:
        killed = True
    check_receipts(far, dock)
    far.close()
    far = Far(root, key)
    dock = far.dock(key=dock.key)
    send_all(far, dock)
    assert check_receipts(far, dock) == 1
    assert list((root / "partial").iterdir()) == []
    assert len(far.objects()) == 1
    far.close()
    return not killed


def test_a_kill_before_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, nth = secret_key(), 0
    while not survives(tmp_path / str(nth), key, monkeypatch, nth):
        nth += 1
    assert nth > 25


def test_a_sealed_clip_without_a_record_is_adopted_at_the_start(
    open_far: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = open_far()
    dock = far.dock()
    dock.offer(MANIFEST)
    dock.chunks(MANIFEST, DATA)
    monkeypatch.setattr(far.catalogue, "record", _kill)
    with pytest.raises(Killed):
        far.work()
    far = open_far()
    assert far.catalogue.delivery(MANIFEST.clip, MANIFEST.blake3, "d1")
    dock = far.dock(key=dock.key)
    dock.offer(MANIFEST)
    assert len(dock.receipts(far.key.public)) == 1


def _kill(*_: object) -> None:
    raise Killed


def test_an_object_without_any_record_stays_and_is_receipted_when_offered(open_far: Open) -> None:
    far = open_far()
    path = far.store.object_path(MANIFEST.blake3)
    path.parent.mkdir()
    path.write_bytes(DATA)
    far = open_far()
    assert far.objects() == [path]
    dock = far.dock()
    dock.offer(MANIFEST)
    far.work()
    assert len(dock.receipts(far.key.public)) == 1


def test_a_foreign_or_broken_record_never_stops_the_start(open_far: Open) -> None:
    far = open_far()
    partials = far.settings.root / "partial"
    (partials / "lost+found").mkdir()
    (partials / f"{'0' * 64}-{'1' * 64}").write_text("a file where a folder belongs")
    broken = partials / f"{'2' * 64}-{MANIFEST.blake3}"
    broken.mkdir()
    (broken / "offer").write_bytes(b"\0" * 100)
    path = far.store.object_path(MANIFEST.blake3)
    path.parent.mkdir()
    path.write_bytes(DATA)
    (far.settings.root / "objects" / "zz").mkdir()
    far = open_far()
    assert (broken / "offer").exists()
    assert path.exists()


def test_a_forgotten_partial_is_deleted_at_the_start(
    open_far: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = open_far()
    dock = far.dock()
    dock.offer(MANIFEST)
    dock.chunk(MANIFEST, cut(DATA)[0])
    folder = far.store.partial_folder(MANIFEST)
    now = far.clock.now().timestamp()
    for path in (folder, folder / "slots"):
        os.utime(path, (now, now - FORGOTTEN_S + 60))
    open_far()
    assert folder.exists()
    for path in (folder, folder / "slots"):
        os.utime(path, (now, now - FORGOTTEN_S - 60))
    open_far()
    assert not folder.exists()
