"""Whether a custody log is what dock and archive signed: from its lines and notes alone.

Nothing here asks a ledger, a disk or a network; those bring the lines. The tree is built anew from
the entries, so that no kept node is believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.custody.keys import PublicKey
from agent.custody.notes import (
    COSIGNATURE,
    Checkpoint,
    Note,
    Signature,
    Verifier,
    read_checkpoint,
    read_note,
)
from agent.custody.ties import tie_of, tied
from agent.custody.verdict import Verdict
from agent.errors import Malformed
from agent.merkle import (
    HASH_BYTES,
    Growing,
    leaf_hash,
    verifies_consistency,
    verifies_inclusion,
)

ARCHIVES = "bodydock/archive/"
"""The beginning of every cosigner's name."""
PROOF_HASHES = 64


@dataclass(slots=True)
class Keys:
    """Whose signatures count: the dock's under its log's name, and archives' cosignatures."""

    dock: list[PublicKey] = field(default_factory=list)
    archives: list[PublicKey] = field(default_factory=list)

    def follow(self, statements: Iterable[str]) -> None:
        """Take on every key that a statement of both keys ties to one that counts already."""
        ties = [tie for each in statements if (tie := tie_of(each))]
        self.dock = tied(self.dock, [tie[1:] for tie in ties if tie[0] == "dock"])
        self.archives = tied(self.archives, [tie[1:] for tie in ties if tie[0] == "archive"])


@dataclass(slots=True)
class Claim:
    """One checkpoint that is to be checked; `name` says where it was."""

    name: str
    note: Note
    checkpoint: Checkpoint


class Statements:
    """Gathers the statements of key changes from a log that goes by."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.numbers: list[int] = []
        """The entries that they are in."""

    def see(self, number: int, text: str) -> bool:
        """Whether an entry begins as we write the one of this number."""
        begins = f'{{"v":1,"n":{number},"kind":"'
        if text.startswith('key"', len(begins)):
            what = read_entry_loosely(text).get("what")
            statement = what.get("statement") if isinstance(what, dict) else None
            if isinstance(statement, str):
                self.found.append(statement)
                self.numbers.append(number)
        return text.startswith(begins)


def verify_log(
    entries: Iterable[tuple[str, bytes | None]],
    notes: Iterable[tuple[str, str]],
    keys: Keys,
    *,
    origin: str = "",
    open_end: bool = False,
) -> Verdict:
    """Check entries as written, each with the nodes kept with it where there are any, against
    notes, each under the name that faults will give it.

    `origin` is the one that all must have; else they need only agree. With `open_end` entries
    beyond the longest checkpoint are no fault. `keys` takes on those that the log leads to.
    """
    verdict = Verdict()
    claims = read_claims(notes, verdict)
    wanted = {each.checkpoint.size for each in claims}
    roots, statements = _walk(entries, wanted, verdict)
    keys.follow(statements.found)
    retired = _retired(statements)
    for claim in claims:
        verdict.checkpoints += 1
        origin = origin or claim.checkpoint.origin
        if check_note(claim, origin, keys, verdict) and _check_in_use(
            claim, keys, retired, verdict
        ):
            _check_root(claim, roots, keys, verdict)
    if verdict.entries > verdict.covered:
        beyond = verdict.entries - verdict.covered
        what = f"{beyond} entries from number {verdict.covered} on, under no checkpoint"
        (verdict.open if open_end else verdict.fault)(what)
    return verdict


def read_claims(notes: Iterable[tuple[str, str]], verdict: Verdict) -> list[Claim]:
    """Notes that can be read, the shortest first; the others are faults."""
    found = []
    for name, text in notes:
        try:
            note = read_note(text)
            found.append(Claim(name, note, read_checkpoint(note)))
        except Malformed as error:
            verdict.fault(f"{name}: {error.what}")
    return sorted(found, key=lambda each: each.checkpoint.size)


def check_note(claim: Claim, origin: str, keys: Keys, verdict: Verdict) -> bool:
    """Whether a checkpoint is of this log, signed by its dock, and no cosignature is false."""
    if claim.checkpoint.origin != origin:
        verdict.fault(f"{claim.name}: of {claim.checkpoint.origin[:100]}, not of {origin[:100]}")
        return False
    if not any(Verifier(origin, key).verifies(claim.note) for key in keys.dock):
        verdict.fault(f"{claim.name}: no signature of the dock by a key that counts")
        return False
    return _check_cosignatures(claim, keys, verdict)


def check_inclusion(document: Mapping[str, Any], keys: Keys, origin: str, verdict: Verdict) -> str:
    """Check one proof of an entry (README.md, "Files"); its log's origin, empty for a fault.
    Raises `Malformed` for what is no such document."""
    name = f"proof of entry {document.get('number')}"
    number, size, text = _typed(document, number=int, size=int, entry=str).values()
    claim = _claim(name, document, "checkpoint")
    if not check_note(claim, origin or claim.checkpoint.origin, keys, verdict):
        return ""
    leaf, proof = leaf_hash(text.encode("utf-8", "surrogatepass")), _hashes(document)
    verdict.proofs += 1
    if size != claim.checkpoint.size or not verifies_inclusion(
        number, size, leaf, proof, claim.checkpoint.root
    ):
        verdict.fault(f"{name}: does not lead to its checkpoint")
    elif read_entry_loosely(text).get("n") != number:
        verdict.fault(f"{name}: the entry says another number")
    return claim.checkpoint.origin


def check_consistency(
    document: Mapping[str, Any], keys: Keys, origin: str, verdict: Verdict
) -> str:
    """Check one proof that a log continues another; as `check_inclusion`."""
    claims = [_claim(f"consistency, {each}", document, each) for each in ("first", "second")]
    origin = origin or claims[0].checkpoint.origin
    if not all([check_note(each, origin, keys, verdict) for each in claims]):  # noqa: C419, all of them
        return ""
    old, new = (each.checkpoint for each in claims)
    verdict.proofs += 1
    if not verifies_consistency(old.size, old.root, new.size, new.root, _hashes(document)):
        verdict.fault(f"consistency of {old.size} and {new.size}: the proof does not hold")
    return origin


def cosigner(line: Signature, keys: Keys) -> Verifier | None:
    """The archive's key that this line claims to be by, where it is one that counts."""
    if not line.name.startswith(ARCHIVES):
        return None
    tried = [Verifier(line.name, key, COSIGNATURE) for key in keys.archives]
    return next((each for each in tried if each.key_id == line.key_id), None)


