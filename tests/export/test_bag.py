"""A bag made here stands up to everybody else's tools, and a single bit that changed does not."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import warnings
from pathlib import Path
from random import Random

import pytest

from .docks import Bagger, answer, commands, fill, wrong

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks setuptools for its version
    import bagit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bagger:
    bagger = fill(tmp_path_factory.mktemp("bag"))
    answer(bagger.export("one"))
    return bagger


@pytest.fixture
def bag(made: Bagger) -> Path:
    return made.media / "one"


def files(bag: Path) -> list[Path]:
    return sorted(path for path in bag.rglob("*") if path.is_file())


def test_the_readmes_commands_pass_word_by_word(bag: Path) -> None:
    listed = commands(bag)
    for tool in ("openssl pkeyutl", "sha256sum", "b3sum", "python3"):
        assert any(tool in each for each in listed)
    assert wrong(bag, listed) == []


def test_bagit_finds_it_valid(bag: Path) -> None:
    found = bagit.Bag(str(bag))
    found.validate()
    assert found.info["Approval-Reference"] == "京公执〔2026〕12号"
    assert found.info["Receiver-Name"] == "李四 <法院>"
    assert len(found.payload_entries()) == 3


def test_the_clips_are_what_the_dock_has(bag: Path, made: Bagger) -> None:
    held = {path.read_bytes() for path in (bag / "data").rglob("*") if path.is_file()}
    assert held == set(made.data.values())
    names = sorted(path.name for path in (bag / "data").rglob("*") if path.is_file())
    assert names[1:] == ["出警 现场-2.mp4", "出警 现场.MP4"]


def test_the_evidence_says_what_was_signed(bag: Path) -> None:
    receipt = json.loads((bag / "evidence/0001/receipt.payload.json").read_bytes())
    clip = json.loads((bag / "evidence/0001/clip.json").read_bytes())
    assert receipt["blake3"] == clip["blake3"]
    assert clip["path"].startswith("DCIM/100MEDIA/")
    for name in ("manifest", "receipt"):
        payload = (bag / f"evidence/0001/{name}.payload.json").read_bytes()
        assert (bag / f"evidence/0001/{name}.pae").read_bytes().endswith(payload)
    assert not (bag / "evidence/0002/receipt.json").exists()


def test_every_bit_is_under_a_digest_or_the_seal(bag: Path) -> None:
    """Which file each command reads, as the proof behind the sampled changes below."""
    sums = [bag / "manifest-sha256.txt", bag / "tagmanifest-sha256.txt"]
    listed = {line[66:] for path in sums for line in path.read_text("utf-8").splitlines()}
    there = {path.relative_to(bag).as_posix() for path in files(bag)}
    assert there - listed == {"tagmanifest-sha256.txt", "seal.sig"}


def test_a_single_changed_bit_is_caught_in_every_file(bag: Path, seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    copy = tmp_path / "copy"
    shutil.copytree(bag, copy)
    listed = commands(bag)[:4]  # the seal, and the three lists
    for path in files(copy):
        whole = path.read_bytes()
        at = random.randrange(len(whole) * 8)
        changed = bytearray(whole)
        changed[at // 8] ^= 1 << at % 8
        path.write_bytes(changed)
        assert wrong(copy, listed), f"bit {at} of {path.relative_to(copy)}"
        path.write_bytes(whole)
    assert wrong(copy, listed) == []


def test_every_bit_of_the_lists_and_the_seal_is_caught(
    bag: Path, seed: int, tmp_path: Path
) -> None:
    """Upper case is the same digest for `sha256sum`, another one for the seal."""
    random = Random(seed)
    copy = tmp_path / "copy"
    shutil.copytree(bag, copy)
    for name in ("tagmanifest-sha256.txt", "seal.sig", "evidence/keys/seal.pem"):
        whole = (copy / name).read_bytes()
        for at in random.sample(range(len(whole) * 8), 24):
            changed = bytearray(whole)
            changed[at // 8] ^= 1 << at % 8
            (copy / name).write_bytes(changed)
            assert wrong(copy, commands(bag)[:2]), f"bit {at} of {name}"
        (copy / name).write_bytes(whole)


def test_what_is_missing_or_too_many_is_caught(bag: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bag, copy)
    (copy / "data" / "extra.mp4").write_bytes(b"x")
    assert wrong(copy, commands(bag))
    (copy / "data" / "extra.mp4").unlink()
    for path in files(copy):
        held = path.read_bytes()
        path.unlink()
        assert wrong(copy, commands(bag)[:4]), path
        path.write_bytes(held)


def test_a_receipt_of_another_clip_does_not_pass(bag: Path, tmp_path: Path) -> None:
    """Even where every list and the seal were made anew."""
    copy = tmp_path / "copy"
    shutil.copytree(bag, copy)
    pae = copy / "evidence/0001/receipt.pae"
    pae.write_bytes(pae.read_bytes().replace(b'"size":', b'"size" :'))
    signatures = next(each for each in commands(bag) if ".pae" in each)
    assert wrong(copy, [signatures]) == [signatures]


def test_the_cover_is_self_contained_and_escapes(bag: Path) -> None:
    page = (bag / "cover.html").read_text("utf-8")
    assert "李四 &lt;法院&gt;" in page
    for word in ("://", "href=", "src=", "<script", "url(", "@import"):
        assert word not in page
    for path in (bag / "data").rglob("*"):
        if path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() in page
    for path in (bag / "data").rglob("*.MP4"):
        sm3 = subprocess.run(
            ["openssl", "dgst", "-sm3", "-r", str(path)], check=True, capture_output=True, text=True
        )
        assert sm3.stdout.split()[0] in page
    assert "+12.500" in page
