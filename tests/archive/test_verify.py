"""Verifying a store finds whatever is missing, extra or damaged, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.archive.verify import verify_store
from agent.errors import StoreBroken

from .docks import Far, manifest_of

DATA = [bytes([n]) * 9000 for n in range(4)]


@pytest.fixture
def stored(far: Far) -> list[Path]:
    dock = far.dock()
    for data in DATA:
        manifest = manifest_of(data)
        dock.offer(manifest)
        dock.chunks(manifest, data)
        far.work()
    return [far.store.object_path(manifest_of(data).blake3) for data in DATA]


def name(path: Path) -> str:
    return path.parent.name + path.name


def test_a_sound_store(far: Far, stored: list[Path]) -> None:
    report = verify_store(far.settings.root)
    assert report.sound
    assert (report.objects, report.bytes, report.catalogue) == (4, 36_000, "ok")
    assert (report.missing, report.extra, report.damaged) == ((), (), ())


def test_every_kind_of_harm_is_found(far: Far, stored: list[Path]) -> None:
    stored[0].unlink()
    for path, data in ((stored[1], DATA[1][:-1]), (stored[2], b"!" + DATA[2][1:])):
        path.chmod(0o644)
        path.write_bytes(data)
    stranger = stored[3].with_name("stranger")
    stranger.write_bytes(b"x")
    report = verify_store(far.settings.root)
    assert not report.sound
    assert report.missing == (name(stored[0]),)
    assert set(report.damaged) == {name(stored[1]), name(stored[2])}
    assert report.extra == (name(stranger),)
    assert stranger.exists()


def test_where_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreBroken):
        verify_store(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
