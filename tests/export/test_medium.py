"""A medium that fills up, lies, or is too small a file system: never a whole-looking bag."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.custody.export import medium as module
from agent.custody.export.medium import MARK, Medium, check_room, file_system
from agent.errors import MediumBroken, MediumFull, UsageError

from .docks import fill


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; needs the right to mount."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    subprocess.run(mount, capture_output=True, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], capture_output=True, check=True)


def test_a_medium_without_room_is_refused_before_anything_is_copied(
    small: Path, tmp_path: Path
) -> None:
    dock = fill(tmp_path)
    done = dock.export("x", "--to", str(small / "x"))
    assert done.returncode == 1
    assert "bytes free, the export needs" in done.stderr
    assert list(small.iterdir()) == []
    assert dock.run("exports", "--json").stdout.strip() == "[]"


def test_a_medium_that_fills_up_leaves_what_is_visibly_unfinished(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MARGIN", -(2**40))
    dock = fill(tmp_path)
    done = dock.export("x", "--to", str(small / "x"))
    assert done.returncode == 1
    assert "take a larger medium" in done.stderr
    assert [path.name for path in small.iterdir()] == ["x.incomplete"]
    assert (small / "x.incomplete" / MARK).exists()
    assert '"stage": "failed"' in dock.run("exports", "--json").stdout


def test_a_medium_that_gives_back_other_bytes_is_found_out(tmp_path: Path) -> None:
    medium = Medium(tmp_path / "x")
    medium.put("a.txt", b"evidence")
    medium.put("deep/er/b.txt", b"more of it")
    (medium.folder / "deep/er/b.txt").write_bytes(b"more of iT")
    with pytest.raises(MediumBroken, match=r"deep/er/b\.txt reads otherwise"):
        medium.finish()
    assert not (tmp_path / "x").exists()
    assert (medium.folder / MARK).exists()


def test_nothing_is_ever_written_over(tmp_path: Path) -> None:
    medium = Medium(tmp_path / "x")
    medium.put("a.txt", b"first")
    with pytest.raises(MediumBroken, match="File exists"):
        medium.put("a.txt", b"second")
    assert (medium.folder / "a.txt").read_bytes() == b"first"


def test_fat_is_told_its_limit_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARGIN", -(2**50))
    monkeypatch.setattr(module, "file_system", lambda _: "vfat")
    with pytest.raises(MediumFull, match="FAT takes no file"):
        check_room(tmp_path, [2**32])
    check_room(tmp_path, [2**32 - 1])


def test_the_kernel_says_which_file_system(small: Path) -> None:
    assert file_system(small) == "tmpfs"
    assert file_system(Path("/proc")) == "proc"


def test_a_folder_that_is_not_there_is_no_medium(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        check_room(tmp_path / "none", [1])
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MediumBroken, match="Not a directory"):
        Medium(tmp_path / "file" / "x")
