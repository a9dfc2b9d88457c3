"""Clips that arrive encrypted: proved as they are stored, and as they were recorded."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pyrage
import pytest
from blake3 import blake3
from click.testing import CliRunner

from agent.archive.age_key import load_or_make
from agent.archive.opening import Opening
from agent.archive.verify import verify_store
from agent.cli.archive import archive
from agent.errors import ConfigError, KeyUnusable
from agent.wire.contract import Answer, Manifest, Receipt
from agent.wire.facts import StoredFacts
from tests.spool.age import IDENTITY, RECIPIENT, opened, opened_by_age

from .docks import CHUNK, Dock, Far, cut, manifest_of, secret_key

PLAIN = Random(44).randbytes(5 * CHUNK + 99)


def encrypted(data: bytes, recipient: str = RECIPIENT) -> bytes:
    lies: bytes = pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(recipient)])
    return lies


def sealed_manifest(lies: bytes, plain: bytes = PLAIN, **changes: Any) -> Manifest:
    """An honest manifest of a clip that travels as `lies`."""
    stored = StoredFacts(
        form="age",
        size=len(lies),
        blake3=blake3(lies).hexdigest(),
        chunks=blake3(b"".join(chunk.digest for chunk in cut(lies))).hexdigest(),
        recipient=RECIPIENT,
    )
    return manifest_of(plain, **{"stored": stored, **changes})


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "identity.txt"
    path.write_text(f"# made for a test\n{IDENTITY}\n", "ascii")
    path.chmod(0o600)
    return path


def far_with(tmp_path: Path, **changes: Any) -> Far:
    return Far(tmp_path / "archive", secret_key(), **changes)


def deliver(far: Far, manifest: Manifest, lies: bytes, name: str = "d1") -> Dock:
    dock = far.docks.get(name) or far.dock(name)
    dock.offer(manifest)
    far.work()
    if dock.answers and dock.answers[-1] is Answer.GO:
        dock.chunks(manifest, lies)
        far.work()
    return dock


def only_receipt(far: Far, dock: Dock) -> Receipt:
    (receipt,) = dock.receipts(far.key.public)
    return receipt


def test_without_an_identity_the_stored_form_is_what_is_verified(tmp_path: Path) -> None:
    lies = encrypted(PLAIN)
    far, manifest = far_with(tmp_path), sealed_manifest(lies)
    dock = deliver(far, manifest, lies)
    receipt = only_receipt(far, dock)
    assert (receipt.stored, receipt.opened, receipt.kept) == (manifest.stored, False, "as-sent")
    assert (receipt.size, receipt.blake3) == (len(PLAIN), manifest.blake3)
    (lying,) = far.objects()
    assert lying.read_bytes() == lies
    assert receipt.stored_as.replace("/", "").endswith(blake3(lies).hexdigest())
    assert receipt.object_blake3 == blake3(lies).hexdigest()
    assert opened_by_age(lying, tmp_path) == PLAIN
    far.close()
    assert verify_store(far.settings.root).sound


@pytest.mark.parametrize("size", [0, 1, CHUNK, len(PLAIN), 200_000])
def test_with_its_identity_the_archive_proves_the_clip_as_it_was_recorded(
    tmp_path: Path, identity: Path, size: int
) -> None:
    plain = Random(size).randbytes(size)
    lies = encrypted(plain)
    far = far_with(tmp_path, identity=identity)
    dock = deliver(far, sealed_manifest(lies, plain), lies)
    receipt = only_receipt(far, dock)
    assert (receipt.opened, receipt.kept) == (True, "as-sent")
    assert [path.read_bytes() for path in far.objects()] == [lies]


def test_a_plain_store_keeps_the_decrypted_clip(tmp_path: Path, identity: Path) -> None:
    lies = encrypted(PLAIN)
    far = far_with(tmp_path, identity=identity, keeps_plain=True)
    manifest = sealed_manifest(lies)
    dock = deliver(far, manifest, lies)
    receipt = only_receipt(far, dock)
    assert (receipt.stored, receipt.opened, receipt.kept) == (manifest.stored, True, "plain")
    assert receipt.object_blake3 == manifest.blake3
    (lying,) = far.objects()
    assert lying.read_bytes() == PLAIN
    assert list((far.settings.root / "partial").iterdir()) == []
    dock.offer(manifest)
    far.work()
    assert dock.receipts(far.key.public) == [receipt, receipt], "a repeated offer needs no bytes"
    far.close()
    assert verify_store(far.settings.root).sound
    again = far_with(tmp_path, identity=identity, keeps_plain=True)
    assert again.catalogue.epoch == "e1"


@pytest.mark.parametrize("fact", ["size", "blake3", "chunks", "sha256", "sm3"])
def test_a_clip_that_is_another_when_opened_is_refused_for_good_and_kept(
    tmp_path: Path, identity: Path, fact: str
) -> None:
    lies = encrypted(PLAIN)
    far = far_with(tmp_path, identity=identity, keeps_plain=fact == "sm3")
    wrong: dict[str, Any] = {fact: len(PLAIN) + 1 if fact == "size" else "ab" * 32}
    dock = deliver(far, sealed_manifest(lies, **wrong), lies)
    assert dock.receipts(far.key.public) == []
    assert dock.answers == [Answer.GO, Answer.NEVER]
    assert "another clip" in dock.grants[-1].reason
    assert far.objects() == []
    (case,) = (far.settings.root / "quarantine").iterdir()
    assert (case / "data").read_bytes() == lies
    assert not (case / "plain").exists()


def test_what_does_not_decrypt_is_refused_for_good(tmp_path: Path, identity: Path) -> None:
    lies = bytearray(encrypted(PLAIN))
    lies[-3] ^= 1
    far = far_with(tmp_path, identity=identity)
    dock = deliver(far, sealed_manifest(bytes(lies)), bytes(lies))
    assert dock.answers == [Answer.GO, Answer.NEVER]
    assert "cannot be decrypted" in dock.grants[-1].reason


def test_another_recipients_clip_is_stored_unopened(tmp_path: Path, identity: Path) -> None:
    other = str(pyrage.x25519.Identity.generate().to_public())
    lies = encrypted(PLAIN, other)
    honest = sealed_manifest(lies)
    assert honest.stored
    stored = honest.stored.model_copy(update={"recipient": other})
    far = far_with(tmp_path, identity=identity, keeps_plain=True)
    dock = deliver(far, sealed_manifest(lies, stored=stored), lies)
    assert only_receipt(far, dock).opened is False
    assert [path.read_bytes() for path in far.objects()] == [lies]


def test_an_identity_that_comes_later_says_more_of_what_is_here(
    tmp_path: Path, identity: Path
) -> None:
    lies = encrypted(PLAIN)
    far, manifest = far_with(tmp_path), sealed_manifest(lies)
    key = deliver(far, manifest, lies).key
    far.close()
    far = far_with(tmp_path, identity=identity)
    dock = far.dock(key=key)
    dock.offer(manifest)
    far.work()
    (receipt,) = dock.receipts(far.key.public)
    assert receipt.opened
    assert dock.answers == []


def test_one_clip_encrypted_twice_is_two_objects_and_never_mixed(
    tmp_path: Path, identity: Path
) -> None:
    first, second = encrypted(PLAIN), encrypted(PLAIN)
    far = far_with(tmp_path, identity=identity)
    dock = far.dock()
    dock.offer(sealed_manifest(first))
    dock.chunk(sealed_manifest(first), cut(first)[0])
    deliver(far, sealed_manifest(second), second)
    (receipt,) = dock.receipts(far.key.public)
    assert receipt.stored == sealed_manifest(second).stored
    assert [opened(path.read_bytes()) for path in far.objects()] == [PLAIN]


def test_an_identity_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "age.txt"
    made = load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert made == load_or_make(path) == Opening(path).recipients
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="read by others"):
        load_or_make(path)
    path.chmod(0o600)
    path.write_text("AGE-SECRET-KEY-1NONE\n")
    with pytest.raises(KeyUnusable, match="no age identity"):
        load_or_make(path)


def test_the_command_prints_the_public_half_only(tmp_path: Path) -> None:
    config = tmp_path / "archive.toml"
    root = tmp_path / "archive"
    config.write_text(f'[archive]\nid = "a"\nreceiver = "r"\nroot = "{root}"\n')
    done = CliRunner().invoke(archive, ["age-key", "--config", str(config)])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == load_or_make(root / "keys" / "age.txt")[0]
    assert "SECRET" not in done.output


def test_a_plain_store_needs_an_identity(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without an archive"):
        far_with(tmp_path, keeps_plain=True)
