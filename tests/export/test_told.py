"""What a bag's manifests say of a case; and that an encrypted clip is not handed out by a dock."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.custody.export.dock import Shelf
from agent.errors import UsageError
from agent.model import Digests, Stored
from agent.spool.exports import EvidenceView
from agent.spool.layout import Layout

from .docks import answer, fill

ORDER = ("--by", "赵队", "--approval", "京2026-1")


def test_a_manifest_in_a_bag_tells_case_holds_and_retention(tmp_path: Path) -> None:
    dock = fill(tmp_path)
    clip = dock.clips[0]
    fields = ("--party", "王某", "--retention", "evidence", "--why", "立案")
    assert dock.run("clip", "annotate", clip, *fields, *ORDER).returncode == 0
    assert dock.run("clip", "hold", clip, "--reason", "dispute", *ORDER).returncode == 0
    answer(dock.export("one", clips=[clip]))
    (path,) = dock.media.rglob("manifest.payload.json")
    said = json.loads(path.read_bytes())
    assert said["case"]["party"] == "王某"
    assert [each["reason"] for each in said["holds"]] == ["dispute"]
    assert said["retention"]["name"] == "evidence"


def test_a_clip_encrypted_to_the_archive_is_refused_with_the_way(tmp_path: Path) -> None:
    dock = fill(tmp_path)
    with EvidenceView(tmp_path / "dock" / "ledger.db") as ledger:
        layout = Layout(tmp_path / "dock")
        shelf = Shelf(dock="dock-1", ledger=ledger, layout=layout, offer=lambda _: b"", known=[])
        plain = shelf.by_prefix(dock.clips[0])
        assert plain.sealed is not None
        digests = Digests("1" * 64, "2" * 64, "3" * 64)
        stored = Stored("age", plain.sealed.size + 200, digests, "age1" + "q" * 58)
        with pytest.raises(UsageError, match="encrypted to the archive's key") as refused:
            shelf.exhibit(replace(plain, sealed=replace(plain.sealed, stored=stored)))
    assert "bodydock archive export" in str(refused.value)


def test_the_list_fits_a_terminal_and_has_the_whole_check_value(tmp_path: Path) -> None:
    dock = fill(tmp_path)
    assert dock.run("exports").stdout == "nothing was handed out\n"
    told = answer(dock.export("one"))
    lines = dock.run("exports").stdout.splitlines()
    assert f"  {told['tagmanifest_sha256']}" in lines
    assert "supplied, 3 clips" in lines[0]
    assert "李四 <法院>" in lines[1]
