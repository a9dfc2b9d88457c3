"""An ISO image has every file of the bag, word by word; one that is not whole gets no name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from agent.custody.export.image import check_image, extents, make_image
from agent.custody.export.medium import Written, read_back
from agent.errors import MediumBroken, UsageError

from .docks import Bagger, answer, commands, fill, wrong


def iso(dock: Bagger, name: str = "one.iso", *more: str) -> subprocess.CompletedProcess[str]:
    words = ("--by", "a", "--approval", "b", "--receiver", "c", "--json")
    chosen = [f"--clip={each}" for each in dock.clips]
    return dock.run("export", *chosen, *words, "--iso", str(dock.media / name), *more)


def test_a_bag_in_an_image_is_a_bag(tmp_path: Path) -> None:
    dock = fill(tmp_path)
    told = answer(iso(dock))
    image, out = dock.media / "one.iso", tmp_path / "out"
    assert [path.name for path in dock.media.iterdir()] == ["one.iso"]
    extract = ["xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(out)]
    subprocess.run(extract, check=True, capture_output=True)
    assert wrong(out, commands(out)) == []
    digest = subprocess.run(["sha256sum", str(image)], check=True, capture_output=True, text=True)
    assert digest.stdout.split()[0] == told["image_sha256"]
    assert {path.name for path in (out / "data").rglob("*.MP4")} == {"出警 现场.MP4"}
    assert "is there already" in iso(dock).stderr


def test_a_target_or_both_are_not_enough(tmp_path: Path) -> None:
    dock = fill(tmp_path)
    done = iso(dock, "one.iso", "--to", str(dock.media / "one"))
    assert (done.returncode, "name either" in done.stderr) == (2, True)


def test_a_changed_or_foreign_file_in_an_image_is_found(tmp_path: Path) -> None:
    folder, image = tmp_path / "folder", tmp_path / "a.iso"
    folder.mkdir()
    (folder / "中文 (1).mp4").write_bytes(b"footage" * 1000)
    (folder / "empty").write_bytes(b"")
    make_image(folder, image, "TEST")
    files = [listed(folder, "中文 (1).mp4"), listed(folder, "empty")]
    check_image(image, files)
    with pytest.raises(MediumBroken, match="does not hold"):
        check_image(image, files[:1])
    ((offset, _),) = extents(image)["中文 (1).mp4"]
    with image.open("r+b") as file:
        file.seek(offset + 6999)
        file.write(b"x")
    with pytest.raises(MediumBroken, match="not as written"):
        check_image(image, files)


def listed(folder: Path, name: str) -> Written:
    return read_back(folder / name, name)


def test_a_file_beyond_four_gigabytes_is_read_whole(tmp_path: Path) -> None:
    """The places alone: the image of a sparse file, cut into extents by the standard."""
    said = (
        "File data lba:  0 ,       33 ,  2097151 , 5368709120 , '/a/big.bin'\n"
        "File data lba:  1 ,  2097184 ,   524289 , 5368709120 , '/a/big.bin'\n"
    )
    program = tmp_path / "xorriso"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{said}E\n")
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "which", lambda _: str(program))
        places = extents(tmp_path / "none.iso")["a/big.bin"]
    assert places == [(33 * 2048, 2097151 * 2048), (2097184 * 2048, 524289 * 2048)]
    assert sum(length for _, length in places) == 5368709120


def test_without_xorriso_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="apt install xorriso"):
        make_image(tmp_path, tmp_path / "a.iso", "TEST")
