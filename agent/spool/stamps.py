"""Time stamp tokens over checkpoints of the custody log."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from agent.clock import to_text
from agent.log_entry import Kind
from agent.spool.writer import Writer


@dataclass(frozen=True, slots=True)
class Stamp:
    """An authority's answer (RFC 3161 TimeStampResp, DER) over a checkpoint's `note`."""

    size: int
    authority: str
    at: str
    """The authority's own time, RFC 3339 in UTC."""
    token: bytes
    note: str


class Stamps(Writer):
    """What authorities stamped, and what may be stamped next."""

    def to_stamp(self, authority: str) -> tuple[int, str] | None:
        """Size and note of the newest checkpoint, unless this authority stamped it already."""
        sql = """SELECT size, note FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)
            AND size NOT IN (SELECT size FROM stamp WHERE authority = ?)"""
        for row in self._database.rows(sql, [authority]):
            return int(row["size"]), str(row["note"])
        return None

    def stamped(self, stamp: Stamp) -> None:
        """Keep a verified token; a repeated one changes nothing."""
        with self._writing():
            if self._database.change(
                "INSERT INTO stamp VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [stamp.size, stamp.authority, stamp.at, stamp.token],
            ):
                self._enter(
                    Kind.STAMPED,
                    size=stamp.size,
                    authority=stamp.authority,
                    stamped_at=stamp.at,
                    token_sha256=sha256(stamp.token).hexdigest(),
                )

    def stamps(self) -> list[Stamp]:
        """Every token, the oldest first."""
        sql = """SELECT stamp.*, checkpoint.note FROM stamp
            JOIN checkpoint ON checkpoint.size = stamp.size ORDER BY stamp.size, stamp.authority"""
        return [
            Stamp(row["size"], row["authority"], row["at"], row["token"], row["note"])
            for row in self._database.rows(sql)
        ]

    def stamped_since(self, authority: str, moment: str) -> bool:
        """Whether this authority stamped anything after a moment (RFC 3339 in UTC)."""
        sql = "SELECT max(at) FROM stamp WHERE authority = ?"
        last = self._database.value(sql, [authority])
        return last is not None and moment < str(last) <= to_text(self._clock.now())
