"""A custody log in a folder, for people who have nothing else: written here, and checked again.

`README.md` beside this file describes the folder.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from agent.custody.fingerprint import fingerprint
from agent.custody.keys import PublicKey
from agent.custody.notes import (
    COSIGNATURE,
    ED25519,
    NOTE_LIMIT,
    Verifier,
    read_checkpoint,
    read_note,
    read_verifier,
)
from agent.custody.verdict import Verdict
from agent.custody.verify import (
    Keys,
    Statements,
    check_consistency,
    check_inclusion,
    check_note,
    cosigner,
    read_claims,
    verify_log,
)
from agent.errors import Malformed, NotPermitted, UsageError
from agent.log_entry import ENTRY_LIMIT

KEYS, LOG = "keys.txt", "log.jsonl"
CHECKPOINTS, PROOFS, CONSISTENCY = "checkpoints", "proofs", "consistency"
OUTSIDER = "outsider.py"
_KEYS_LIMIT = 1024 * 1024
_PROOF_LIMIT = 1024 * 1024

Check = Callable[[Mapping[str, Any], Keys, str, Verdict], str]


def write_folder(
    folder: Path, entries: Iterable[str], notes: Sequence[str], origin: str, keys: Keys
) -> int:
    """Write a whole log: `entries` from the first on, up to the longest of `notes`; how many.

    `keys` takes on the earlier keys of the dock that the log tells of. Raises `UsageError` where
    the folder has something in it, or there is no checkpoint yet.
    """
    sizes = {read_checkpoint(read_note(each)).size: each for each in notes}
    if not sizes:
        raise UsageError("there is no checkpoint of this log yet", do="try again in a minute")
    with _writing(folder):
        (folder / CHECKPOINTS).mkdir(parents=True)
        for size, note in sizes.items():
            (folder / CHECKPOINTS / f"{size:012d}.note").write_bytes(note.encode())
        written = _write_log(folder, entries, max(sizes), keys)
        listed = [each.text for each in verifiers(origin, notes, keys)]
        (folder / KEYS).write_text("".join(f"{each}\n" for each in listed), "utf-8")
        (folder / OUTSIDER).write_bytes(Path(__file__).with_name(OUTSIDER).read_bytes())
    return written


def verifiers(origin: str, notes: Sequence[str], keys: Keys) -> list[Verifier]:
    """What keys.txt lists: the dock's keys, and the archives' that cosigned these notes."""
    found = {each.text: each for each in (Verifier(origin, key) for key in keys.dock)}
    for note in notes:
        for line in read_note(note).signatures:
            if by := cosigner(line, keys):
                found[by.text] = by
    return list(found.values())


def verify_folder(
    folder: Path,
    *,
    dock: Sequence[PublicKey] = (),
    archives: Sequence[PublicKey] = (),
    known: Sequence[tuple[str, str]] = (),
) -> Verdict:
    """Check everything in a folder, from its files alone.

    `dock` and `archives` are keys known from elsewhere; without them those of the folder count, and
    the verdict says which to compare. `known` are notes from elsewhere, which must fit too. Raises
    `UsageError` where there is nothing to check.
    """
    verdict = Verdict()
    try:
        with _reading(folder):
            keys, origin = _keys(folder, dock, archives, verdict)
            verdict = _check_files(folder, keys, origin, known, verdict)
    except Malformed as error:
        verdict.fault(error.what)
    if not verdict.checkpoints + verdict.proofs + len(verdict.faults):
        raise UsageError(f"{folder} has neither a custody log nor proofs")
    verdict.open("whether the archive has a later part of this log")
    return verdict


def _check_files(
    folder: Path, keys: Keys, origin: str, known: Sequence[tuple[str, str]], before: Verdict
) -> Verdict:
    notes = [
        (f"{CHECKPOINTS}/{p.name}", _text(p, NOTE_LIMIT))
        for p in _files(folder / CHECKPOINTS, "note")
    ]
    notes += known
    verdict = before
    if os.path.lexists(folder / LOG):
        verdict = verify_log(_lines(folder / LOG), notes, keys, origin=origin)
        verdict.unchecked[:0] = before.unchecked
    else:
        verdict.open("the log itself, which is not here")
        for claim in read_claims(notes, verdict):
            verdict.checkpoints += check_note(claim, origin, keys, verdict)
    _check_documents(folder / PROOFS, check_inclusion, keys, origin, verdict)
    _check_documents(folder / CONSISTENCY, check_consistency, keys, origin, verdict)
    return verdict


def _write_log(folder: Path, entries: Iterable[str], size: int, keys: Keys) -> int:
    """The last of all, under another name until it is whole."""
    part, number, statements = folder / f"{LOG}.part", 0, Statements()
    with part.open("wb") as file:
        for number, text in enumerate(entries, 1):
            file.write(text.encode("utf-8", "surrogatepass") + b"\n")
            statements.see(number - 1, text)
            if number == size:
                break
    keys.follow(statements.found)
    part.replace(folder / LOG)
    return number


def _keys(
    folder: Path, dock: Sequence[PublicKey], archives: Sequence[PublicKey], verdict: Verdict
) -> tuple[Keys, str]:
    """The keys that count, and the log's origin."""
    listed = [read_verifier(line) for line in _text(folder / KEYS, _KEYS_LIMIT).splitlines()]
    owners = {each.name for each in listed if each.kind == ED25519}
    if len(owners) != 1:
        raise Malformed(f"{KEYS}: keys of {len(owners)} logs, not of one")
    keys = Keys(list(dock), list(archives))
    for mine, kind in ((keys.dock, ED25519), (keys.archives, COSIGNATURE)):
        if not mine:
            for each in listed:
                if each.kind == kind:
                    mine.append(each.key)
                    verdict.open(f"whether {each.name} has the key {fingerprint(each.key)}")
    return keys, owners.pop()


