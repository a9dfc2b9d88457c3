"""The catalogue keeps every delivery, opens only as what it is, and fails in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.archive.catalogue import Catalogue, CatalogueView
from agent.errors import ConfigError, StoreBroken
from agent.wire.contract import Manifest, Receipt

from .docks import manifest_of, secret_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue ä?#.db"


@pytest.fixture
def catalogue(path: Path) -> Iterator[Catalogue]:
    with Catalogue(path, archive="county", epoch="first") as opened:
        yield opened


def receipt_of(manifest: Manifest, stored_at: str = "2026-11-23T08:00:01.000Z") -> Receipt:
    facts = manifest.model_dump(include={"dock", "clip", "size", "blake3", "sha256", "sm3"})
    return Receipt(
        archive="county",
        epoch="first",
        receiver="r1",
        recorder=manifest.recorder.serial,
        stored_as=f"objects/{manifest.blake3}",
        stored_at=stored_at,
        **facts,
    )


def keep(catalogue: Catalogue, manifest: Manifest, envelope: bytes = b"receipt") -> None:
    catalogue.record(manifest, b"offer", receipt_of(manifest), envelope)


def test_a_delivery_reads_as_it_was_recorded(catalogue: Catalogue) -> None:
    manifest = manifest_of(b"one", path="a'b\"; drop table clip --", marked=True)
    keep(catalogue, manifest)
    row = catalogue.delivery(manifest.clip, manifest.blake3, "d1")
    assert row is not None
    assert (row.path, row.marked, row.size) == (manifest.path, 1, 3)
    assert (row.recorder_serial, row.recorder_maker, row.receiver) == ("S-1", "Acme", "r1")
    assert (row.manifest, row.receipt) == ("offer", "receipt")
    assert [stored.sha256 for stored in catalogue.objects()] == [manifest.sha256]
    assert catalogue.delivery(manifest.clip, manifest.blake3, "d2") is None


def test_recording_again_replaces_the_receipt_and_keeps_one_row(catalogue: Catalogue) -> None:
    manifest = manifest_of(b"one")
    keep(catalogue, manifest)
    keep(catalogue, manifest, b"newer")
    assert [row.receipt for row in catalogue.clips()] == ["newer"]
    assert len(catalogue.objects()) == 1


def test_versions_and_docks_stand_beside_each_other(catalogue: Catalogue) -> None:
    clip = "ab" * 32
    for data, dock in ((b"one", "d1"), (b"two", "d1"), (b"one", "d2")):
        keep(catalogue, manifest_of(data, clip=clip, dock=dock))
    assert len(catalogue.versions(clip)) == 3
    assert len(catalogue.clips(dock="d1")) == 2
    assert len(catalogue.clips(serial="S-1", limit=2)) == 2
    assert catalogue.clips(serial="other") == []
    assert len(catalogue.objects()) == 2


def test_a_digest_that_comes_later_is_added(catalogue: Catalogue) -> None:
    keep(catalogue, manifest_of(b"one", sha256=None, sm3=None))
    keep(catalogue, manifest_of(b"one", dock="d2", sm3=None))
    (stored,) = catalogue.objects()
    assert stored.sha256 == manifest_of(b"one").sha256
    assert stored.sm3 is None


def test_objects_are_found_by_how_they_begin(catalogue: Catalogue) -> None:
    names = [manifest_of(bytes([n])) for n in range(40)]
    for manifest in names:
        keep(catalogue, manifest)
    prefix = names[0].blake3[:2]
    wanted = {one.blake3: 1 for one in names if one.blake3.startswith(prefix)}
    assert catalogue.object_sizes(prefix) == wanted


def test_a_pinned_key_stays(catalogue: Catalogue) -> None:
    first = secret_key().public
    catalogue.pin("d1", first, "2026-11-23T08:00:00.000Z")
    catalogue.pin("d1", secret_key().public, "2026-11-24T08:00:00.000Z")
    assert catalogue.pins() == {"d1": first}


def test_the_epoch_is_made_once(catalogue: Catalogue, path: Path) -> None:
    catalogue.close()
    with Catalogue(path, archive="county", epoch="second") as again:
        assert again.epoch == "first"


def test_another_archives_catalogue_is_refused(catalogue: Catalogue, path: Path) -> None:
    catalogue.close()
    with pytest.raises(ConfigError, match="belongs to archive 'county'"):
        Catalogue(path, archive="town", epoch="x")


def test_it_syncs_every_commit(catalogue: Catalogue) -> None:
    run = catalogue._db.conn.execute
    assert run("pragma journal_mode").fetchone() == ("wal",)
    assert run("pragma synchronous").fetchone() == (2,)


def test_any_sqlite_tool_reads_it(catalogue: Catalogue, path: Path) -> None:
    manifest = manifest_of(b"one")
    keep(catalogue, manifest)
    with sqlite3.connect(path) as other:
        found = other.execute("select path, recorder_serial, sha256, stored_as from footage")
        assert found.fetchall() == [
            (manifest.path, "S-1", manifest.sha256, f"objects/{manifest.blake3}")
        ]
    other.close()


def test_a_view_sees_what_is_committed_and_changes_nothing(
    catalogue: Catalogue, path: Path
) -> None:
    with CatalogueView(path) as view:
        keep(catalogue, manifest_of(b"one"))
        assert len(view.clips()) == 1
        assert view.integrity() == "ok"
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            view._db.conn.execute("delete from clip")


def test_there_is_nothing_to_view(tmp_path: Path) -> None:
    with pytest.raises(StoreBroken, match="unable to open"):
        CatalogueView(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    "content", [b"no database at all" * 300, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_catalogue_is_refused_and_left(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreBroken):
        CatalogueView(path)
    with pytest.raises(StoreBroken):
        Catalogue(path, archive="county", epoch="x")
    assert path.read_bytes() == content


def test_a_newer_schema_is_refused(catalogue: Catalogue, path: Path) -> None:
    catalogue._db.conn.execute("update meta set value = '9' where name = 'schema'")
    catalogue._db.conn.commit()
    catalogue.close()
    with pytest.raises(StoreBroken, match="schema '9'"):
        Catalogue(path, archive="county", epoch="x")


def test_a_disk_that_is_full_is_said_and_nothing_is_recorded(catalogue: Catalogue) -> None:
    run = catalogue._db.conn.execute
    pages = run("pragma page_count").fetchone()[0]
    run(f"pragma max_page_count = {pages}")
    manifest = manifest_of(b"one", path="x" * 4096)
    with pytest.raises(StoreBroken, match="full"):
        catalogue.record(manifest, b"o" * 100_000, receipt_of(manifest), b"r" * 100_000)
    assert (catalogue.clips(), catalogue.objects()) == ([], [])
