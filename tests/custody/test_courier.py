"""Dock and archive about one custody log: it arrives whole, it is cosigned, and a log that is not
the one it was is refused, whoever notices first."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.custody.keys import SecretKey
from agent.custody.log import EVERY
from agent.custody.notes import (
    COSIGNATURE,
    Checkpoint,
    Verifier,
    archive_name,
    cosign,
    read_note,
    sign,
)
from agent.errors import Malformed, Untrusted, UsageError
from agent.log_entry import Kind, read_entry
from agent.wire.contract import DockStatus, decode
from agent.wire.evidence import CustodyDown, CustodyUp

from .far import ARCHIVE, ARCHIVE_KEY, CLIP, DOCK, DOCK_KEY, Archive, Dock, ManualClock, settle

STRANGER = SecretKey(Ed25519PrivateKey.from_private_bytes(b"x" * 32))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def archive(tmp_path: Path, clock: ManualClock) -> Iterator[Archive]:
    made = Archive(tmp_path, clock)
    yield made
    made.close()


OpenDock = Callable[..., Dock]


@pytest.fixture
def open_dock(tmp_path: Path, clock: ManualClock) -> Iterator[OpenDock]:
    """Opens a ledger, after the one before was closed; `backup` names the file to begin with."""
    opened: list[Dock] = []

    def open_one(name: str = "ledger.db", backup: Path | None = None) -> Dock:
        if opened:
            opened.pop().close()
        if backup is not None:
            shutil.copy(backup, tmp_path / name)
        opened.append(Dock(tmp_path / name, clock))
        opened[-1].connect()
        return opened[-1]

    yield open_one
    if opened:
        opened[-1].close()


def cosigned(dock: Dock) -> int:
    newest = dock.ledger.journal.newest(cosigned=True)
    return newest.size if newest else 0


def words(archive: Archive) -> list[str]:
    return [each.why for each in archive.catalogue.troubles(DOCK, open_only=True)]


def test_a_log_arrives_whole_and_is_cosigned(open_dock: OpenDock, archive: Archive) -> None:
    dock = open_dock()
    dock.grow(800)
    dock.speak()
    settle(dock, archive)
    mirror, journal = archive.catalogue.mirror(DOCK), dock.ledger.journal
    assert cosigned(dock) == mirror.size == 801
    assert [text for text, _ in mirror.kept()] == list(journal.lines())
    assert list(mirror.kept()) == list(journal.kept())
    assert [each.text for each in archive.told] == list(journal.lines())
    assert [each.kind for each in mirror.of(CLIP)] == [Kind.PROVED]
    newest = journal.newest(cosigned=True)
    assert newest is not None
    witness = Verifier(archive_name(ARCHIVE), ARCHIVE_KEY.public, COSIGNATURE)
    assert witness.verifies(read_note(newest.best))
    assert dock.ledger.custody_trouble() == ""


def test_it_goes_on_growing_and_says_nothing_while_it_does_not(
    open_dock: OpenDock, archive: Archive
) -> None:
    dock = open_dock()
    for size in (3, 4, 9):
        dock.grow(size - dock.ledger.journal.size)
        settle(dock, archive)
        assert cosigned(dock) == size
    assert [dock.tick(1.0) for _ in range(100)] == [[]] * 100


def test_it_is_said_at_most_every_ten_seconds(open_dock: OpenDock, archive: Archive) -> None:
    dock = open_dock()
    said = 0
    for _ in range(100):
        dock.grow()
        for message in dock.tick(1.0):
            said += not decode(CustodyUp, message).entries
            for answer in archive.hear(message):
                dock.courier.on_message("custody", answer)
    assert 8 <= said <= 100 / EVERY + 1


def test_a_log_of_awkward_texts_fits_the_messages(open_dock: OpenDock, archive: Archive) -> None:
    dock = open_dock()
    for text in ('"' * 30_000, "证据" * 10_000, "\\\n\t\x00" * 4000, "x" * 60_000) * 3:
        dock.ledger.started(text)
    settle(dock, archive)
    assert cosigned(dock) == 12


def test_through_losses_it_arrives_all_the_same(
    open_dock: OpenDock, archive: Archive, seed: int
) -> None:
    dock, random = open_dock(), Random(seed)
    for _ in range(5):
        dock.grow(random.randrange(1, 300))
        settle(dock, archive, lambda: random.random() < 0.4, steps=5000)
        assert cosigned(dock) == dock.ledger.journal.size == archive.catalogue.mirror(DOCK).size


def test_repeated_and_late_messages_do_no_harm(
    open_dock: OpenDock, archive: Archive, seed: int
) -> None:
    dock, random = open_dock(), Random(seed)
    heard: list[bytes] = []
    for _ in range(30):
        dock.grow(random.randrange(0, 100))
        for message in dock.tick(7.0):
            heard.append(message)
            for each in [message, *random.choices(heard, k=3)]:
                for answer in archive.hear(each):
                    dock.courier.on_message("custody", answer)
    assert words(archive) == []
    assert dock.ledger.custody_trouble() == ""
    settle(dock, archive)
    assert cosigned(dock) == dock.ledger.journal.size


def test_without_answers_it_is_said_ever_more_seldom(open_dock: OpenDock) -> None:
    dock = open_dock()
    dock.grow()
    said = [at for at in range(3600) if dock.tick(1.0)]
    gaps = [b - a for a, b in pairwise(said)]
    assert 10 < len(said) < 60
    assert max(gaps) <= 310
    assert gaps[-1] > gaps[0]


def test_an_archive_that_does_not_take_a_batch_is_not_flooded(
    open_dock: OpenDock, clock: ManualClock
) -> None:
    dock = open_dock()
    dock.grow(3)
    nothing = CustodyDown(archive=ARCHIVE, held=0).encode()
    sent = 0
    for _ in range(120):
        for _message in dock.tick(1.0):
            sent += 1
            dock.courier.on_message("custody", nothing)
    assert sent < 30


@pytest.mark.parametrize("grown", [0, 1, 4, 5, 6, 50, 700])
def test_a_restored_ledger_is_refused_and_freezes(
    open_dock: OpenDock, archive: Archive, tmp_path: Path, grown: int
) -> None:
    """The archive cosigned 15 entries; the backup has 10, and grew otherwise since."""
    dock = open_dock()
    dock.grow(10)
    settle(dock, archive)
    open_dock("other.db")
    shutil.copy(tmp_path / "ledger.db", tmp_path / "backup")
    dock = open_dock()
    dock.grow(5)
    settle(dock, archive)
    dock = open_dock("restored.db", tmp_path / "backup")
    dock.grow(grown, "another life")
    settle(dock, archive, steps=60)
    assert "restored from a backup" in dock.ledger.custody_trouble()
    assert len(words(archive)) == 1
    assert archive.catalogue.mirror(DOCK).size == 15, "the evidence of before stays"
    told = [read_entry(each) for each in dock.ledger.journal.lines()]
    assert sum(each.kind is Kind.BROKEN for each in told) == 1
    settle(dock, archive, steps=100)
    assert len(words(archive)) == 1, "one trouble is one trouble"


def test_only_a_person_ends_a_refusal(
    open_dock: OpenDock, archive: Archive, tmp_path: Path
) -> None:
    test_a_restored_ledger_is_refused_and_freezes(open_dock, archive, tmp_path, 4)
    dock = open_dock("restored.db")
    settle(dock, archive, steps=400)
    assert dock.ledger.custody_trouble()
    with pytest.raises(UsageError):
        archive.restart(why=" ")
    assert archive.restart() == {"dock": DOCK, "log": 1}
    with pytest.raises(UsageError, match="nothing stands"):
        archive.restart()
    settle(dock, archive)
    assert dock.ledger.custody_trouble() == ""
    assert cosigned(dock) == archive.catalogue.mirror(DOCK).size == dock.ledger.journal.size
    assert archive.catalogue.mirror(DOCK, 0).size == 15
    assert [each.settled_by for each in archive.catalogue.troubles(DOCK)] == ["R. Liu"]


def test_two_docks_of_one_key_are_found_out(
    open_dock: OpenDock, archive: Archive, tmp_path: Path, clock: ManualClock
) -> None:
    """A cloned disk: both go on."""
    first = open_dock()
    first.grow(10)
    settle(first, archive)
    open_dock("other.db")
    shutil.copy(tmp_path / "ledger.db", tmp_path / "clone.db")
    first, clone = Dock(tmp_path / "ledger.db", clock), Dock(tmp_path / "clone.db", clock)
    for turn in range(6):
        for each in (first, clone):
            each.connect()
            each.grow(2, f"{each.path.name} {turn}")
            settle(each, archive, steps=20)
    assert words(archive)
    assert first.ledger.custody_trouble()
    assert clone.ledger.custody_trouble()
    first.close()
    clone.close()


def test_entries_changed_on_their_way_are_dropped_and_accuse_nobody(
    open_dock: OpenDock, archive: Archive
) -> None:
    dock = open_dock()
    dock.grow(20)
    (hello,) = dock.tick()
    (answer,) = archive.hear(hello)
    dock.courier.on_message("custody", answer)
    (batch,) = dock.tick()
    changed = batch.replace(b"bodydock 7", b"bodydock 8")
    assert changed != batch
    (answer,) = archive.hear(changed)
    assert decode(CustodyDown, answer).held == 0
    assert words(archive) == []
    archive.hear(batch)
    assert archive.catalogue.mirror(DOCK).size == 20


@pytest.mark.parametrize("what", ["dock", "origin", "key", "short", "gap", "number"])
def test_a_message_that_is_not_what_it_says_changes_nothing(
    open_dock: OpenDock, archive: Archive, what: str
) -> None:
    dock = open_dock()
    dock.grow(5)
    lines = list(dock.ledger.journal.lines())
    note, key, origin, first = dock.log.signed(5), DOCK_KEY, dock.log.origin, 0
    root = dock.ledger.journal.root(5)
    if what == "origin":
        note = sign(Checkpoint("bodydock/another/custody", 5, root), key)
    elif what == "key":
        note = sign(Checkpoint(origin, 5, root), STRANGER)
    elif what == "short":
        lines.pop()
    elif what == "gap":
        first = 2
    elif what == "number":
        lines[2], lines[3] = lines[3], lines[2]
    name = "another" if what == "dock" else DOCK
    message = CustodyUp(dock=name, checkpoint=note.text, first=first, entries=lines)
    try:
        archive.hear(message.encode())
    except Malformed:
        assert what in ("dock", "origin", "short", "number")
    assert archive.catalogue.mirror(DOCK).size == 0
    assert words(archive) == []


@pytest.mark.parametrize("what", ["nobody", "stranger", "name", "origin"])
def test_a_cosignature_that_is_none_counts_for_nothing(open_dock: OpenDock, what: str) -> None:
    dock = open_dock()
    dock.grow(3)
    note, name, key = dock.log.signed(3), archive_name(ARCHIVE), ARCHIVE_KEY
    if what == "stranger":
        key = STRANGER
    elif what == "name":
        name = archive_name("another")
    elif what == "origin":
        note = sign(Checkpoint("bodydock/other/custody", 3, bytes(32)), DOCK_KEY)
    text = note.text if what == "nobody" else cosign(note, name, key, 1).text
    for refused in ("", "your log is false"):
        answer = CustodyDown(archive=ARCHIVE, held=3, cosigned=text, refused=refused)
        with pytest.raises((Malformed, Untrusted)):
            dock.courier.on_message("custody", answer.encode())
    bare = CustodyDown(archive=ARCHIVE, held=0, refused="your log is false")
    assert dock.courier.on_message("custody", bare.encode())
    assert dock.ledger.custody_trouble() == ""
    assert cosigned(dock) == 0


def test_a_dock_is_known_by_its_first_good_checkpoint(
    open_dock: OpenDock, tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "b").mkdir()
    archive = Archive(tmp_path / "b", clock, another=STRANGER)
    dock = open_dock()
    dock.grow(3)
    settle(dock, archive, steps=30)
    assert archive.catalogue.mirror(DOCK).size == 0
    status = DockStatus(dock=DOCK, online=True, key=DOCK_KEY.public.text)
    archive.trust.announce(status)
    dock.connect()
    settle(dock, archive)
    assert archive.trust.knows(DOCK)
    assert cosigned(dock) == 3
    archive.close()


def test_an_archive_from_its_own_backup_takes_the_rest_again(
    open_dock: OpenDock, tmp_path: Path, clock: ManualClock
) -> None:
    dock = open_dock()
    (tmp_path / "b").mkdir()
    for grown in (5, 9):
        archive = Archive(tmp_path / "b", clock)
        dock.grow(grown)
        dock.connect()
        settle(dock, archive)
        archive.close()
        if grown == 5:
            shutil.copy(tmp_path / "b" / "catalogue.db", tmp_path / "kept")
    shutil.copy(tmp_path / "kept", tmp_path / "b" / "catalogue.db")
    archive = Archive(tmp_path / "b", clock)
    dock.grow(1)
    dock.connect()
    settle(dock, archive)
    assert cosigned(dock) == archive.catalogue.mirror(DOCK).size == 15
    assert dock.ledger.custody_trouble() == ""
    archive.close()


def test_of_earlier_days_one_checkpoint_stays(
    open_dock: OpenDock, archive: Archive, clock: ManualClock
) -> None:
    dock = open_dock()
    for _ in range(3):
        for _ in range(4):
            dock.grow()
            settle(dock, archive)
        clock.advance(86_400)
    dock.grow()
    settle(dock, archive)
    assert [each.size for each in dock.ledger.journal.notes()] == [4, 8, 12, 13]
    assert [each.size for each in archive.catalogue.mirror(DOCK).cosigned()] == [4, 8, 12, 13]
