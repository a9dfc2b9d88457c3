"""What the custody log proves of the clips in a bag, in the layout of `agent/custody/README.md`,
and the time stamps over it.

At a dock a checkpoint is signed afresh, so that it covers the export's own first entries; the
newest one that the archive cosigned, and those that an authority stamped, are tied to it by
consistency proofs. At an archive it is the newest that it cosigned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.custody.export.evidence import pretty
from agent.custody.export.supply import Evidence, Step
from agent.custody.keys import PublicKey, SecretKey
from agent.custody.log import Entries, clip_proofs, consistency
from agent.custody.notes import (
    COSIGNATURE,
    Checkpoint,
    Note,
    Verifier,
    dock_origin,
    read_checkpoint,
    read_note,
    sign,
)
from agent.errors import Malformed
from agent.log_entry import Kind
from agent.spool.journal import Journal
from agent.spool.stamps import Stamp

CUSTODY, STAMPS = "custody", "timestamps"
OUTSIDER = Path(__file__).resolve().parents[1] / "outsider.py"

CUSTODY_STEP = Step(
    "核对保管链日志：每个文件从采集到导出的记录及其在日志中的证明（需 Python 3.11）。",
    "The custody log: what it says of each clip, proved against checkpoints that dock and archive\n"
    "signed. Needs Python 3.11; the README.md beside it says how to write another one.",
    '(for f in evidence/custody/*/; do python3 "$f"outsider.py "$f" || exit 1; done)',
)
_STAMP_STEP = Step(
    "核对第三方时间戳（RFC 3161）：日志在该时间之前已有这些内容。证书须向时间戳机构核实。",
    "The time stamps of a third party (RFC 3161) over checkpoints of that log. Compare the\n"
    "certificates with those that the authority publishes.",
    "(for f in evidence/timestamps/*.tsr; do openssl ts -verify -data"
    ' "${f%.tsr}.note" -in "$f" -CAfile evidence/timestamps/authority.pem || exit 1; done)',
)


def fresh_note(log: Journal, dock: str, key: SecretKey) -> str:
    """A checkpoint over everything that a dock's log has by now, signed."""
    size = log.size  # once: it may grow meanwhile
    return sign(Checkpoint(dock_origin(dock), size, log.root(size)), key).text


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """A dock's log. `note` is the checkpoint that everything is proved against; `keys` are those
    that sign the dock's, `archives` those that cosign. `cosigned` is the newest note that came
    back from an archive, `authority` the PEM file of whoever made the `stamps`."""

    log: Entries
    dock: str
    note: str
    keys: Sequence[PublicKey]
    archives: Sequence[PublicKey] = ()
    cosigned: str | None = None
    stamps: Sequence[Stamp] = field(default_factory=tuple)
    authority: Path | None = None

    def evidence(self, clips: Sequence[str]) -> Evidence:
        """The files of `evidence/custody/<dock>/` and `evidence/timestamps/`, with their steps."""
        files = dict(self._proofs(clips))
        notes = [read_note(self.note)]
        if self.cosigned and (older := self._tied(self.cosigned)):
            files |= self._tie(older)
            notes.append(older)
        steps = [CUSTODY_STEP]
        if stamps := self._needed_stamps(clips):
            for each in stamps:
                files |= self._tie(read_note(each.note)) | _stamp_files(each)
                notes.append(read_note(each.note))
            files[f"{STAMPS}/authority.pem"] = self._certificates()
            steps.append(_STAMP_STEP)
        keys = sorted({each.text for note in notes for each in self._signers(note)})
        files |= {
            f"{self._folder}/keys.txt": "".join(f"{each}\n" for each in keys).encode(),
            f"{self._folder}/outsider.py": OUTSIDER.read_bytes(),
            f"{self._folder}/README.md": OUTSIDER.with_name("README.md").read_bytes(),
        }
        return Evidence(files=files, steps=tuple(steps))

    @property
    def _folder(self) -> str:
        return f"{CUSTODY}/{self.dock}"

    def _proofs(self, clips: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for clip in clips:
            for proof in clip_proofs(self.log, clip, self.note):
                yield f"{self._folder}/proofs/{proof['number']}.json", pretty(proof)

    def _tied(self, text: str) -> Note | None:
        """A note by a key that is known here; one of an earlier key is left out."""
        note = read_note(text)
        return note if self._signers(note) and read_checkpoint(note).size else None

    def _tie(self, older: Note) -> dict[str, bytes]:
        document: dict[str, Any] = consistency(self.log, older.text, self.note)
        sizes = f"{read_checkpoint(older).size}-{read_checkpoint(read_note(self.note)).size}"
        return {f"{self._folder}/consistency/{sizes}.json": pretty(document)}

    def _signers(self, note: Note) -> list[Verifier]:
        """Whose signatures a note has: the dock's, and archives' under the names that they gave."""
        origin = dock_origin(self.dock)
        dock = [each for key in self.keys if (each := Verifier(origin, key)).verifies(note)]
        names = sorted({each.name for each in note.signatures} - {origin})
        made = (Verifier(name, key, COSIGNATURE) for name in names for key in self.archives)
        return dock and [*dock, *(each for each in made if each.verifies(note))]

    def _needed_stamps(self, clips: Sequence[str]) -> list[Stamp]:
        """The first stamp over each clip's sealing, and the newest of all."""
        if self.authority is None:
            return []
        usable = [each for each in self.stamps if self._is_ours(each)]
        chosen = {each.size: each for each in usable[-1:]}
        for clip in clips:
            sealed = [e.number for e in self.log.of(clip) if e.kind is Kind.SEALED]
            over = [each for each in usable if sealed and each.size > sealed[0]]
            chosen |= {each.size: each for each in over[:1]}
        return [chosen[size] for size in sorted(chosen)]

    def _is_ours(self, stamp: Stamp) -> bool:
        try:
            return self._tied(stamp.note) is not None
        except Malformed:
            return False

    def _certificates(self) -> bytes:
        return self.authority.read_bytes() if self.authority else b""


def _stamp_files(stamp: Stamp) -> dict[str, bytes]:
    name = f"{STAMPS}/{stamp.size}"
    return {f"{name}.note": stamp.note.encode(), f"{name}.tsr": stamp.token}
