"""5,000 manipulations of custody logs: as exported, in a ledger, in an archive's copy, and
by somebody who has the dock's own key. Every one is found, by `verify` or by the archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from agent.archive.mirror_check import verify_mirror
from agent.archive.mirror_queries import Mirror
from agent.custody.folder import CHECKPOINTS, LOG, verify_folder, write_folder
from agent.custody.notes import Checkpoint, cosign, read_note, sign
from agent.custody.stored import verify_journal
from agent.custody.verdict import Verdict
from agent.custody.verify import Keys
from agent.spool.database import Database
from agent.spool.journal import Journal
from agent.wire.contract import decode
from agent.wire.evidence import CustodyDown, CustodyUp

from .far import ARCHIVE_KEY, CLIP, DOCK, DOCK_KEY, OTHER, Archive, Dock, ManualClock, settle
from .manipulate import MANIPULATIONS, nodes_of, root_of

ORIGIN = f"bodydock/{DOCK}/custody"
FOLDERS, LEDGERS, MIRRORS, FORKS = 1000, 1000, 1000, 2000


def keys() -> Keys:
    return Keys([DOCK_KEY.public], [ARCHIVE_KEY.public])


@dataclass
class World:
    """A log of some entries with several checkpoints, in all of its forms."""

    lines: list[str]
    notes: list[str]
    newest: str
    folder: Path
    ledger: Path
    archive: Archive


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    top, clock = tmp_path_factory.mktemp("manipulations"), ManualClock()
    dock, archive = Dock(top / "ledger.db", clock), Archive(top, clock)
    dock.connect()
    for number in (3, 5, 1, 8):
        dock.grow(number)
        dock.speak(CLIP if number % 2 else OTHER)
        settle(dock, archive)
    journal = dock.ledger.journal
    notes, lines = [each.best for each in journal.notes()], list(journal.lines())
    write_folder(top / "out", lines, notes, ORIGIN, keys())
    dock.close()
    yield World(lines, notes, notes[-1], top / "out", top / "ledger.db", archive)
    archive.close()


def test_without_a_manipulation_all_is_sound(world: World) -> None:
    verdict = verify_folder(world.folder)
    assert (verdict.faults, verdict.covered, verdict.cosigned) == ([], 21, 21)
    with ledger(world) as journal:
        assert verify_journal(journal, keys(), ORIGIN).sound
    mirror = world.archive.catalogue.mirror(DOCK)
    assert verify_mirror(mirror, keys()).sound


def found(verdict: Verdict, what: object) -> None:
    assert not verdict.sound, f"not found: {what}"


# As exported.


@contextmanager
def exported(world: World, lines: Sequence[str], notes: Sequence[str]) -> Iterator[Path]:
    """The folder with other lines and notes in it."""
    log, before = world.folder / LOG, (world.folder / LOG).read_bytes()
    kept = {each: each.read_bytes() for each in (world.folder / CHECKPOINTS).iterdir()}
    try:
        log.write_bytes("".join(f"{each}\n" for each in lines).encode())
        for old in kept:
            old.unlink()
        for number, note in enumerate(notes):
            (world.folder / CHECKPOINTS / f"{number}.note").write_bytes(note.encode())
        yield world.folder
    finally:
        log.write_bytes(before)
        for new in (world.folder / CHECKPOINTS).iterdir():
            new.unlink()
        for old, raw in kept.items():
            old.write_bytes(raw)


def test_of_exported_logs(world: World, seed: int) -> None:
    for case in range(FOLDERS):
        random = Random(seed + case)
        how = random.choice(MANIPULATIONS)
        with exported(world, how(world.lines, random), world.notes) as folder:
            found(verify_folder(folder), (seed + case, how.__name__))


def test_of_exported_checkpoints(world: World, seed: int) -> None:
    """A changed byte anywhere in a note; both its keys are known from elsewhere."""
    for case in range(100):
        random = Random(seed + case)
        notes, at = list(world.notes), random.randrange(len(world.notes))
        place = random.randrange(len(notes[at]))
        other = random.choice([each for each in "aB0\n=" if each != notes[at][place]])
        notes[at] = notes[at][:place] + other + notes[at][place + 1 :]
        with exported(world, world.lines, notes) as folder:
            verdict = verify_folder(folder, dock=[DOCK_KEY.public], archives=[ARCHIVE_KEY.public])
        unknown = any("cosignatures by key" in each for each in verdict.unchecked)
        renamed = verdict.cosigned < len(world.lines) or at < len(notes) - 1
        assert not verdict.sound or unknown or renamed, (seed + case, notes[at])


def test_of_a_log_signed_by_somebody_else(world: World) -> None:
    other = [sign(Checkpoint(ORIGIN, 21, root_of(world.lines)), ARCHIVE_KEY).text]
    with exported(world, world.lines, other) as folder:
        found(verify_folder(folder, dock=[DOCK_KEY.public]), "another key")


def test_an_older_export_is_found_by_a_newer_checkpoint(world: World) -> None:
    """By itself it is what it was; the archive's newest checkpoint does not fit it."""
    with exported(world, world.lines[:4], world.notes[:1]) as folder:
        assert verify_folder(folder).sound
        found(verify_folder(folder, known=[("newest", world.newest)]), "an older export")


# In a ledger.


@contextmanager
def ledger(world: World) -> Iterator[Journal]:
    """Its own database, of which nothing stays changed."""
    connection = sqlite3.connect(world.ledger, isolation_level=None, check_same_thread=False)
    database = Database(connection, world.ledger)
    connection.execute("BEGIN")
    try:
        yield Journal(database)
    finally:
        connection.execute("ROLLBACK")
        database.close()


