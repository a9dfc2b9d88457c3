"""Custody logs, verified and proved, timed from inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.custody.folder import LOG, verify_folder, write_folder
from agent.custody.keys import SecretKey
from agent.custody.log import entry_proof
from agent.custody.notes import Checkpoint, sign
from agent.custody.stored import verify_journal
from agent.custody.verify import Keys
from agent.log_entry import Kind, read_entry, write_entry
from agent.merkle import Growing, leaf_hash
from agent.spool import schema
from agent.spool.database import open_writable
from agent.spool.journal import Journal
from tests.bench.cost import Failed
from tests.bench.worker import Stopwatch

ORIGIN = "bodydock/bench/custody"
LEDGER, FOLDER, NOTE = "ledger.db", "folder", "note"
_FACTS = {"size": 1_000_000, "blake3": "b" * 64, "sha256": "5" * 64, "path": "DCIM/0001.MP4"}


def make(state: str, number: int) -> dict[str, float]:
    """A log of so many entries in a ledger and in a folder, under one checkpoint."""
    key = SecretKey(Ed25519PrivateKey.from_private_bytes(b"b" * 32))
    tree = Growing()
    database = open_writable(Path(state) / LEDGER)
    watch = Stopwatch()
    with database.writing():
        for statement in schema.steps_from(0):
            database.change(statement)
        for n, text in enumerate(_entries(number)):
            nodes = b"".join(tree.add(leaf_hash(text.encode())))
            clip = json.loads(text).get("clip")
            insert = "INSERT INTO custody (n, clip, entry, nodes) VALUES (?, ?, ?, ?)"
            database.insert(insert, [n, clip, text, nodes])
        note = sign(Checkpoint(ORIGIN, number, tree.root), key).text
        insert = "INSERT INTO checkpoint (size, note, at) VALUES (?, ?, '2026')"
        database.insert(insert, [number, note])
    (Path(state) / NOTE).write_text(note, "utf-8")
    keys = Keys([key.public])
    write_folder(Path(state) / FOLDER, _entries(number), [note], ORIGIN, keys)
    database.close()
    return watch.read()


def _entries(number: int) -> Iterator[str]:
    for n in range(number):
        clip = sha256(b"%d" % (n // 5)).hexdigest() if n % 10 else ""
        yield write_entry(
            n,
            Kind.SEALED,
            at="2026-11-23T08:00:00.000Z",
            trust="synchronised",
            run=n / 7,
            clip=clip,
            what=_FACTS,
        )


def verify_ledger(state: str) -> dict[str, float]:
    """Every entry of the ledger, hashed anew and held against its checkpoint."""
    database = open_writable(Path(state) / LEDGER)
    key = SecretKey(Ed25519PrivateKey.from_private_bytes(b"b" * 32)).public
    watch = Stopwatch()
    verdict = verify_journal(Journal(database), Keys([key]), ORIGIN)
    read = watch.read()
    database.close()
    if not verdict.sound or verdict.covered != verdict.entries:
        raise Failed(f"not sound: {verdict.faults[:3]}")
    return read


def verify_exported(state: str) -> dict[str, float]:
    """The same of the folder."""
    watch = Stopwatch()
    verdict = verify_folder(Path(state) / FOLDER)
    read = watch.read()
    if not verdict.sound or not verdict.covered:
        raise Failed(f"not sound: {verdict.faults[:3]}")
    return read


def plain_hashing(state: str) -> dict[str, float]:
    """What nobody can do without: two SHA-256 for each line of the file, and nothing else."""
    watch = Stopwatch()
    with (Path(state) / FOLDER / LOG).open("rb") as file:
        for line in file:
            sha256(b"\x01" + 2 * sha256(b"\x00" + line[:-1]).digest()).digest()
    return watch.read()


def prove(state: str, times: int) -> dict[str, float]:
    """Proofs of single entries, seconds for one."""
    database = open_writable(Path(state) / LEDGER)
    journal, random = Journal(database), Random(1)
    note, size = (Path(state) / NOTE).read_text("utf-8"), journal.size
    watch = Stopwatch()
    for _ in range(times):
        (line,) = journal.lines(random.randrange(size), 1)
        entry_proof(journal, read_entry(line), note)
    read = watch.read()
    database.close()
    return {name: seconds / times for name, seconds in read.items()}


def prove_by_all(state: str) -> dict[str, float]:
    """One proof without kept nodes: every leaf is hashed, and the tree built, level by level."""
    database = open_writable(Path(state) / LEDGER)
    journal = Journal(database)
    watch = Stopwatch()
    level = [leaf_hash(line.encode()) for line in journal.lines()]
    at, path = len(level) // 3, []
    while len(level) > 1:
        if (beside := at ^ 1) < len(level):
            path.append(level[beside])
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level, at = above + level[len(above) * 2 :], at // 2
    read = watch.read()
    database.close()
    if not path:
        raise Failed("no path")
    return read
