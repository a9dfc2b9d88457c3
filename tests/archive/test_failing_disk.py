"""What the archive says and keeps when its own disk fails under it, and after it was killed."""

from __future__ import annotations

import errno
import logging
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.archive.catalogue import Catalogue
from agent.archive.files import make_folder
from agent.archive.receiver import Receiver
from agent.archive.settings import ArchiveSettings
from agent.archive.store import Store
from agent.clock import SystemClock
from agent.errors import StoreBroken
from agent.link.mqtt import BrokerSettings
from agent.wire.contract import Answer, Manifest

from .conftest import Open
from .docks import RECEIVER, Dock, Far, manifest_of, secret_key
from .test_catalogue import keep

DATA = bytes(range(256)) * 50


def deliver(far: Far, dock: Dock, manifest: Manifest) -> None:
    dock.offer(manifest)
    far.work()
    dock.chunks(manifest, DATA)
    far.work()


@contextmanager
def watched(
    monkeypatch: pytest.MonkeyPatch, call: str, fails: Callable[[Path], int | None]
) -> Iterator[list[Path]]:
    """Files and folders that an `os` call went through on, unless `fails` gives an errno."""
    real, done = getattr(os, call), list[Path]()

    def watch(descriptor: int, *args: Any) -> Any:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if number := fails(path):
            raise OSError(number, os.strerror(number))
        result = real(descriptor, *args)
        done.append(path)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(os, call, watch)
        yield done


# A receipt stands on durable names.