def test_in_a_ledger(world: World, seed: int) -> None:
    connection = sqlite3.connect(world.ledger, isolation_level=None, check_same_thread=False)
    journal = Journal(Database(connection, world.ledger))
    for case in range(LEDGERS):
        random = Random(seed + case)
        connection.execute("BEGIN")
        how = _tamper(connection, "custody", world.lines, random)
        verdict = verify_journal(journal, keys(), ORIGIN)
        connection.execute("ROLLBACK")
        found(verdict, (seed + case, how))
    assert verify_journal(journal, keys(), ORIGIN).sound
    connection.close()


def _tamper(run: sqlite3.Connection, table: str, log: Sequence[str], random: Random) -> str:
    """Change rows by hand: with all hashes put right, or as they are; or the hashes alone."""
    number = random.randrange(len(log))
    if (chance := random.random()) < 0.1:
        other, nodes = (number + 1) % len(log), nodes_of(log)
        swap = f"UPDATE {table} SET nodes = ? WHERE n = ?"  # noqa: S608, ours
        run.execute(swap, [nodes[other], number])
        run.execute(swap, [nodes[number], other])
        return "swapped nodes"
    if chance < 0.2:
        run.execute(f"UPDATE {table} SET clip = 'another' WHERE n = {number}")  # noqa: S608, ours
        return "filed elsewhere"
    if chance < 0.3:
        run.execute(f"DELETE FROM {table} WHERE n = {number}")  # noqa: S608, ours
        return "deleted"
    how = random.choice(MANIPULATIONS)
    changed = how(log, random)
    nodes = nodes_of(changed) if chance < 0.7 else nodes_of(log) + [b"x" * 32] * len(changed)
    _replace(run, table, changed, nodes)
    return how.__name__


def _replace(
    run: sqlite3.Connection, table: str, lines: Sequence[str], nodes: Sequence[bytes]
) -> None:
    """These entries with these hashes; whatever else a row has stays as it was."""
    kept = run.execute(f"SELECT * FROM {table} ORDER BY n").fetchall()  # noqa: S608, ours
    names = [each[1] for each in run.execute(f"PRAGMA table_info({table})")]
    run.execute(f"DELETE FROM {table}")  # noqa: S608, ours
    insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})"  # noqa: S608, ours
    for n, text in enumerate(lines):
        row = dict(zip(names, kept[min(n, len(kept) - 1)], strict=True))
        row |= {"n": n, "entry": text, "nodes": nodes[n]}
        run.execute(insert, [row[name] for name in names])


# In an archive's copy.


def test_in_an_archives_copy(world: World, seed: int) -> None:
    catalogue = world.archive.catalogue
    run = catalogue._db.conn
    mirror: Mirror = catalogue.mirror(DOCK)
    for case in range(MIRRORS):
        random = Random(seed + case)
        run.execute("BEGIN")
        how = _tamper(run, "custody", world.lines, random)
        verdict = verify_mirror(mirror, keys())
        run.execute("ROLLBACK")
        found(verdict, (seed + case, how))
    assert verify_mirror(mirror, keys()).sound


def test_an_archive_alone_cannot_rewrite_a_log(world: World) -> None:
    """It has its own key, and not the dock's."""
    run = world.archive.catalogue._db.conn
    lines = [each.replace("bodydock", "somebody") for each in world.lines]
    old = sign(Checkpoint(ORIGIN, 21, root_of(lines)), ARCHIVE_KEY)
    note = cosign(old, "bodydock/archive/archive-1", ARCHIVE_KEY, 1)
    run.execute("BEGIN")
    for n, (text, nodes) in enumerate(zip(lines, nodes_of(lines), strict=True)):
        run.execute("UPDATE custody SET entry = ?, nodes = ? WHERE n = ?", [text, nodes, n])
    run.execute("DELETE FROM cosigned WHERE size < 21")
    run.execute("UPDATE cosigned SET note = ?", [note.text])
    verdict = verify_mirror(world.archive.catalogue.mirror(DOCK), keys())
    run.execute("ROLLBACK")
    found(verdict, "rewritten")


# By somebody who has the dock's key.


def test_by_whoever_has_the_docks_key(
    world: World, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything is signed anew, over another past: no file tells, and the archive does."""
    run = world.archive.catalogue._db.conn
    caplog.set_level("CRITICAL", "agent.archive.keeper")
    for case in range(FORKS):
        random = Random(seed + case)
        how = random.choice(MANIPULATIONS)
        lines = how(world.lines, random)
        if random.random() < 0.5:
            lines += world.lines[: random.randrange(1, 12)]
        run.execute("BEGIN")
        answer = _answer(world, lines, random)
        run.execute("ROLLBACK")
        behind = answer.held > len(lines) and how.__name__ == "cut_tail"
        assert answer.refused or behind, (seed + case, how.__name__)
        assert behind or "nothing of it is cosigned" in caplog.messages[-1]
        caplog.clear()


def _answer(world: World, lines: Sequence[str], random: Random) -> CustodyDown:
    """What the archive says of this log, as an honest courier of it would ask."""
    held = len(world.lines)
    size = len(lines)
    if size <= held:
        message = CustodyUp(dock=DOCK, checkpoint=signed(lines, size))
    elif random.random() < 0.5:
        message = CustodyUp(dock=DOCK, checkpoint=signed(lines, held))
    else:
        message = CustodyUp(
            dock=DOCK,
            checkpoint=signed(lines, size),
            base=signed(lines, held),
            first=held,
            entries=list(lines[held:]),
        )
    (answer,) = world.archive.hear(message.encode())
    found = decode(CustodyDown, answer)
    assert read_note(found.cosigned or world.newest)
    return found


def signed(lines: Sequence[str], size: int) -> str:
    return sign(Checkpoint(ORIGIN, size, root_of(lines[:size])), DOCK_KEY).text
