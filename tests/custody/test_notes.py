"""Notes, checkpoints and cosignatures: with keys and signatures that others made."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.custody.keys import SecretKey
from agent.custody.notes import (
    COSIGNATURE,
    NOTE_LIMIT,
    Checkpoint,
    Note,
    Signature,
    Verifier,
    archive_name,
    cosign,
    cosigned_at,
    dock_origin,
    read_checkpoint,
    read_note,
    read_verifier,
    sign,
)
from agent.errors import Malformed

# The Go module sumdb/note, note_test.go.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
PETER_BODY = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
PETER_NOTE = (
    f"{PETER_BODY}\n\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# A real checkpoint of a Certificate Transparency log, with the cosignature of a real witness.
ARCHE = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

\u2014 arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
\u2014 arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
\u2014 remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
"""  # noqa: E501, as they were signed
ARCHE_KEY = (
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
)
REMORA_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
REMORA_TIME = 0x6A122120
# c2sp.org/tlog-cosignature.
SOFA = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501, as they were signed

KEY = SecretKey(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
OTHER = SecretKey(Ed25519PrivateKey.from_private_bytes(b"o" * 32))
CHECKPOINT = Checkpoint(dock_origin("d1"), 42, bytes(range(32)))


def test_the_go_authors_note_is_verified() -> None:
    peter, note = read_verifier(PETER), read_note(PETER_NOTE)
    assert (note.body, note.text) == (PETER_BODY, PETER_NOTE)
    assert peter.verifies(note)
    assert peter.text == PETER
    assert not peter.verifies(read_note(PETER_NOTE.replace("cryptography", "cryptographY")))


def test_the_go_authors_key_signs_the_same_bytes_here() -> None:
    key = SecretKey(Ed25519PrivateKey.from_private_bytes(PETER_SEED))
    peter = Verifier("PeterNeumann", key.public)
    line = Signature(peter.name, peter.key_id, key.sign(PETER_BODY.encode()))
    assert Note(PETER_BODY, (line,)).text == PETER_NOTE


def test_every_mangled_verifier_key_is_refused() -> None:
    for start in range(len(PETER)):
        for end in range(start + 1, len(PETER) + 1):
            if (start, end) != (0, len(PETER)):
                with pytest.raises(Malformed):
                    read_verifier(PETER[start:end])
    for at in range(len(PETER)):
        with pytest.raises(Malformed):
            read_verifier(PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :])


def test_a_real_log_and_a_real_witness_are_verified() -> None:
    note = read_note(ARCHE)
    witness = read_verifier(REMORA_KEY)
    assert witness.kind == COSIGNATURE
    assert read_verifier(ARCHE_KEY).verifies(note)
    assert witness.verifies(note)
    assert cosigned_at(note, witness) == REMORA_TIME
    assert read_checkpoint(note).size == 1432088532
    other = read_note(ARCHE.replace("1432088532", "1432088533"))
    assert not read_verifier(ARCHE_KEY).verifies(other)
    assert not witness.verifies(other)


def test_the_example_of_the_specification_is_read() -> None:
    note = read_note(SOFA)
    found = read_checkpoint(note)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.body == note.body
    assert note.text == SOFA
    stamp = note.signatures[1].blob[:8]
    assert int.from_bytes(stamp) == 1679315147


def test_a_checkpoint_is_signed_and_cosigned() -> None:
    name = archive_name("a1")
    note = read_note(cosign(sign(CHECKPOINT, KEY), name, OTHER, 1_700_000_000).text)
    witness = Verifier(name, OTHER.public, COSIGNATURE)
    assert read_checkpoint(note) == CHECKPOINT
    assert Verifier(CHECKPOINT.origin, KEY.public).verifies(note)
    assert witness.verifies(note)
    assert cosigned_at(note, witness) == 1_700_000_000
    assert not Verifier(name, OTHER.public).verifies(note), "a cosignature is no plain signature"
    assert not Verifier(CHECKPOINT.origin, OTHER.public).verifies(note)
    assert not Verifier(archive_name("a2"), OTHER.public, COSIGNATURE).verifies(note)


def test_a_second_cosignature_takes_the_place_of_the_first() -> None:
    name = archive_name("a1")
    note = sign(CHECKPOINT, KEY)
    for seconds in (1, 2):
        note = cosign(note, name, OTHER, seconds)
    assert len(note.signatures) == 2
    assert cosigned_at(note, Verifier(name, OTHER.public, COSIGNATURE)) == 2


def test_one_false_line_spoils_a_good_one_of_the_same_key() -> None:
    good = sign(CHECKPOINT, KEY)
    line = good.signatures[0]
    false = Signature(line.name, line.key_id, bytes(64))
    ours = Verifier(CHECKPOINT.origin, KEY.public)
    assert not ours.verifies(Note(good.body, (line, false)))
    assert ours.verifies(Note(good.body, (line, Signature("else", b"1234", b"5"))))


def test_the_time_of_a_cosignature_is_signed() -> None:
    name = archive_name("a1")
    note = cosign(sign(CHECKPOINT, KEY), name, OTHER, 5)
    line = note.signatures[1]
    later = Signature(line.name, line.key_id, (6).to_bytes(8) + line.blob[8:])
    assert not Verifier(name, OTHER.public, COSIGNATURE).verifies(
        Note(note.body, (note.signatures[0], later))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n",
        "body\n",
        "body\n\n",
        f"body\n{PETER_NOTE.rpartition(chr(10) * 2)[2]}",
        PETER_NOTE[:-1],
        PETER_NOTE + "\n",
        PETER_NOTE.replace("\u2014", "-"),
        PETER_NOTE.replace("\u2014 ", "\u2014"),
        PETER_NOTE.replace("PeterNeumann", "Peter Neumann"),
        PETER_NOTE.replace("PeterNeumann", "Peter+Neumann"),
        PETER_NOTE.replace("nAM=", "nAN="),
        PETER_NOTE.replace("your problem", "your\tproblem"),
        PETER_NOTE.replace("\n", "\r\n"),
        f"{PETER_BODY}\n\u2014 PeterNeumann x08gow==\n",
        PETER_NOTE + 20 * PETER_NOTE.rpartition("\n\n")[2],
        "x" * NOTE_LIMIT + PETER_NOTE,
    ],
)
def test_what_is_no_note_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        read_note(text)


@pytest.mark.parametrize(
    "body",
    [
        "origin\n1\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n1e3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n\u0661\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n99999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "origin\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "origin\n1\nCsUY\n",
        "origin\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_malformed(body: str) -> None:
    with pytest.raises(Malformed):
        read_checkpoint(Note(body, ()))


@given(st.text(max_size=400))
def test_whatever_comes_is_read_or_malformed(text: str) -> None:
    for read in (read_note, read_verifier):
        try:
            read(text)
        except Malformed:
            continue


@given(st.binary(min_size=1, max_size=3), st.data())
def test_no_changed_note_is_verified(change: bytes, data: st.DataObject) -> None:
    """Any bytes anywhere in a cosigned note: one of both signatures no longer fits."""
    name = archive_name("a1")
    text = cosign(sign(CHECKPOINT, KEY), name, OTHER, 5).text
    raw = text.encode()
    at = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + change + raw[at + len(change) :]
    try:
        note = read_note(changed.decode())
    except (Malformed, UnicodeDecodeError):
        return
    both = Verifier(CHECKPOINT.origin, KEY.public), Verifier(name, OTHER.public, COSIGNATURE)
    assert note.text == text or not all(each.verifies(note) for each in both)
