"""Which archive keys count: those configured, those that they led to, and nobody else's word."""

from __future__ import annotations

import logging
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.custody.envelopes import seal, seal_by
from agent.custody.keys import PublicKey, SecretKey
from agent.custody.orders import Order
from agent.custody.pinned import Pinned
from agent.custody.policies import sign, taking
from agent.custody.verify import Keys
from agent.errors import Untrusted
from agent.log_entry import Kind, read_entry
from agent.spool.ledger import Ledger
from agent.uplink.follower import Follower
from agent.wire.contract import Presence
from agent.wire.evidence import KEY_CHANGE_TYPE, KeyChange, Policy
from tests.spool.places import HandClock

A, B, C, D, X, Y = (
    SecretKey(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in b"abcdxy"
)


def change(
    old: SecretKey, new: SecretKey, *signers: SecretKey, owner: str = "archive/county"
) -> str:
    said = KeyChange(owner=owner, old=old.public.text, new=new.public.text, at="", by="me", why="w")
    return seal_by(KEY_CHANGE_TYPE, said.encode(), signers or (old, new)).decode()


class Book:
    def __init__(self) -> None:
        self.kept: list[str] = []

    def archive_key_changed(self, statement: str) -> None:
        self.kept.append(statement)


def pinned(*configured: SecretKey) -> tuple[Pinned, Book]:
    book = Book()
    return Pinned([key.public for key in configured], (), book), book


def public(*keys: SecretKey) -> list[PublicKey]:
    return [key.public for key in keys]


def test_the_new_key_counts_beside_the_old_one(caplog: pytest.LogCaptureFixture) -> None:
    keys, book = pinned(A)
    with caplog.at_level(logging.WARNING):
        assert keys.follow("county", [change(A, B)]) == ""
    assert list(keys) == public(B, A)
    assert (len(book.kept), keys.missing) == (1, public(B))
    assert f"put {B.public.text} there" in caplog.text
    keys.follow("county", [change(A, B)])
    assert len(book.kept) == 1, "said again, it is nothing new"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_two_changes_at_once_are_followed_in_any_order(order: tuple[int, ...]) -> None:
    keys, book = pinned(A)
    steps = [change(A, B), change(B, C), change(C, D)]
    keys.follow("county", [steps[each] for each in order])
    assert list(keys) == public(D, C), "whoever gave way twice counts for nothing new"
    assert set(keys.ever) == set(public(A, B, C, D))
    again = Pinned(public(A), book.kept, book)
    assert (list(again), set(again.ever)) == (list(keys), set(keys.ever))


@pytest.mark.parametrize(
    "forged",
    [
        change(A, X, X),
        change(A, X, A),
        change(A, X, X, Y),
        change(X, Y),
        change(A, X, owner="archive/elsewhere"),
        change(A, X, owner="dock/county"),
        change(A, A),
        seal("application/vnd.bodydock.receipt.v1+json", b"{}", A).decode(),
        "{}",
        "\udcff",
        "",
    ],
)
def test_a_forged_statement_changes_nothing_and_hides_no_true_one(forged: str) -> None:
    keys, book = pinned(A)
    keys.follow("county", [forged])
    assert (list(keys), book.kept) == (public(A), [])
    keys.follow("county", [forged, change(A, B)])
    assert list(keys) == public(B, A)


def test_a_key_gives_way_once_and_never_in_a_circle() -> None:
    keys, book = pinned(A)
    keys.follow("county", [change(A, B)])
    keys.follow("county", [change(A, X), change(B, A)])
    assert (list(keys), len(book.kept)) == (public(B, A), 1)


def test_two_configured_keys_that_lead_to_each_other() -> None:
    keys, _ = pinned(A, B)
    keys.follow("county", [change(A, B)])
    assert (set(keys), keys.missing) == (set(public(A, B)), [])
    keys.follow("county", [change(B, C)])
    assert (list(keys), keys.missing) == (public(C, B), public(C))


def test_a_person_who_pins_another_key_is_obeyed() -> None:
    """What the ledger followed counts only from a key that is still configured."""
    kept = [change(A, B), change(B, C)]
    assert list(Pinned(public(X), kept)) == public(X)
    assert Pinned(public(X), kept).ever == (X.public,)
    behind = Pinned(public(C), kept)
    assert (list(behind), set(behind.ever)) == (public(C), set(public(A, B, C)))
    assert list(Pinned(public(A), [change(A, X, A), change(A, B)])) == public(B, A)


def test_changes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.custody.pinned.FOLLOWED_LIMIT", limit := 5)
    chain = [SecretKey(Ed25519PrivateKey.generate()) for _ in range(limit + 2)]
    keys, book = pinned(chain[0])
    for old, new in pairwise(chain):
        ignored = keys.follow("county", [change(old, new)])
    assert "times" in ignored
    assert len(book.kept) == limit


@given(told=st.lists(st.tuples(*[st.sampled_from([A, B, C, D, X])] * 4), max_size=8))
def test_no_key_counts_without_a_chain_from_a_configured_one(
    told: list[tuple[SecretKey, SecretKey, SecretKey, SecretKey]],
) -> None:
    keys, book = pinned(A)
    keys.follow("county", [change(old, new, one, two) for old, new, one, two in told])
    good = {(o.public, n.public) for o, n, one, two in told if {one, two} == {o, n} and o is not n}
    reached = public(A)
    for key in reached:
        reached += [new for old, new in good if old == key and new not in reached]
    assert set(keys) <= set(reached)
    assert 1 <= len(keys) <= 2
    assert len(book.kept) <= 4


def test_the_ledger_keeps_what_was_followed_and_its_log_tells(tmp_path: Path) -> None:
    clock = HandClock()
    for expected in (public(B, A), public(B, A)):
        ledger = Ledger(tmp_path / "ledger.db", clock)
        keys = Pinned(public(A), ledger.journal.archive_changes(), ledger)
        presence = Presence(
            archive="county", receiver="r1", online=True, epoch="e", changes=[change(A, B)]
        )
        Follower(keys, clock).on_presence(presence)
        assert list(keys) == expected
        told = [
            entry for entry in map(read_entry, ledger.journal.lines()) if entry.kind is Kind.KEY
        ]
        assert [each.what["event"] for each in told] == ["archive changed"]
        ledger.close()
    known = Keys([X.public], public(A))
    known.follow([str(told[0].what["statement"])])
    assert set(known.archives) == set(public(A, B))
    assert known.dock == public(X), "an archive's statement says nothing of a dock's key"


def test_a_policy_by_the_new_key_is_taken(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", HandClock())
    signed = Policy(serial=7, issued_at="", by="", approval="", clearing=True)
    order = Order("policy", who="me", what={"envelope": sign(signed, B).decode()})
    with pytest.raises(Untrusted):
        taking(public(A))(ledger, order)
    Pinned(public(A), (), ledger).follow("county", [change(A, B)])
    assert taking(public(A))(ledger, order)["serial"] == 7
    ledger.close()
