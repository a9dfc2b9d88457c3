"""What can be asked about clips on their way off their recorders."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import Malformed
from agent.model import ClipId
from agent.spool.clearance import Clearance, Clearing
from agent.spool.database import Row
from agent.spool.entry import Entry
from agent.spool.queries import Queries
from agent.spool.told import storable


@dataclass(frozen=True, slots=True)
class Safety:
    """What the ledger knows about whether a clip may go from its recorder.

    `held_from` is when its receipt came, in running time. `epoch` is what its receipt's archive
    last called its epoch, empty where it was never heard; `holds` how many holds stand.
    """

    held_from: float | None
    epoch: str
    holds: int
    clearing: Clearing | None


class ClearingQueries(Queries):
    """Reads how far clips are, and what speaks for and against clearing them."""

    def clearing_of(self, clip: ClipId) -> Clearing | None:
        """How far a clip is; None where it is not on its way. Raises `Malformed` for a row that
        makes no sense."""
        sql = """SELECT clearing.*, clip.id FROM clearing JOIN clip ON clip.seq = clearing.clip
            WHERE clip.id = ?"""
        return next((_clearing_of(row) for row in self._database.rows(sql, [clip])), None)

    def safety_of(self, clip: ClipId) -> Safety:
        """What speaks for and against clearing a clip, of one moment. Raises `Malformed`."""
        sql = """SELECT clip.held_from, epoch.epoch, (
                SELECT count(*) FROM hold WHERE hold.clip = clip.seq AND hold.lifted_at IS NULL
            ) AS holds
            FROM clip LEFT JOIN epoch ON epoch.archive = clip.archive WHERE clip.id = ?"""
        with self._database.held():
            for row in self._database.rows(sql, [clip]):
                epoch, clearing = row["epoch"] or "", self.clearing_of(clip)
                return Safety(row["held_from"], epoch, row["holds"], clearing)
        return Safety(None, "", 0, None)

    def epoch_of(self, archive: str) -> str | None:
        """What an archive last called its epoch."""
        sql = "SELECT epoch FROM epoch WHERE archive = ?"
        found = self._database.value(sql, [storable(archive)])
        return None if found is None else str(found)

    def proof_wanted(self, limit: int) -> list[Entry]:
        """Clips of which the archive is to prove that it has them, the longest wanted first: those
        that wait for it, and cleared ones whose proof an epoch made worthless."""
        sql = """SELECT entry.* FROM clearing CROSS JOIN entry ON entry.seq = clearing.clip
            WHERE clearing.state IN ('wanted', 'cleared') AND clearing.proof IS NULL
                AND entry.state = 'receipted'
            ORDER BY clearing.wanted_from, clearing.clip LIMIT :limit OFFSET :offset"""
        return self._sound(sql, {}, limit)

    def newest_proof(self, serial: str) -> float:
        """When, in running time, the newest proof came of a clip that waits on this recorder to be
        cleared; 0.0 where there is none."""
        return float(self._database.value(_NEWEST_PROOF, [storable(serial)]) or 0.0)

    def unsettled(self, serial: str) -> list[Entry]:
        """Clips of a recorder of which nobody knows whether a deletion was carried out."""
        return self._in_state(serial, Clearance.CLEARING)

    def cleared_from(self, serial: str) -> list[Entry]:
        """Clips that were cleared from a recorder."""
        return self._in_state(serial, Clearance.CLEARED)

    def newest_policy(self) -> str | None:
        """The envelope of the newest fleet policy that was taken on."""
        sql = "SELECT envelope FROM policy ORDER BY serial DESC LIMIT 1"
        found = self._database.value(sql)
        return None if found is None else str(found)

    def ran_for(self) -> float:
        """Running time as last saved, in seconds; the daemon's own is up to half a minute more."""
        return float(self._database.value("SELECT value FROM meta WHERE key = 'running'") or 0.0)

    def _in_state(self, serial: str, state: Clearance) -> list[Entry]:
        sql = """SELECT entry.* FROM clearing CROSS JOIN entry ON entry.seq = clearing.clip
            WHERE clearing.state = :state AND entry.serial = :serial ORDER BY clearing.clip"""
        return self._clips(sql, {"state": state.value, "serial": storable(serial)})


_NEWEST_PROOF = """SELECT max(clearing.proved_from) FROM clearing
    JOIN clip ON clip.seq = clearing.clip JOIN recorder ON recorder.id = clip.recorder
    WHERE clearing.state = 'proved' AND recorder.serial = ?"""


def _clearing_of(row: Row) -> Clearing:
    try:
        return Clearing(
            clip=ClipId(row["id"]),
            state=Clearance(row["state"]),
            wanted_from=float(row["wanted_from"]),
            archive=row["archive"] or "",
            epoch=row["epoch"] or "",
            proof=row["proof"] or "",
            proved_from=row["proved_from"],
            contact=row["contact"],
            cleared_from=row["cleared_from"],
            kept=int(row["kept"]),
            note=row["note"],
        )
    except (ValueError, TypeError) as error:
        raise Malformed(f"ledger: clearing of clip row {row['clip']}: {error}") from error
