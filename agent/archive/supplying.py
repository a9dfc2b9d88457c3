"""What an archive can supply: every stored clip; encrypted ones opened where it has the key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from agent.archive.folding import HoldSaid
from agent.archive.opening import Opening
from agent.archive.records import ClipRow
from agent.archive.search import Asked, find
from agent.archive.store import Store
from agent.archive.view import CatalogueView
from agent.clock import from_text
from agent.custody.case_orders import hold_document
from agent.custody.envelopes import peek
from agent.custody.export.evidence import signed_by
from agent.custody.export.medium import Pour
from agent.custody.export.proofs import CUSTODY_STEP, Proving
from agent.custody.export.supply import Evidence, Exhibit, plain_file
from agent.custody.keys import PublicKey, public_key
from agent.errors import BodydockError, ClipDamaged, Malformed, UsageError
from agent.model import ClipFacts, ClipTime, Digests, printable
from agent.wire.contract import Manifest, decode
from agent.wire.facts import TimeFacts, ToldFacts

EVERYTHING = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """An archive's clips. `key` is its own; `opening` opens encrypted clips, where it has the
    identity for that."""

    view: CatalogueView
    store: Store
    key: PublicKey
    opening: Opening | None
    former: Sequence[PublicKey] = ()
    """Keys that gave way to `key`; what they signed in their time is supplied as well."""

    def chosen(self, prefixes: Sequence[str], asked: Asked | None) -> list[ClipRow]:
        """Deliveries that were asked for, one for each stored object; earliest first."""
        clips = [self._by_prefix(prefix) for prefix in prefixes]
        if asked is not None:
            fitting = [each.clip for each in find(self.view, asked, EVERYTHING)]
            clips = [each for each in clips if each in fitting] if prefixes else fitting
        rows = [row for clip in dict.fromkeys(clips) for row in self.view.versions(clip)]
        kept = {(row.clip, row.blake3): row for row in rows}
        return sorted(kept.values(), key=lambda row: (row.earliest or row.received_at, row.clip))

    def exhibit(self, row: ClipRow) -> Exhibit:
        """Raises `ClipDamaged` where the manifest or the object is no longer what it was."""
        manifest = self._manifest(row)
        size, digests, pour, plain = self._form(row, manifest)
        path = self.store.object_path(row.blake3)
        encrypted = self.view.is_encrypted(row.blake3)
        case = self.view.case_now(row.clip)
        return Exhibit(
            clip=row.clip,
            serial=row.recorder_serial,
            maker=row.recorder_maker,
            model=row.recorder_model,
            path=row.path + ("" if plain else ".age"),
            recorded=row.recorded,
            size=size,
            digests=digests,
            source=None if encrypted and plain else path,
            pour=pour,
            plain=plain,
            marked=bool(row.marked),
            facts=_facts(manifest.facts),
            dock=row.dock,
            bay=row.bay,
            pulled_at=row.spooled_at,
            archive=self.view.meta("archive"),
            stored_at=row.received_at,
            offer=signed_by(row.manifest.encode(), self._known(row.dock)),
            receipt=signed_by(row.receipt.encode(), [self.key, *self.former]),
            case=asdict(case) if case else {},
            record={
                "versions": self.view.case_versions(row.clip),
                "holds": [_hold(each) for each in self.view.holds_on(row.clip)],
            },
        )

    def proofs(self, rows: Sequence[ClipRow]) -> Evidence:
        """What the docks' logs prove of clips, as far as this archive cosigned them."""
        files: dict[str, bytes] = {}
        for dock in sorted({row.dock for row in rows}):
            mirror = self.view.mirror(dock)
            if (newest := mirror.newest()) is None:
                continue
            proving = Proving(
                log=mirror,
                dock=dock,
                note=newest.note,
                keys=self._known(dock),
                archives=[self.key, *self.former],
            )
            files |= proving.evidence([row.clip for row in rows if row.dock == dock]).files
        return Evidence(files=files, steps=(CUSTODY_STEP,) if files else ())

    def _form(self, row: ClipRow, manifest: Manifest) -> tuple[int, Digests, Pour, bool]:
        """Size, digests and bytes of what is supplied, and whether it is plain."""
        path = self.store.object_path(row.blake3)
        stored = plain_file(path, row.clip, printable(row.path))
        recorded = manifest.recorded_form
        whole = Digests(recorded.blake3, recorded.chunks, recorded.sha256, recorded.sm3)
        if not self.view.is_encrypted(row.blake3):
            return recorded.size, whole, stored, True
        if self.opening is not None and self.opening.opens(manifest):
            return recorded.size, whole, _opened(self.opening, self.store, row, manifest), True
        sent = manifest.sent
        return sent.size, Digests(sent.blake3, sent.chunks, sent.sha256), stored, False

    def _manifest(self, row: ClipRow) -> Manifest:
        try:
            return decode(Manifest, peek(row.manifest.encode()))
        except Malformed as error:
            raise ClipDamaged(f"clip {row.clip}: its manifest: {error.what}") from error

    def _known(self, dock: str) -> list[PublicKey]:
        pinned = [row.public_key for row in self.view.docks() if row.dock == dock]
        return [public_key(text) for text in pinned]

    def _by_prefix(self, prefix: str) -> str:
        found = self.view.clips_like(prefix) if prefix else []
        if len(found) == 1:
            return found[0]
        many = "more than one clip's id begins" if found else "no clip's id begins"
        raise UsageError(
            f"{many} with {printable(prefix[:64])!r}", do="see `bodydock archive find`"
        )


def _opened(opening: Opening, store: Store, row: ClipRow, manifest: Manifest) -> Pour:
    """Decrypts while it is poured. The library turns what a writer raises into an error of its
    own, so that the medium's is kept aside."""

    def pour(take: Callable[[memoryview], None]) -> None:
        medium: list[BodydockError] = []

        def hand_over(piece: memoryview) -> None:
            try:
                take(piece)
            except BodydockError as error:
                medium.append(error)
                raise OSError(error.what) from error

        try:
            opening.decrypt(store.object_path(row.blake3), manifest, hand_over)
        except (BodydockError, OSError) as error:
            if medium:
                raise medium[0] from error
            what = error.what if isinstance(error, BodydockError) else str(error.strerror)
            raise ClipDamaged(f"clip {row.clip} ({printable(row.path)}): {what}") from error

    return pour


def _hold(each: HoldSaid) -> dict[str, Any]:
    return {"origin": each.origin, "log": each.log, **hold_document(each.hold)}


def _facts(told: ToldFacts | None) -> ClipFacts:
    if told is None:
        return ClipFacts()
    facts = ClipFacts(told.kind, told.profile, told.device, told.officer, told.marked)
    return replace(facts, time=_time(told.time) if told.time else None)


def _time(told: TimeFacts) -> ClipTime | None:
    """None where a dock's words for a moment are none."""
    try:
        return ClipTime(
            local=datetime.fromisoformat(told.local),
            source=told.source,
            zone_offset=told.zone_offset,
            clock_error=told.clock_error,
            earliest=from_text(told.earliest),
            latest=from_text(told.latest),
        )
    except ValueError:
        return None
