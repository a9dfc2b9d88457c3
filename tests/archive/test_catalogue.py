"""The catalogue keeps every delivery, opens only as what it is, and fails in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.archive.catalogue import Catalogue, CatalogueView
from agent.archive.evidence_tables import THIRD
from agent.archive.records import SCHEMA, TOLD
from agent.custody.orders import Order
from agent.errors import ConfigError, StoreBroken
from agent.wire.contract import Manifest, Receipt
from agent.wire.facts import RecorderFacts, TimeFacts, ToldFacts

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


TIME = TimeFacts(
    local="2026-08-04T10:00:00",
    source="name",
    zone_offset=28_800.0,
    clock_error=-3.5,
    earliest="2026-08-04T02:00:01.000Z",
    latest="2026-08-04T02:00:06.000Z",
)


def told_manifest(data: bytes, **changes: Any) -> Manifest:
    facts = {"kind": "footage", "profile": "family-a", "device": "CAM001", "officer": "000001"}
    recorder = RecorderFacts(
        maker="Acme", model="A1", serial="S-1", firmware="1", id_code="AB123", officer="000002"
    )
    told = ToldFacts(**{**facts, "marked": True, "time": TIME, **changes})
    return manifest_of(data, recorder=recorder, facts=told)


def test_what_was_told_of_a_clip_is_kept_in_columns(catalogue: Catalogue, path: Path) -> None:
    keep(catalogue, told_manifest(b"one"))
    (row,) = catalogue.clips()
    assert (row.kind, row.profile) == ("footage", "family-a")
    assert (row.recorder_id_code, row.recorder_officer, row.recorder_unit) == (
        "AB123",
        "000002",
        None,
    )
    assert (row.named_device, row.named_officer, row.named_marked) == ("CAM001", "000001", 1)
    assert (row.local_time, row.zone_offset, row.clock_error) == (TIME.local, 28_800.0, -3.5)
    assert (row.earliest, row.latest) == (TIME.earliest, TIME.latest)
    with closing(sqlite3.connect(path)) as other:
        found = other.execute("select local_time, earliest, latest, named_officer from footage")
        assert found.fetchall() == [(TIME.local, TIME.earliest, TIME.latest, "000001")]


def test_what_was_not_told_is_unknown(catalogue: Catalogue) -> None:
    keep(catalogue, manifest_of(b"one"))
    (row,) = catalogue.clips()
    assert {getattr(row, name) for name in TOLD} == {None}
    assert catalogue.told(since="2000-01-01T00:00:00.000Z") == []


def test_clips_are_found_by_time_officer_and_kind(catalogue: Catalogue) -> None:
    late = TIME.model_copy(
        update={"earliest": "2026-08-05T02:00:00.000Z", "latest": "2026-08-05T03:00:00.000Z"}
    )
    first, second = told_manifest(b"one"), told_manifest(b"two", time=late, kind="log")
    for each in (second, first, manifest_of(b"three")):
        keep(catalogue, each)

    def found(**asked: str) -> list[str]:
        return [row.clip for row in catalogue.told(**asked)]

    moments = [f"2026-08-0{day}T0{hour}:30:00.000Z" for day, hour in ((4, 1), (4, 3), (5, 2))]
    assert found(since=moments[0], until=moments[1]) == [first.clip]
    assert found(since=moments[1]) == [second.clip]
    assert found(since=moments[2], until=moments[2]) == [second.clip]  # it may be then
    assert found(until=moments[0]) == []
    assert found(officer="000001") == found(officer="000002") == [first.clip, second.clip]
    assert found(kind="log") == [second.clip]
    assert found(officer="' or 1 --") == []


class TestVersion1:
    """`version_1.sql` is the dump of a catalogue that was written before there was a version 2."""

    @pytest.fixture
    def old(self, path: Path) -> Path:
        with closing(sqlite3.connect(path)) as raw:
            raw.executescript(Path(__file__).with_name("version_1.sql").read_text("utf-8"))
        return path

    def content(self, path: Path) -> list[list[tuple[object, ...]]]:
        with closing(sqlite3.connect(path)) as raw:
            clips = [row[:17] for row in raw.execute("select * from clip order by rowid")]
            others = ("object", "dock")
            found = [raw.execute(f"select * from {name}").fetchall() for name in others]  # noqa: S608
            return [clips, *found]

    def test_is_brought_up_without_a_row_changed(self, old: Path) -> None:
        before = self.content(old)
        with Catalogue(old, archive="county", epoch="second") as catalogue:
            assert (catalogue.meta("schema"), catalogue.epoch) == (str(SCHEMA), "first")
            assert {row.kind for row in catalogue.clips()} == {None}
            keep(catalogue, told_manifest(b"new"))
            assert len(catalogue.told(officer="000001")) == 1
        after = self.content(old)
        assert [after[0][:-1], after[1][:2], after[2]] == before
        with Catalogue(old, archive="county", epoch="third") as again:
            assert len(again.clips()) == 4

    def test_a_delivery_that_comes_again_brings_what_it_is_told_now(self, old: Path) -> None:
        with Catalogue(old, archive="county", epoch="x") as catalogue:
            known = catalogue.clips(dock="d2")[0]
            manifest = told_manifest(b"one").model_copy(update={"clip": known.clip, "dock": "d2"})
            keep(catalogue, manifest)
            assert [row.named_officer for row in catalogue.clips(dock="d2")] == ["000001"]
            assert len(catalogue.clips()) == 3

    def test_is_read_as_it_is_and_left_so(self, old: Path) -> None:
        before = old.read_bytes()
        with CatalogueView(old) as view:
            assert len(view.clips()) == 3
            assert len(view.objects()) == 2
            assert {row.earliest for row in view.clips()} == {None}
        assert old.read_bytes() == before

    @pytest.mark.parametrize("column", list(TOLD)[1:])
    def test_what_fails_half_way_leaves_it_as_it_was(
        self, old: Path, column: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The column before is there twice; the database refuses."""
        before = self.content(old)
        broken = {**TOLD, f"{column} text, path": str}
        with monkeypatch.context() as patched:
            patched.setattr("agent.archive.catalogue.TOLD", broken)
            with pytest.raises(StoreBroken, match="open"):
                Catalogue(old, archive="county", epoch="x")
        assert self.content(old) == before
        with CatalogueView(old) as view:
            assert view.meta("schema") == "1"
        with Catalogue(old, archive="county", epoch="x") as catalogue:
            assert len(catalogue.clips()) == 3


