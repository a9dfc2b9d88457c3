"""Folders that somebody made to hang, to fill or to deceive whoever checks them; and logs signed
anew by whoever found a key that had given way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.custody.envelopes import seal_by
from agent.custody.folder import CHECKPOINTS, KEYS, LOG, OUTSIDER, verify_folder, write_folder
from agent.custody.keys import SecretKey
from agent.custody.notes import Checkpoint, dock_origin, sign
from agent.custody.verdict import Verdict
from agent.custody.verify import Keys
from agent.errors import BodydockError
from agent.log_entry import Kind, write_entry
from agent.wire.evidence import KEY_CHANGE_TYPE, KeyChange

from .manipulate import root_of

ORIGIN = dock_origin("d1")
OLD, NEW, HIS = (SecretKey(Ed25519PrivateKey.from_private_bytes(each * 32)) for each in (b"o", b"n", b"h"))  # fmt: skip  # noqa: E501


def statement(old: SecretKey, new: SecretKey) -> str:
    change = KeyChange(
        owner="dock/d1", old=old.public.text, new=new.public.text, at="t", by="li", why="old"
    )
    return seal_by(KEY_CHANGE_TYPE, change.encode(), [old, new]).decode()


def line(number: int, kind: Kind = Kind.STARTED, **what: str) -> str:
    return write_entry(number, kind, at="t", trust="unknown", run=1.0, what=what)


def log_of(*changes: str, text: str = "true", number: int = 8) -> list[str]:
    """Entries of which number 3 and on are key changes."""
    lines = [line(n, agent=text) for n in range(3)]
    lines += [line(3 + n, Kind.KEY, event="changed", statement=s) for n, s in enumerate(changes)]
    return lines + [line(n, agent=text) for n in range(len(lines), number)]


def write(folder: Path, lines: list[str], *notes: tuple[int, SecretKey]) -> Path:
    made = [sign(Checkpoint(ORIGIN, n, root_of(lines[:n])), key).text for n, key in notes]
    keys = Keys([OLD.public, NEW.public, HIS.public])
    write_folder(folder, lines, made, ORIGIN, keys)
    return folder


def test_what_each_key_signed_in_its_time_counts(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", log_of(statement(OLD, NEW)), (2, OLD), (3, OLD), (8, NEW))
    for known in (OLD, NEW):
        assert verify_folder(folder, dock=[known.public]).faults == []


def test_a_log_signed_anew_by_a_key_that_had_given_way_is_found(tmp_path: Path) -> None:
    lines = log_of(statement(OLD, NEW), text="false")
    verdict = verify_folder(write(tmp_path / "f", lines, (8, OLD)), dock=[NEW.public])
    assert "had given way" in verdict.faults[0]
    assert verdict.covered == 0


def test_a_key_that_gave_way_cannot_give_way_again(tmp_path: Path) -> None:
    lines = log_of(statement(OLD, HIS), statement(OLD, NEW), text="false")
    verdict = verify_folder(write(tmp_path / "f", lines, (8, HIS)), dock=[NEW.public])
    assert "no signature of the dock" in verdict.faults[0]


Spoil = Callable[[Path], object]


def pipe(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).parent.mkdir(exist_ok=True)
        os.mkfifo(folder / name)

    return spoil


def link(name: str, target: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(target)

    return spoil


def huge(name: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("ab") as file:
            file.truncate(2**36)

    return spoil


def holding(name: str, data: bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("ab") as file:
            file.write(data)

    return spoil


SPOILT: list[Spoil] = [
    *(pipe(name) for name in (LOG, KEYS, f"{CHECKPOINTS}/1.note", "proofs/1.json")),
    *(link(name, "/dev/zero") for name in (LOG, KEYS, f"{CHECKPOINTS}/1.note", "proofs/1.json")),
    *(link(name, "/nowhere") for name in (LOG, KEYS, "proofs/1.json")),
    *(link(name, name.rpartition("/")[2]) for name in (LOG, KEYS, "consistency/1.json")),
    *(huge(name) for name in (LOG, KEYS, f"{CHECKPOINTS}/1.note", "proofs/1.json")),
    holding(LOG, b"[" * 60_000 + b"\n"),
    holding(LOG, b'{"n":' + b"9" * 60_000 + b"}\n"),
    holding("proofs/1.json", b"[" * 900_000),
    holding("proofs/1.json", b'{"number":' + b"9" * 4000 + b',"size":1e999}'),
    holding(f"{CHECKPOINTS}/\x1b[2J.note", b"\xff"),
    holding("proofs/\u202e.json", b""),
    holding(KEYS, b"\x1b[2J\n"),
    holding(LOG, b"\n"),
    holding(LOG, b"\0\n"),
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_nothing_in_a_folder_hangs_fills_or_convinces(tmp_path: Path, spoil: Spoil) -> None:
    folder = write(tmp_path / "f", log_of(statement(OLD, NEW)), (3, OLD), (8, NEW))
    outsider = (folder / OUTSIDER).read_bytes()
    spoil(folder)
    try:
        verdict = verify_folder(folder, dock=[NEW.public])
    except BodydockError:
        verdict = Verdict(faults=["nothing to check"])
    assert not verdict.sound
    (tmp_path / "o.py").write_bytes(outsider)
    command = [sys.executable, "-I", "-S", str(tmp_path / "o.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    assert done.returncode == 1
    assert b"RIGHT" not in done.stdout
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""