def _lines(path: Path) -> Iterator[tuple[str, None]]:
    """The entries of a log, without their line ends. Raises `Malformed`."""
    with _opened(path) as file:
        number = 0
        while line := file.readline(ENTRY_LIMIT + 2):
            if not line.endswith(b"\n"):
                raise Malformed(f"{LOG}: entry {number} is too long, or cut")
            try:
                yield line[:-1].decode(), None
            except UnicodeDecodeError as error:
                raise Malformed(f"{LOG}: entry {number} is no UTF-8") from error
            number += 1


def _check_documents(folder: Path, check: Check, keys: Keys, origin: str, verdict: Verdict) -> None:
    for path in _files(folder, "json"):
        try:
            document = json.loads(_text(path, _PROOF_LIMIT))
            if not isinstance(document, dict):
                raise Malformed("no object")
            check(document, keys, origin, verdict)
        except (ValueError, RecursionError, Malformed) as error:
            verdict.fault(f"{folder.name}/{path.name}: {error}")


def _files(folder: Path, ending: str) -> list[Path]:
    """Whatever ends so in a folder, which need not be there. Raises OSError."""
    if not os.path.lexists(folder):
        return []
    return sorted(each for each in folder.iterdir() if each.name.endswith(f".{ending}"))


def _opened(path: Path) -> BinaryIO:
    """A file for reading. Whoever made the folder may have put something there that is none, such
    as a pipe that nobody ever writes to. Raises `Malformed`, OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Malformed(f"{path.name}: no file")
    return os.fdopen(file, "rb")


def _text(path: Path, limit: int) -> str:
    with _opened(path) as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise Malformed(f"{path.name}: longer than {limit} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{path.name}: no UTF-8") from error


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty", do="name a new folder")
        yield
    except OSError as error:
        raise NotPermitted(f"{folder} cannot be written: {error.strerror}") from error


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        name = Path(error.filename or folder).name
        raise UsageError(f"{folder} has no {name}", do="name an exported folder") from error
    except OSError as error:
        raise NotPermitted(f"{folder} cannot be read: {error.strerror}") from error