def read_entry_loosely(text: str) -> dict[str, Any]:
    """An entry's parts, of kinds that this version does not know, too; nothing where it is none."""
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parts if isinstance(parts, dict) else {}


def _walk(
    entries: Iterable[tuple[str, bytes | None]], wanted: set[int], verdict: Verdict
) -> tuple[dict[int, bytes], Statements]:
    """Build the tree; the roots at the wanted sizes, and the statements of key changes."""
    tree, statements = Growing(), Statements()
    roots = {0: tree.root}
    for number, (text, kept) in enumerate(entries):
        nodes = tree.add(leaf_hash(text.encode("utf-8", "surrogatepass")))
        if kept is not None and kept != b"".join(nodes):
            verdict.fault(f"entry {number}: not the one that its hashes were kept for")
        if not statements.see(number, text) and read_entry_loosely(text).get("n") != number:
            verdict.fault(f"entry {number}: says another number, or is none")
        if tree.size in wanted:
            roots[tree.size] = tree.root
    verdict.entries = tree.size
    return roots, statements


def _check_root(claim: Claim, roots: Mapping[int, bytes], keys: Keys, verdict: Verdict) -> None:
    size = claim.checkpoint.size
    if size not in roots:
        verdict.fault(f"{claim.name}: {size} entries were signed, {verdict.entries} are here")
    elif roots[size] != claim.checkpoint.root:
        verdict.fault(f"{claim.name}: the first {size} entries are not those that were signed")
    else:
        verdict.covered = max(verdict.covered, size)
        if any(cosigner(each, keys) for each in claim.note.signatures):
            verdict.cosigned = max(verdict.cosigned, size)


def _check_cosignatures(claim: Claim, keys: Keys, verdict: Verdict) -> bool:
    """Whether none is false. One of an unknown key cannot be checked."""
    for line in claim.note.signatures:
        if not line.name.startswith(ARCHIVES):
            continue
        if (by := cosigner(line, keys)) is None:
            verdict.open(f"cosignatures by key {line.key_id.hex()} of {line.name[:100]}")
        elif not by.verifies(claim.note):
            verdict.fault(f"{claim.name}: a false cosignature")
            return False
    return True


def _retired(statements: Statements) -> dict[str, int]:
    """The number of the entry that says so, of each key of the dock that gave way."""
    found: dict[str, int] = {}
    for number, statement in zip(statements.numbers, statements.found, strict=True):
        if (tie := tie_of(statement)) and tie[0] == "dock":
            found.setdefault(tie[1], number)
    return found


def _check_in_use(claim: Claim, keys: Keys, retired: Mapping[str, int], verdict: Verdict) -> bool:
    """Whether a checkpoint is by a key that had not given way by the log's own word: the old one
    may lie about, and whoever finds it could sign the whole log anew."""
    origin, size = claim.checkpoint.origin, claim.checkpoint.size
    in_use = [key for key in keys.dock if retired.get(key.text, size) >= size]
    if any(Verifier(origin, key).verifies(claim.note) for key in in_use):
        return True
    verdict.fault(f"{claim.name}: signed by a key that had given way to another before")
    return False


def _claim(name: str, document: Mapping[str, Any], key: str) -> Claim:
    (text,) = _typed(document, **{key: str}).values()
    note = read_note(text)
    return Claim(name, note, read_checkpoint(note))


def _typed(document: Mapping[str, Any], **kinds: type) -> dict[str, Any]:
    for name, kind in kinds.items():
        if type(document.get(name)) is not kind:
            raise Malformed(f"proof: {name} is missing or of a wrong type")
    return {name: document[name] for name in kinds}


def _hashes(document: Mapping[str, Any]) -> Sequence[bytes]:
    hashes = document.get("proof")
    if not isinstance(hashes, list) or len(hashes) > 2 * PROOF_HASHES:
        raise Malformed("proof: no list of hashes")
    try:
        found = [bytes.fromhex(each) for each in hashes]
    except (ValueError, TypeError) as error:
        raise Malformed("proof: a hash that is none") from error
    if any(len(each) != HASH_BYTES for each in found):
        raise Malformed("proof: a hash of another length")
    return found
