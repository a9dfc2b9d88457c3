"""What the archive answers a dock that asks whether it still has a clip."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3

from agent.archive.prover import REMEMBERED_S, UNKNOWN, WAITING_EACH
from agent.archive.sealing import REPEATS
from agent.custody.envelopes import seal
from agent.wire.contract import RECEIPT_TYPE, Answer, Manifest, up
from agent.wire.evidence import OTHER_FORM, PROOF_TYPE

from .conftest import Open
from .docks import Dock, Far, manifest_of, secret_key

DATA = bytes(range(256)) * 5000
NONCE = blake3(b"fresh").digest()
KEYED = blake3(DATA, key=NONCE).hexdigest()


def delivered(far: Far, name: str = "d1", data: bytes = DATA) -> tuple[Dock, Manifest]:
    dock, manifest = far.dock(name), manifest_of(data, dock=name)
    dock.offer(manifest)
    dock.chunks(manifest, data)
    far.work()
    assert dock.receipts(far.key.public)
    return dock, manifest


def damaged(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


def test_a_stored_clip_is_proved_with_the_nonce(far: Far) -> None:
    dock, manifest = delivered(far)
    dock.challenge(manifest, NONCE)
    assert dock.proofs(far.key.public) == []  # reading is for the background
    far.work()
    (proof,) = dock.proofs(far.key.public)
    assert (proof.keyed, proof.lost, proof.nonce) == (KEYED, "", NONCE.hex())
    assert (proof.dock, proof.clip, proof.epoch) == ("d1", manifest.clip, "e1")
    assert (proof.archive, proof.size, proof.blake3) == ("county", len(DATA), manifest.blake3)


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


WAYS: dict[str, Callable[[Path], None]] = {
    "deleted": Path.unlink,
    "one bit": lambda path: damaged(path, flipped),
    "truncated": lambda path: damaged(path, lambda data: data[:-4096]),
    "emptied": lambda path: damaged(path, lambda _: b""),
    "longer": lambda path: damaged(path, lambda data: data + b"\0"),
    "replaced": lambda path: damaged(path, lambda data: bytes(len(data))),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_an_object_that_is_not_what_it_was_is_lost_and_stored_anew(
    far: Far, way: Callable[[Path], None]
) -> None:
    dock, manifest = delivered(far)
    (old,) = dock.receipts(far.key.public)
    way(far.store.object_path(manifest.blake3))
    dock.challenge(manifest, NONCE)
    far.work()
    (proof,) = dock.proofs(far.key.public)
    assert proof.lost
    assert proof.keyed == ""
    assert not far.store.object_path(manifest.blake3).exists()

    far.clock.seconds += 5
    dock.offer(manifest)  # no old receipt: the bytes are wanted
    assert dock.answers[-1] is Answer.GO
    dock.chunks(manifest, DATA)
    far.work()
    assert [r.stored_at > old.stored_at for r in dock.receipts(far.key.public)] == [False, True]
    dock.challenge(manifest, blake3(b"another").digest())
    far.work()
    assert dock.proofs(far.key.public)[-1].lost == ""


def test_after_a_loss_no_dock_gets_its_old_receipt_though_the_bytes_are_back(far: Far) -> None:
    first, manifest = delivered(far)
    second = far.dock("d2")
    second.offer(manifest_of(DATA, dock="d2"))
    far.work()
    far.store.object_path(manifest.blake3).unlink()
    first.challenge(manifest, NONCE)
    far.work()
    first.offer(manifest)
    first.chunks(manifest, DATA)
    far.work()
    second.challenge(manifest_of(DATA, dock="d2"), NONCE)
    far.work()
    assert second.proofs(far.key.public)[0].lost == "lost after its receipt"
    far.clock.seconds += 5
    second.offer(manifest_of(DATA, dock="d2"))
    assert len(second.receipts(far.key.public)) == 1
    far.work()  # the object is read first
    old, new = second.receipts(far.key.public)
    assert new.stored_at > old.stored_at


def test_an_object_in_the_way_of_reading_is_no_reason_to_call_it_lost(far: Far) -> None:
    dock, manifest = delivered(far)
    path = far.store.object_path(manifest.blake3)
    path.rename(path.with_suffix(".away"))
    path.symlink_to(path)  # a loop: the file system's trouble, not this object's
    dock.challenge(manifest, NONCE)
    far.work()
    assert dock.proofs(far.key.public) == []
    path.unlink()
    path.with_suffix(".away").rename(path)
    dock.challenge(manifest, NONCE)
    far.work()
    assert dock.proofs(far.key.public)[0].keyed == KEYED


def test_only_the_dock_that_delivered_a_clip_is_answered(far: Far) -> None:
    dock, manifest = delivered(far)
    other = far.dock("d2")
    other.offer(manifest_of(DATA[::-1], dock="d2"))  # so that its key is known
    other.challenge(manifest, NONCE)
    far.work()
    assert [proof.lost for proof in other.proofs(far.key.public)] == [UNKNOWN]
    dock.challenge(manifest, NONCE, signed_by=other.key)
    dock.challenge(manifest, NONCE, dock="d2")
    dock.send(up("d1", "challenge"), seal(PROOF_TYPE, b"{}", dock.key))
    dock.send(up("d1", "challenge"), b"\xff")
    stranger = far.dock("d3")
    stranger.challenge(manifest, NONCE)
    far.work()
    assert dock.proofs(far.key.public) == stranger.proofs(far.key.public) == []


def test_other_bytes_under_the_id_are_unknown(far: Far) -> None:
    dock, manifest = delivered(far)
    dock.challenge(manifest, NONCE, blake3="0" * 64)
    dock.challenge(manifest, NONCE, size=1)
    far.work()
    assert [proof.lost for proof in dock.proofs(far.key.public)] == [UNKNOWN]  # one nonce, once


def test_repeated_challenges_cost_one_reading_and_a_flood_is_dropped(far: Far) -> None:
    dock, manifest = delivered(far)
    for _ in range(5):
        dock.challenge(manifest, NONCE)
    assert len(far.later.jobs) == 1
    far.work()
    assert len(dock.proofs(far.key.public)) == 1
    dock.challenge(manifest, NONCE)  # its answer was lost: given again, not read again
    assert len(far.later.jobs) == 0
    assert len(dock.proofs(far.key.public)) == 2
    far.clock.seconds += REMEMBERED_S
    for number in range(100):
        dock.challenge(manifest, blake3(bytes([number])).digest())
    far.work()
    assert len(dock.proofs(far.key.public)) == 2 + WAITING_EACH


def test_a_receipt_that_the_archive_does_not_remember_changes_its_epoch(
    open_far: Open, tmp_path: Path
) -> None:
    far = open_far()
    dock, before = delivered(far, data=b"before")
    open_far()
    shutil.copytree(tmp_path / "archive", tmp_path / "backup")
    far = open_far()
    dock = far.dock(key=dock.key)
    manifest = manifest_of(DATA)
    dock.offer(manifest)
    dock.chunks(manifest, DATA)
    far.work()
    envelope = next(payload for what, payload in dock.told if what == "receipt").decode()

    far.close()
    shutil.rmtree(tmp_path / "archive")
    shutil.copytree(tmp_path / "backup", tmp_path / "archive")
    far = open_far()
    assert far.catalogue.epoch == "e1"  # a whole folder that was brought back knows nothing of it
    dock = far.dock(key=dock.key)
    forged = seal(RECEIPT_TYPE, b"{}", secret_key()).decode()
    dock.challenge(manifest, NONCE, receipt=forged)
    far.work()
    assert dock.proofs(far.key.public)[-1].epoch == "e1"
    dock.challenge(manifest, blake3(b"2").digest(), receipt=envelope)
    far.work()
    proof = dock.proofs(far.key.public)[-1]
    assert (proof.lost, proof.epoch == far.catalogue.epoch) == (UNKNOWN, True)
    assert proof.epoch != "e1"
    dock.challenge(before, blake3(b"3").digest())  # what is still there is proved in the new one
    far.work()
    assert dock.proofs(far.key.public)[-1].lost == ""


@pytest.mark.parametrize("what", ["catalogue", "objects"])
def test_a_part_of_the_folder_brought_back_is_found_at_the_start(
    open_far: Open, tmp_path: Path, what: str
) -> None:
    far = open_far()
    root, backup = far.settings.root, tmp_path / "backup"
    far.close()
    shutil.copytree(root, backup)
    far = open_far()
    dock, manifest = delivered(far)
    far.close()
    for path in root.glob("catalogue.db*" if what == "catalogue" else "objects"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in backup.glob("catalogue.db*" if what == "catalogue" else "objects"):
        shutil.copytree(path, root / path.name) if path.is_dir() else shutil.copy(path, root)
    far = open_far()
    changed = far.catalogue.epoch
    assert changed != "e1"
    far = open_far()
    assert far.catalogue.epoch == changed  # once
    if what == "objects":
        assert far.catalogue.doubted(manifest.clip, manifest.blake3, dock.name)


def test_a_receipt_that_a_dock_does_not_take_is_made_anew_at_last(far: Far) -> None:
    dock, manifest = delivered(far)
    far.clock.seconds += 5
    for _ in range(REPEATS + 1):
        dock.offer(manifest)
        far.work()
    said = [receipt.stored_at for receipt in dock.receipts(far.key.public)]
    assert len(set(said[: REPEATS + 1])) == 1
    assert said[-1] > said[0]


def test_a_clip_stored_in_another_form_is_not_called_lost(far: Far, seed: int) -> None:
    dock, manifest = delivered(far)
    stored = far.store.stored_as(Random(seed).randbytes(32).hex())
    row = far.catalogue.delivery(manifest.clip, manifest.blake3, "d1")
    assert row is not None
    receipt = dock.receipts(far.key.public)[0].model_copy(update={"stored_as": stored})
    envelope = seal(RECEIPT_TYPE, receipt.encode(), far.key).decode()
    with far.catalogue.writing("test"):
        far.catalogue._db.conn.execute("update clip set receipt = ?", [envelope])
    dock.challenge(manifest, NONCE)
    far.work()
    assert dock.proofs(far.key.public)[0].lost == OTHER_FORM
