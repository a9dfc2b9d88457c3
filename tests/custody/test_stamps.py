"""Checkpoints are stamped by a real authority, and what it answers is believed only verified."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from agent.clock import SystemClock
from agent.config import Stamping
from agent.custody.stamps import Stamper, insist_certificates
from agent.errors import AuthorityUnreachable, ConfigError, StampRejected
from agent.link.http import LIMIT, post
from agent.log_entry import Kind, read_entry
from agent.spool.ledger import Ledger
from tests.spool.places import HandClock

from .authority import Spoil, make_authority, serving

NOTE = "bodydock/dock-7/custody\n12\nq83vEjRWeJA=\n\n— bodydock/dock-7/custody AAAA\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tsa")
    make_authority(folder)
    return folder


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db", HandClock())


def checkpoint(ledger: Ledger, size: int, note: str = NOTE) -> None:
    with ledger._writing():
        ledger._insert("checkpoint", size=size, note=note, at="2026-11-23T08:00:00.000Z")


def stamper(ledger: Ledger, url: str, root: Path, clock: HandClock | SystemClock) -> Stamper:
    given = {"url": url, "certificates": str(root), "every_hours": 24}
    settings = Stamping.model_validate(given)
    return Stamper(ledger, settings, clock, Random(1), post)


def test_openssl_verifies_the_token_over_the_note(
    ledger: Ledger, authority: Path, tmp_path: Path
) -> None:
    with serving(authority) as url:
        asking = stamper(ledger, url, authority / "ca.pem", SystemClock())
        assert not asking.stamp_if_due(), "there is nothing to stamp"
        checkpoint(ledger, 12)
        assert asking.stamp_if_due()
    (kept,) = ledger.stamps()
    (tmp_path / "note").write_text(kept.note, "utf-8")
    (tmp_path / "token.tsr").write_bytes(kept.token)
    words = ["openssl", "ts", "-verify", "-data", "note", "-in", "token.tsr"]
    ca = ["-CAfile", str(authority / "ca.pem")]
    done = subprocess.run([*words, *ca], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (done.returncode, "Verification: OK" in done.stdout + done.stderr) == (0, True)
    (tmp_path / "note").write_text(kept.note.replace("12", "13"), "utf-8")
    assert subprocess.run([*words, *ca], cwd=tmp_path, check=False).returncode != 0
    last = [read_entry(line) for line in ledger.journal.lines()][-1]
    assert (last.kind, last.what["size"]) == (Kind.STAMPED, 12)


def test_one_a_day_and_never_twice_over_the_same(ledger: Ledger, authority: Path) -> None:
    ledger._clock = clock = HandClock()
    clock.wall = SystemClock().now() + timedelta(minutes=1)
    with serving(authority) as url:
        asking = stamper(ledger, url, authority / "ca.pem", clock)
        checkpoint(ledger, 12)
        assert asking.stamp_if_due()
        checkpoint(ledger, 20, NOTE.replace("12", "20"))
        assert not asking.stamp_if_due(), "the last one is a minute old"
        clock.advance(25 * 3600)
        assert asking.stamp_if_due()
        clock.advance(25 * 3600)
        assert not asking.stamp_if_due(), "nothing new to stamp"
    assert [each.size for each in ledger.stamps()] == [12, 20]


def flipped(answer: bytes) -> bytes:
    return answer[:-20] + bytes([answer[-20] ^ 1]) + answer[-19:]


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (flipped, StampRejected),
        (lambda answer: answer[: len(answer) // 2], StampRejected),
        (lambda _answer: b"<html>busy</html>", StampRejected),
        (lambda _answer: b"", AuthorityUnreachable),
        (lambda _answer: b"x" * (LIMIT + 1), AuthorityUnreachable),
        (lambda _answer: b"x" * (LIMIT - 1), StampRejected),
    ],
)
def test_an_answer_that_is_not_right_is_not_kept(
    ledger: Ledger, authority: Path, spoil: Spoil, error: type[Exception]
) -> None:
    checkpoint(ledger, 12)
    with serving(authority, spoil) as url, pytest.raises(error):
        stamper(ledger, url, authority / "ca.pem", SystemClock()).stamp_if_due()
    assert ledger.stamps() == []


def test_an_old_answer_and_another_authority_are_refused(
    ledger: Ledger, authority: Path, tmp_path: Path
) -> None:
    other = make_authority(tmp_path / "other", "Other TSA")
    checkpoint(ledger, 12)
    kept: list[bytes] = []

    def replay(answer: bytes) -> bytes:
        kept.append(answer)
        return kept[0]

    with serving(authority, replay) as url:
        with pytest.raises(StampRejected):
            stamper(ledger, url, other, SystemClock()).stamp_if_due()
        with pytest.raises(StampRejected):
            stamper(ledger, url, authority / "ca.pem", SystemClock()).stamp_if_due()
    assert ledger.stamps() == []


def test_nobody_there_is_said_and_tried_again(ledger: Ledger, authority: Path) -> None:
    checkpoint(ledger, 12)
    asking = stamper(ledger, "http://127.0.0.1:9/tsa", authority / "ca.pem", SystemClock())
    with pytest.raises(AuthorityUnreachable):
        asking.stamp_if_due()


def test_certificates_that_are_none_are_a_fault_of_the_configuration(tmp_path: Path) -> None:
    for content in (None, b"", b"not PEM"):
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match="certificates"):
            insist_certificates(path)
