"""Clips encrypted as they come in: what stands where, and what nobody can read here."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError, SpoolBroken
from agent.log_entry import Kind, read_entry
from agent.spool import sidecar
from agent.spool.cipher import Cipher, body_bytes, header_bytes
from agent.spool.probes import PIECE, PROBE
from agent.spool.states import State
from agent.spool.witness import PIECES, Witness

from .age import RECIPIENT, cipher_for, opened, opened_by_age
from .places import Place

CONTENT = Random(7).randbytes(700_001)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "dock", cipher=cipher_for("age"))


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, len(CONTENT)])
def test_stock_age_opens_what_lies_in_the_spool(place: Place, tmp_path: Path, size: int) -> None:
    clip = place.take_in(CONTENT[:size]).clip
    assert opened_by_age(place.file(clip), tmp_path) == CONTENT[:size]
    lies = place.file(clip).read_bytes()
    assert len(lies) == header_bytes(lies[:2048]) + body_bytes(size)


def test_both_forms_stand_in_ledger_log_and_sidecar(place: Place) -> None:
    sealed = place.take_in(CONTENT)
    stored = sealed.stored
    assert stored
    assert stored.recipient == RECIPIENT
    assert place.entry(sealed.clip).sealed == sealed
    entries = map(read_entry, place.ledger.journal.lines(0, place.ledger.journal.size))
    (told,) = [each.what for each in entries if each.kind is Kind.SEALED]
    assert (told["blake3"], told["size"]) == (sealed.digests.blake3, len(CONTENT))
    assert told["stored"]["blake3"] == stored.digests.blake3
    assert told["stored"]["recipient"] == RECIPIENT
    said = sidecar.load(place.sums(sealed.clip), stored.size).plain
    assert said
    assert (said.size, said.digests) == (len(CONTENT), sealed.digests)
    assert (said.fingerprint, said.recipient) == (sealed.fingerprint, RECIPIENT)


def test_the_same_clip_pulled_twice_is_other_bytes_here(place: Place) -> None:
    first = place.take_in(CONTENT)
    place.spool.quarantine(first.clip, "rot")
    place.ledger.wanted_again(first.clip)
    entry = place.entry(first.clip)
    assert entry.sealed is None
    second = place.write(first.clip, CONTENT)
    place.ledger.spooled(second)
    assert place.entry(first.clip).reason == ""
    assert second.digests == first.digests
    assert second.file_digests != first.file_digests
    assert place.content(first.clip) == CONTENT


def test_a_dock_that_begins_to_encrypt_goes_on_with_what_is_here(tmp_path: Path) -> None:
    place = Place(tmp_path)
    before = place.take_in(CONTENT, "A").clip
    place.cipher = cipher_for("age")
    assert place.restart().findings == []
    after = place.take_in(CONTENT, "B").clip
    place.cipher = None
    assert place.restart().findings == []
    assert place.file(before).read_bytes() == CONTENT
    assert opened(place.file(after).read_bytes()) == CONTENT
    for clip in (before, after):
        place.spool.verify(clip)
        place.spool.mend(clip)
        assert place.spool.chunk_digests(clip)


def test_a_lost_ledgers_clips_come_back_from_quarantine_encrypted(place: Place) -> None:
    sealed = place.take_in(CONTENT)
    place.close()
    for path in place.root.glob("ledger.db*"):
        path.unlink()
    place.open()
    assert place.see(CONTENT) == sealed.clip
    assert place.spool.recall(sealed.clip, len(CONTENT), lambda: sealed.fingerprint)
    assert place.spool.settle(sealed.clip)
    assert place.entry(sealed.clip).sealed == sealed
    assert place.content(sealed.clip) == CONTENT


def test_a_sidecar_without_a_digest_that_is_wanted_now_adopts_nothing(place: Place) -> None:
    clip = place.see(CONTENT)
    place.write(clip, CONTENT)
    place.digests = frozenset({"sm3"})
    report = place.restart()
    assert report.adopted == 0
    assert "no sm3" in report.findings[0]
    assert place.entry(clip).state is State.SEEN


def test_a_machine_that_cannot_encrypt_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(ConfigError, match=r"bodydock\[encrypt\]"):
        Cipher(RECIPIENT)


def test_a_key_with_a_slip_is_found_out_at_the_start() -> None:
    slip = RECIPIENT[:-1] + ("q" if RECIPIENT[-1] != "q" else "p")
    with pytest.raises(ConfigError, match="no age public key"):
        Cipher(slip)


def test_an_encryptor_ends_with_its_writers_error_and_stays_ended() -> None:
    def fail(_data: bytes) -> None:
        raise OSError(28, "No space left on device")

    encryptor = Cipher(RECIPIENT).begin(fail)
    with pytest.raises(OSError, match="No space"):
        any(encryptor.feed(bytes(100_000)) for _ in range(100))  # type: ignore[func-returns-value]
    with pytest.raises(OSError, match="No space"):
        encryptor.finish()
    encryptor.close()
    encryptor.close()


@pytest.mark.parametrize("beginning", [b"", b"age-encryption.org/v1\n--- short\n", b"x" * 3000])
def test_what_does_not_begin_like_age_is_no_age_file(beginning: bytes) -> None:
    with pytest.raises(SpoolBroken):
        header_bytes(beginning)


@given(steps=st.lists(st.integers(1, 300_000), min_size=1, max_size=20), seed=st.integers(0, 99))
def test_a_witness_knows_its_own_stream_and_no_other(steps: list[int], seed: int) -> None:
    data = Random(seed).randbytes(sum(steps))
    witness, at = Witness(), 0
    for step in steps:
        witness.update(data[at : at + step])
        at += step
        probes = witness.probes()
        assert sum(size for _, size in probes) <= PROBE
        assert probes[-1][0] + probes[-1][1] == at
        assert at <= PROBE or len(probes) == 4
        for offset, size in probes:
            piece = data[offset : offset + size]
            assert witness.fits(offset, piece)
            assert not witness.fits(offset, piece[:-1] + bytes([piece[-1] ^ 1]))


def test_a_witness_of_a_long_clip_stays_small_and_looks_everywhere() -> None:
    witness, data = Witness(), bytes(1 << 20)
    for _ in range(300):
        witness.update(data)
    assert len(witness._pieces) < PIECES
    _, first, second, _ = witness.probes()
    assert PIECE <= first[0] < 160 << 20
    assert 140 << 20 < second[0] < 300 << 20
