"""Checks a custody log in a folder, with Python's standard library and `openssl` alone.

    python3 outsider.py FOLDER [KEY ...]

Nothing of bodydock is imported: this file was written from README.md beside it, to be read by
whoever wants to know what is checked. KEY are public keys known from elsewhere, each written
`ed25519:` and 64 hexadecimal digits; where any is given, no other counts. Exit code 0: all that was
checked is right. 1: something is wrong. 2: there is nothing to check.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

DASH = "\u2014 "
COSIGNER = "bodydock/archive/"
DER = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, before an Ed25519 public key

Keys = dict[tuple[str, bytes], tuple[int, bytes]]  # by name and key id: the type, and the key
Checkpoint = tuple[str, int, bytes, bool]  # origin, size, root, whether an archive cosigned


class Wrong(Exception):
    """Something is not as it should be."""


UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
FAILURES = (Wrong, OSError, *UNREADABLE)  # whatever cannot be read is not right
LIMIT = 1024 * 1024  # bytes of a line, or of a file that is read whole; nothing honest is longer


def read(path: Path) -> str:
    """A whole file; a pipe is none, and would be waited for without end."""
    if not path.is_file() or path.stat().st_size > LIMIT:
        raise Wrong(f"{path.name} is no file, or too long")
    return path.read_bytes().decode()


def harmless(text: str) -> str:
    """What a terminal shows and does not obey."""
    return "".join(each if each.isprintable() else "?" for each in text)


# Notes: c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature.


def read_keys(folder: Path, only: set[str]) -> Keys:
    """Those of keys.txt; of `only`, where any are named."""
    found: Keys = {}
    for line in read(folder / "keys.txt").splitlines():
        name, key_id, text = line.split("+", 2)
        raw = base64.b64decode(text, validate=True)
        kind, key = raw[0], raw[1:]
        if hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != key_id or len(key) != 32:
            raise Wrong(f"keys.txt: {name} has an id that does not fit")
        if not only or f"ed25519:{key.hex()}" in only:
            found[name, bytes.fromhex(key_id)] = (kind, key)
    return found


def openssl_verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "key").write_bytes(DER + key)
        (at / "message").write_bytes(message)
        (at / "signature").write_bytes(signature)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER"]
        command += ["-inkey", "key", "-in", "message", "-sigfile", "signature"]
        return subprocess.run(command, cwd=at, capture_output=True, check=False).returncode == 0


def read_note(text: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text of a note; name, key id and signature of each of its lines."""
    body, gap, rest = text.rpartition("\n\n")
    lines = rest.split("\n")
    if not gap or lines.pop() != "" or not lines:
        raise Wrong("no signed note")
    signatures = []
    for line in lines:
        if not line.startswith(DASH):
            raise Wrong("no signature line")
        name, text = line[len(DASH) :].split(" ")
        raw = strict_base64(text)
        signatures.append((name, raw[:4], raw[4:]))
    return body + "\n", signatures


def strict_base64(text: str) -> bytes:
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise Wrong("base64 with loose bits")
    return raw


def checkpoint(text: str, keys: Keys) -> Checkpoint:
    """What a note says, with every signature of a known key verified."""
    body, signatures = read_note(text)
    origin, size, root, end = body.split("\n")
    if end or not size.isascii() or not size.isdecimal() or str(int(size)) != size:
        raise Wrong("no checkpoint")
    signed = cosigned = False
    for name, key_id, signature in signatures:
        if (name, key_id) not in keys:
            continue
        kind, key = keys[name, key_id]
        message = body.encode()
        if kind == 4:
            seconds, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = f"cosignature/v1\ntime {seconds}\n{body}".encode()
        if len(signature) != 64 or not openssl_verifies(key, message, signature):
            raise Wrong(f"a false signature of {name}")
        signed |= kind == 1 and name == origin
        cosigned |= kind == 4 and name.startswith(COSIGNER)
    if not signed:
        raise Wrong("not signed by a key of the dock that counts")
    return origin, int(size), strict_base64(root), cosigned


