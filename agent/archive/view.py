"""A catalogue as commands see it: read-only, also while a receiver writes it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from agent.archive.case_queries import CaseQueries
from agent.archive.exports import ExportQueries
from agent.archive.mirror_queries import MirrorQueries
from agent.archive.opened import R, guarded
from agent.archive.records import ClipRow, DockRow, ObjectRow


class CatalogueView(CaseQueries, MirrorQueries, ExportQueries):
    """Read-only sight of a catalogue.

    Every method raises `StoreBroken` where the file is missing, damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        with guarded("open"):
            self._attach(f"file:{quote(str(path))}?mode=ro")
        with self._or_close():
            self._check_version()

    @property
    def epoch(self) -> str:
        return self.meta("epoch")

    def delivery(self, clip: str, blake3: str, dock: str) -> ClipRow | None:
        """What this dock delivered under this id with these bytes."""
        where = "select * from clip where clip = ? and blake3 = ? and dock = ?"
        return _one(self._typed(ClipRow, where, clip, blake3, dock))

    def has(self, clip: str, blake3: str) -> bool:
        """Whether any dock delivered these bytes under this id."""
        where = "select 1 from clip where clip = ? and blake3 = ? limit 1"
        return bool(self._rows(where, clip, blake3))

    def clips(self, *, dock: str = "", serial: str = "", limit: int = -1) -> list[ClipRow]:
        """Deliveries, newest first, of one dock or one recorder where named."""
        where = (
            "select * from clip where (?1 = '' or dock = ?1) and"
            " (?2 = '' or recorder_serial = ?2) order by received_at desc, clip limit ?3"
        )
        return self._typed(ClipRow, where, dock, serial, limit)

    def told(
        self, *, since: str = "", until: str = "", officer: str = "", kind: str = ""
    ) -> list[ClipRow]:
        """Deliveries that may have been recorded between two moments (RFC 3339 in UTC), of an
        officer by the recorder or by the clip's name, or of a kind, where named; earliest first.
        Raises `StoreBroken` for a catalogue that no receiver of this version has opened yet."""
        where = (
            "select * from clip where (?1 = '' or latest >= ?1) and (?2 = '' or earliest <= ?2)"
            " and (?3 = '' or recorder_officer = ?3 or named_officer = ?3)"
            " and (?4 = '' or kind = ?4) order by earliest, clip"
        )
        return self._typed(ClipRow, where, since, until, officer, kind)

    def versions(self, clip: str) -> list[ClipRow]:
        """Everything delivered under one clip id."""
        return self._typed(ClipRow, "select * from clip where clip = ? order by rowid", clip)

    def objects(self) -> list[ObjectRow]:
        return self._typed(ObjectRow, "select * from object order by blake3")

    def object_sizes(self, prefix: str) -> dict[str, int]:
        """Size by BLAKE3 of the objects whose BLAKE3 begins with `prefix`."""
        where = "select blake3, size from object where blake3 >= ?1 and blake3 < ?1 || 'g'"
        return {row["blake3"]: row["size"] for row in self._rows(where, prefix)}

    def docks(self) -> list[DockRow]:
        return self._typed(DockRow, "select * from dock order by dock")

    def integrity(self) -> str:
        """`ok`, or what SQLite finds wrong with the file."""
        return str(self._rows("pragma integrity_check(1)")[0]["integrity_check"])


def _one(rows: list[R]) -> R | None:
    return rows[0] if rows else None
