"""The verifier that knows nothing of us, held against ours: on good folders, and on others."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from agent.custody import outsider
from agent.custody.folder import OUTSIDER, verify_folder, write_folder
from agent.custody.log import clip_proofs, consistency
from agent.custody.verify import Keys
from agent.errors import UsageError

from .far import ARCHIVE_KEY, CLIP, DOCK_KEY, Archive, Dock, ManualClock, settle
from .manipulate import MANIPULATIONS

CASES = 27


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A whole log of twelve entries, two checkpoints, proofs of a clip and of consistency."""
    clock = ManualClock()
    dock, archive = Dock(tmp_path / "ledger.db", clock), Archive(tmp_path, clock)
    dock.connect()
    for number in (5, 5):
        dock.grow(number)
        dock.speak()
        settle(dock, archive)
    journal, out = dock.ledger.journal, tmp_path / "out"
    notes = [each.best for each in journal.notes()]
    keys = Keys([DOCK_KEY.public], [ARCHIVE_KEY.public])
    write_folder(out, journal.lines(), notes, dock.log.origin, keys)
    for name, found in (
        ("proofs", clip_proofs(journal, CLIP, notes[-1])),
        ("consistency", [consistency(journal, *notes)]),
    ):
        (out / name).mkdir()
        for number, document in enumerate(found):
            (out / name / f"{number}.json").write_text(json.dumps(document), "utf-8")
    yield out
    dock.close()
    archive.close()


def run(folder: Path, *arguments: str) -> SimpleNamespace:
    """As a stranger runs it: the copy in the folder, isolated from everything installed here."""
    command = [sys.executable, "-I", "-S", str(folder / OUTSIDER), str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)


def agree(folder: Path) -> bool:
    """Whether the folder is sound, as both say."""
    try:
        ours = verify_folder(folder).sound
    except UsageError:
        ours = False
    theirs = outsider.main([str(folder)]) == 0
    assert ours == theirs
    return ours


def test_it_needs_nothing_but_python_and_openssl() -> None:
    text = Path(outsider.__file__).read_text("utf-8")
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_a_good_folder_is_right(folder: Path) -> None:
    done = run(folder)
    assert (done.code, done.err) == (0, "")
    assert "12 entries, as signed" in done.out
    assert "the first 12 entries are cosigned" in done.out
    assert "2 in proofs/ hold" in done.out
    assert "1 in consistency/ hold" in done.out
    assert done.out.endswith("RIGHT\n")
    verdict = verify_folder(folder)
    assert (verdict.faults, verdict.proofs, verdict.covered) == ([], 3, 12)


def test_keys_from_elsewhere_decide(folder: Path) -> None:
    ours, theirs = DOCK_KEY.public, ARCHIVE_KEY.public
    assert run(folder, ours.text, theirs.text).code == 0
    assert run(folder, theirs.text).code == 1
    assert verify_folder(folder, dock=[ours], archives=[theirs]).sound
    assert not verify_folder(folder, dock=[theirs]).sound


def test_proofs_alone_can_be_checked(folder: Path) -> None:
    for name in ("log.jsonl", "checkpoints/000000000006.note", "checkpoints/000000000012.note"):
        (folder / name).unlink()
    assert run(folder).code == 0
    verdict = verify_folder(folder)
    assert (verdict.sound, verdict.proofs, verdict.entries) == (True, 3, 0)


def test_a_folder_of_nothing_is_not_right(folder: Path) -> None:
    for each in [*folder.glob("*/*"), folder / "log.jsonl"]:
        each.unlink()
    assert run(folder).code == 2
    with pytest.raises(UsageError):
        verify_folder(folder)


def test_both_find_what_was_done_to_a_log(
    folder: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    log = folder / "log.jsonl"
    lines = log.read_text("utf-8").splitlines()
    assert agree(folder)
    for case in range(CASES):
        how = MANIPULATIONS[case % len(MANIPULATIONS)]
        changed = how(lines, Random(seed + case))
        log.write_text("".join(f"{each}\n" for each in changed), "utf-8")
        assert not agree(folder), (seed + case, how.__name__)
    capsys.readouterr()


@pytest.mark.parametrize("name", ["proofs/0.json", "consistency/0.json", "keys.txt", "note"])
def test_both_find_one_changed_character(
    folder: Path, name: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """In what is signed or hashed; elsewhere (a cosigner's name, say) both agree that the rest is
    right."""
    path = folder / name if name != "note" else folder / "checkpoints" / "000000000012.note"
    before, wrong = path.read_text("utf-8"), 0
    for case in range(CASES // 2):
        random = Random(seed + case)
        at = random.randrange(len(before))
        other = random.choice([each for each in "a1B" if each != before[at]])
        path.write_text(before[:at] + other + before[at + 1 :], "utf-8")
        wrong += not agree(folder)
    assert wrong > CASES // 4
    path.write_text(before, "utf-8")
    assert agree(folder)
    capsys.readouterr()


@pytest.mark.parametrize(
    "change",
    [
        {"proof": []},
        {"proof": ["00"]},
        {"proof": "no list"},
        {"number": 3},
        {"number": -1},
        {"number": True},
        {"size": 11},
        {"entry": "{}"},
        {"entry": None},
        {"checkpoint": ""},
    ],
)
def test_both_find_a_proof_that_is_none(
    folder: Path, change: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "proofs" / "0.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    assert not agree(folder)
    capsys.readouterr()


@pytest.mark.parametrize("raw", [b"\xff\n", b"[" * 5000, b"no end", b"", b"\n\n\n", b"{}\n"])
def test_both_stand_what_is_no_log(
    folder: Path, raw: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "log.jsonl").write_bytes(raw)
    assert not agree(folder)
    capsys.readouterr()


def test_a_folder_is_not_written_over(folder: Path) -> None:
    with pytest.raises(UsageError, match="not empty"):
        write_folder(folder, [], [verify_note(folder)], "o", Keys())
    with pytest.raises(UsageError, match="no checkpoint"):
        write_folder(folder.with_name("new"), [], [], "o", Keys())


def verify_note(folder: Path) -> str:
    return (folder / "checkpoints" / "000000000012.note").read_text("utf-8")