def test_a_folder_that_a_kill_left_unsynced_is_synced_before_the_receipt(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    path = far.store.object_path(manifest.blake3)
    path.parent.mkdir(mode=0o750)  # and killed here
    with watched(monkeypatch, "fsync", lambda _: None) as synced:
        deliver(far, dock, manifest)
    assert len(dock.receipts(far.key.public)) == 1
    assert {path.parent, path.parent.parent} <= set(synced)


def test_a_folder_whose_sync_failed_is_synced_before_the_receipt(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, manifest = far.dock(), manifest_of(DATA)
    objects = far.settings.root / "objects"
    with watched(monkeypatch, "fsync", lambda path: errno.EIO if path == objects else None):
        deliver(far, dock, manifest)
    assert dock.answers == [Answer.GO, Answer.LATER]
    assert dock.receipts(far.key.public) == []
    with watched(monkeypatch, "fsync", lambda _: None) as synced:
        deliver(far, dock, manifest)
    assert len(dock.receipts(far.key.public)) == 1
    assert objects in synced


def test_the_stores_own_folders_are_synced_at_every_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "archive"
    for name in ("objects", "partial", "quarantine"):
        (root / name).mkdir(parents=True)
    with watched(monkeypatch, "fsync", lambda _: None) as synced:
        Store(root).make()
    assert root in synced


@pytest.mark.parametrize("cut", range(4))
def test_wherever_making_folders_is_cut_the_next_run_leaves_every_name_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    wanted = tmp_path / "a" / "b" / "c"
    left = iter([None] * cut + [errno.EIO])
    with (
        watched(monkeypatch, "fsync", lambda _: next(left)) as first,
        pytest.raises(OSError, match="Input/output"),
    ):
        make_folder(wanted)
    with watched(monkeypatch, "fsync", lambda _: None) as second:
        make_folder(wanted)
    assert {tmp_path, tmp_path / "a", tmp_path / "a" / "b"} <= {*first, *second}


# An object that the disk does not give back.


@pytest.mark.parametrize("call", ["preadv", "fsync"])
@pytest.mark.parametrize("number", [errno.EIO, errno.EUCLEAN])
def test_an_unreadable_object_makes_way_for_the_docks_good_copy(
    far: Far,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    call: str,
    number: int,
) -> None:
    first, second = far.dock("d1"), far.dock("d2")
    deliver(far, first, manifest_of(DATA))
    (stored,) = far.objects()
    inode, theirs = stored.stat().st_ino, manifest_of(DATA, dock="d2")

    def lost(path: Path) -> int | None:
        return number if path.is_file() and path.stat().st_ino == inode else None

    with watched(monkeypatch, call, lost):
        deliver(far, second, theirs)
    assert second.answers == [Answer.GO]
    assert [receipt.dock for receipt in second.receipts(far.key.public)] == ["d2"]
    assert stored.read_bytes() == DATA
    assert stored.stat().st_ino != inode
    assert far.quarantined() == ["000001-object"]
    assert any(
        record.levelno == logging.CRITICAL and "cannot be read" in record.getMessage()
        for record in caplog.records
    )


def test_a_truncated_object_makes_way_for_the_docks_good_copy(far: Far) -> None:
    first, second = far.dock("d1"), far.dock("d2")
    deliver(far, first, manifest_of(DATA))
    (stored,) = far.objects()
    os.truncate(stored, 100)
    deliver(far, second, manifest_of(DATA, dock="d2"))
    assert len(second.receipts(far.key.public)) == 1
    assert stored.read_bytes() == DATA


def test_want_of_descriptors_moves_no_object(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = far.dock("d1"), far.dock("d2")
    deliver(far, first, manifest_of(DATA))
    (stored,) = far.objects()
    with watched(monkeypatch, "fsync", lambda path: errno.EMFILE if path == stored else None):
        second.offer(manifest_of(DATA, dock="d2"))
        far.work()
    assert second.answers == [Answer.LATER]
    assert stored.read_bytes() == DATA
    assert far.quarantined() == []


# A damaged pin.


@pytest.mark.parametrize("damage", ["'ed25519:zz'", "null", "7", "x'00ff'", "cast(x'ff' as text)"])
def test_a_dock_whose_pin_is_damaged_waits_for_its_key_and_others_do_not(
    open_far: Open, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    far = open_far()
    honest, other = far.dock("d1"), far.dock("d2")
    deliver(far, honest, manifest_of(DATA))
    deliver(far, other, manifest_of(DATA, dock="d2"))
    spoil = f"update dock set public_key = {damage} where dock = 'd1'"  # noqa: S608
    far.catalogue._db.conn.execute(spoil)
    far.catalogue._db.conn.commit()

    far = open_far()
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)
    wanted = manifest_of(DATA, clip="ab" * 32)
    for key in (honest.key, secret_key()):
        dock = far.dock("d1", key=key)
        deliver(far, dock, wanted)
        assert dock.answers == [Answer.LATER]
        assert "configuration" in dock.grants[0].reason
    assert far.catalogue.versions(wanted.clip) == []
    second = far.dock("d2", key=other.key)
    deliver(far, second, manifest_of(DATA, dock="d2"))
    assert len(second.receipts(far.key.public)) == 1

    far = open_far(docks={"d1": honest.key.public})
    dock = far.dock("d1", key=honest.key)
    deliver(far, dock, wanted)
    assert len(dock.receipts(far.key.public)) == 1


# A catalogue that failed.


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Every write beyond a few bytes of a file fails, which SQLite reports as an I/O error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_after_an_io_error_nothing_more_is_read_or_recorded(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    first, second = manifest_of(b"one"), manifest_of(b"two")
    with Catalogue(path, archive="county", epoch="e") as catalogue:
        catalogue.check()
        with no_file_grows(), pytest.raises(StoreBroken, match="I/O"):
            keep(catalogue, first)
        uses: list[Callable[[], object]] = [
            catalogue.check,
            lambda: keep(catalogue, second),
            lambda: catalogue.pin("d1", secret_key().public, "2026-11-23T08:00:00.000Z"),
            catalogue.clips,
        ]
        for use in uses:
            with pytest.raises(StoreBroken, match="failed before"):
                use()
    with Catalogue(path, archive="county", epoch="e") as again:
        assert again.clips() == []
        keep(again, second)
        assert len(again.clips()) == 1


def test_a_receiver_whose_catalogue_failed_ends_and_starts_anew(tmp_path: Path) -> None:
    settings = ArchiveSettings(archive="county", receiver=RECEIVER, root=tmp_path, floor=0)
    nobody = BrokerSettings(host="127.0.0.1", port=1)
    receiver = Receiver(settings, nobody, SystemClock())
    with no_file_grows(), pytest.raises(StoreBroken):
        keep(receiver._catalogue, manifest_of(b"one"))
    ended = threading.Event()
    with pytest.raises(StoreBroken, match="failed before"):
        receiver.run(ended)
    ended.set()
    Receiver(settings, nobody, SystemClock()).run(ended)