class TestVersion2:
    """`version_2.sql` is the dump of a catalogue that was written before there was a version 3."""

    @pytest.fixture
    def old(self, path: Path) -> Path:
        with closing(sqlite3.connect(path)) as raw:
            raw.executescript(Path(__file__).with_name("version_2.sql").read_text("utf-8"))
        return path

    def content(self, path: Path) -> list[list[tuple[object, ...]]]:
        with closing(sqlite3.connect(path)) as raw:
            names = ("clip", "object", "dock")
            return [raw.execute(f"select * from {name}").fetchall() for name in names]  # noqa: S608

    def test_is_brought_up_without_a_row_changed(self, old: Path) -> None:
        before = self.content(old)
        with Catalogue(old, archive="county", epoch="second") as catalogue:
            assert (catalogue.meta("schema"), catalogue.epoch) == (str(SCHEMA), "first")
            assert self.content(old) == before
            known = catalogue.clips(dock="d1")[0]
            order = Order("hold", known.clip, "chen", "", "", {"reason": "dispute"})
            assert catalogue.hold(order, "2026-11-24T08:00:00.000Z")["docks"]
            assert catalogue.is_held(known.clip)
        with Catalogue(old, archive="county", epoch="third") as again:
            assert again.is_held(known.clip)
            assert again.integrity() == "ok"

    def test_is_read_as_it_is_and_left_so(self, old: Path) -> None:
        before = old.read_bytes()
        with CatalogueView(old) as view:
            assert len(view.clips()) == 3
            assert len(view.told(officer="000001")) == 2
            with pytest.raises(StoreBroken, match="no such table"):
                view.case_now("ab" * 32)
        assert old.read_bytes() == before

    @pytest.mark.parametrize("at", [0, 10, -1])
    def test_what_fails_half_way_leaves_it_as_it_was(
        self, old: Path, at: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = self.content(old)
        broken = [*THIRD]
        broken[at] = "create table this is none"
        with monkeypatch.context() as patched:
            patched.setattr("agent.archive.catalogue.THIRD", tuple(broken))
            with pytest.raises(StoreBroken, match="open"):
                Catalogue(old, archive="county", epoch="x")
        with closing(sqlite3.connect(old)) as raw:
            tables = {row[0] for row in raw.execute("select name from sqlite_master")}
            assert not {"custody", "case_now", "hold"} & tables
        assert self.content(old) == before
        with Catalogue(old, archive="county", epoch="x") as catalogue:
            assert catalogue.meta("schema") == str(SCHEMA)


@pytest.mark.parametrize("number", [1, 2])
def test_whatever_its_age_a_catalogue_ends_with_the_same_tables(
    path: Path, tmp_path: Path, number: int
) -> None:
    def tables(of: Path) -> dict[str, set[str]]:
        with closing(sqlite3.connect(of)) as raw:
            names = [row[0] for row in raw.execute("select name from sqlite_master")]
            about = {name: raw.execute(f"pragma table_info('{name}')") for name in names}
            return {name: {row[1] for row in rows} for name, rows in about.items()}

    with closing(sqlite3.connect(path)) as raw:
        text = Path(__file__).with_name(f"version_{number}.sql").read_text("utf-8")
        raw.executescript(text)
    Catalogue(path, archive="county", epoch="x").close()
    Catalogue(tmp_path / "new.db", archive="county", epoch="x").close()
    assert tables(path) == tables(tmp_path / "new.db")


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