# The tree: RFC 6962 §2.1, RFC 9162 §2.1.3.2 and §2.1.4.2.


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def inner(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def roots_of(lines: Iterable[bytes], sizes: set[int]) -> tuple[dict[int, bytes], int]:
    """{size: root} of the sizes that are asked for, and how many entries there are."""
    whole: list[tuple[int, bytes]] = []  # complete subtrees: level, hash
    found, number = {0: sha256(b"")}, 0
    for line in lines:
        if json.loads(line).get("n") != number:
            raise Wrong(f"log.jsonl: line {number} says another number")
        level, node = 0, sha256(b"\x00" + line)
        while whole and whole[-1][0] == level:
            level, node = level + 1, inner(whole.pop()[1], node)
        whole.append((level, node))
        number += 1
        if number in sizes:
            node = whole[-1][1]
            for _, left in reversed(whole[:-1]):
                node = inner(left, node)
            found[number] = node
    return found, number


def root_by_inclusion(number: int, size: int, entry: bytes, proof: list[bytes]) -> bytes:
    if not 0 <= number < size:
        raise Wrong("no such entry in that log")
    node, at, last = sha256(b"\x00" + entry), number, size - 1
    for each in proof:
        if last == 0:
            raise Wrong("a proof that is too long")
        if at % 2 or at == last:
            node = inner(each, node)
            while at and not at % 2:
                at, last = at // 2, last // 2
        else:
            node = inner(node, each)
        at, last = at // 2, last // 2
    if last:
        raise Wrong("a proof that is too short")
    return node


def roots_by_consistency(
    old: int, size: int, first: bytes, proof: list[bytes]
) -> tuple[bytes, bytes]:
    """Both roots that a proof leads to."""
    if not 0 < old <= size or (old == size and proof):
        raise Wrong("no such proof")
    if old == size:
        return first, first
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, first)
    if not path:
        raise Wrong("a proof that is too short")
    at, last = old - 1, size - 1
    while at % 2:
        at, last = at // 2, last // 2
    before = after = path[0]
    for each in path[1:]:
        if last == 0:
            raise Wrong("a proof that is too long")
        if at % 2 or at == last:
            before, after = inner(each, before), inner(each, after)
            while at and not at % 2:
                at, last = at // 2, last // 2
        else:
            after = inner(after, each)
        at, last = at // 2, last // 2
    if last:
        raise Wrong("a proof that is too short")
    return before, after


# The folder.


def lines_of(path: Path) -> Iterator[bytes]:
    if not path.is_file():
        raise Wrong("log.jsonl is no file")
    with path.open("rb") as file:
        while line := file.readline(LIMIT):
            if not line.endswith(b"\n"):
                raise Wrong("log.jsonl: a line is cut, or too long")
            yield line[:-1]


def check_log(folder: Path, notes: dict[str, Checkpoint]) -> int:
    sizes = {size for _, size, _, _ in notes.values()}
    roots, entries = roots_of(lines_of(folder / "log.jsonl"), sizes)
    for name, (_, size, root, _) in notes.items():
        if roots.get(size) != root:
            raise Wrong(f"{name}: not the first {size} entries of log.jsonl, which has {entries}")
    if entries not in sizes:
        raise Wrong(f"log.jsonl: {entries} entries, and no checkpoint of so many")
    return entries


def check_proof(text: str, keys: Keys) -> str:
    document = json.loads(text)
    origin, size, root, _ = checkpoint(document["checkpoint"], keys)
    entry, number, hashes = (document[name] for name in ("entry", "number", "proof"))
    proof = [bytes.fromhex(each) for each in hashes]
    found = root_by_inclusion(number, document["size"], entry.encode(), proof)
    if (found, document["size"], json.loads(entry).get("n")) != (root, size, number):
        raise Wrong("the entry does not lead to its checkpoint")
    return origin


def check_consistency(text: str, keys: Keys) -> str:
    document = json.loads(text)
    origin, old, old_root, _ = checkpoint(document["first"], keys)
    other, size, root, _ = checkpoint(document["second"], keys)
    proof = [bytes.fromhex(each) for each in document["proof"]]
    if origin != other or roots_by_consistency(old, size, old_root, proof) != (old_root, root):
        raise Wrong("the second checkpoint does not continue the first")
    return origin


def check(folder: Path, only: set[str]) -> list[str]:
    """What was found right, in words. Raises `Wrong` and what parsing raises."""
    keys, said = read_keys(folder, only), []
    notes: dict[str, Checkpoint] = {}
    origins: set[str] = set()
    for path in sorted((folder / "checkpoints").glob("*.note")):
        notes[path.name] = checkpoint(read(path), keys)
        origins.add(notes[path.name][0])
    if os.path.lexists(folder / "log.jsonl"):
        said.append(f"{check_log(folder, notes)} entries, as signed")
    if notes:
        cosigned = max([size for _, size, _, by in notes.values() if by], default=0)
        said.append(f"{len(notes)} checkpoints; the first {cosigned} entries are cosigned")
    for name, verify in (("proofs", check_proof), ("consistency", check_consistency)):
        for path in (paths := sorted((folder / name).glob("*.json"))):
            try:
                origins.add(verify(read(path), keys))
            except FAILURES as error:
                raise Wrong(f"{name}/{path.name}: {error}") from error
        if paths:
            said.append(f"{len(paths)} in {name}/ hold")
    if len(origins) > 1:
        raise Wrong(f"of several logs: {', '.join(sorted(origins))}")
    return [*sorted(origins), *said] if said else []


def main(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write("usage: python3 outsider.py FOLDER [KEY ...]\n")
        return 2
    folder, only = Path(arguments[0]), set(arguments[1:])
    try:
        said = check(folder, only)
        listed = {key for _, key in read_keys(folder, only).values()}
    except FAILURES as error:
        sys.stdout.write(f"WRONG: {type(error).__name__}: {harmless(str(error))}\n")
        return 1
    if not said:
        sys.stdout.write("nothing to check\n")
        return 2
    sys.stdout.write("".join(f"{harmless(each)}\n" for each in said))
    sys.stdout.write("NOT checked: whether these keys are the right ones, unless you named them,\n")
    sys.stdout.write("".join(f"  ed25519:{each.hex()}\n" for each in sorted(listed)))
    sys.stdout.write("and whether the archive has a later part of this log.\nRIGHT\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
