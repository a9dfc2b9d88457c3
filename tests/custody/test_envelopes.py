"""Signed envelopes and keys."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.custody.envelopes import pae, seal, unseal
from agent.custody.keys import PublicKey, SecretKey, public_key
from agent.errors import KeyUnusable, Malformed, Untrusted

KIND = "application/vnd.bodydock.test+json"


@pytest.fixture(scope="module")
def key() -> SecretKey:
    return SecretKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def test_the_encoding_that_is_signed() -> None:
    """The example of the DSSE protocol document (v1.0.2, section "Test Vectors")."""
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_key_known_from_outside() -> None:
    """RFC 8032, section 7.1, test 1: the public key and the signature of the empty message."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SecretKey(Ed25519PrivateKey.from_private_bytes(secret))
    assert key.public.text == (
        "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e0")


def test_what_is_sealed_is_unsealed(key: SecretKey) -> None:
    assert unseal(KIND, seal(KIND, b'{"a":1}', key), [key.public]) == b'{"a":1}'


def test_an_envelope_of_another_type_is_not_read(key: SecretKey) -> None:
    with pytest.raises(Malformed, match="expected"):
        unseal("application/other", seal(KIND, b"x", key), [key.public])


def test_a_type_cannot_be_swapped(key: SecretKey) -> None:
    outer = json.loads(seal(KIND, b"x", key))
    outer["payloadType"] = "application/other"
    with pytest.raises(Untrusted):
        unseal("application/other", json.dumps(outer).encode(), [key.public])


def test_a_stranger_is_not_trusted(key: SecretKey) -> None:
    stranger = SecretKey(Ed25519PrivateKey.generate())
    with pytest.raises(Untrusted):
        unseal(KIND, seal(KIND, b"x", stranger), [key.public])
    with pytest.raises(Untrusted):
        unseal(KIND, seal(KIND, b"x", key), [])


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7), payload=st.binary(max_size=100))
def test_a_changed_bit_never_gives_another_payload(at: int, bit: int, payload: bytes) -> None:
    key = SecretKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    envelope = bytearray(seal(KIND, payload, key))
    envelope[at % len(envelope)] ^= 1 << bit
    with suppress(Malformed, Untrusted):
        assert unseal(KIND, bytes(envelope), [key.public]) == payload  # a bit of the key id


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(raw: bytes) -> None:
    with pytest.raises(Malformed):
        unseal(KIND, raw, [])


@pytest.mark.parametrize(
    "outer",
    [
        [],
        {},
        {"payloadType": 1, "payload": "", "signatures": []},
        {"payloadType": KIND, "payload": "!", "signatures": [{"sig": ""}]},
        {"payloadType": KIND, "payload": "", "signatures": []},
        {"payloadType": KIND, "payload": "", "signatures": [1]},
        {"payloadType": KIND, "payload": "", "signatures": [{"sig": None}]},
        {"payloadType": KIND, "payload": "", "signatures": [{"sig": ""}] * 5},
    ],
)
def test_a_misshapen_envelope_is_malformed(outer: object) -> None:
    with pytest.raises(Malformed):
        unseal(KIND, json.dumps(outer).encode(), [])


def test_the_other_base64_alphabet_is_read(key: SecretKey) -> None:
    payload = b"\xfb\xff\xfe" * 5
    outer = json.loads(seal(KIND, payload, key))
    outer["payload"] = base64.urlsafe_b64encode(payload).decode()
    assert unseal(KIND, json.dumps(outer).encode(), [key.public]) == payload


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "dock.pem"
    made = SecretKey.load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SecretKey.load_or_make(path).public == made.public
    assert public_key(made.public.text) == made.public
    assert len(made.public.name) == 16


def test_a_half_made_key_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "dock.pem.new").write_bytes(b"-----BEG")
    assert SecretKey.load_or_make(tmp_path / "dock.pem").public


def test_a_key_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dock.pem"
    path.write_bytes(b"no key")
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="no private key"):
        SecretKey.load_or_make(path)
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        SecretKey.load_or_make(path)


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:" + "AB" * 32, "rsa:" + "ab" * 32])
def test_what_is_no_public_key(text: str) -> None:
    with pytest.raises(Malformed):
        public_key(text)


def test_a_key_of_nonsense_verifies_nothing() -> None:
    assert not PublicKey(bytes(31)).verifies(bytes(64), b"x")
