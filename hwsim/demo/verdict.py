"""Whether every byte arrived: the archive's files held against what the recorders hold.

Nothing here trusts the dock, the archive or their digests: the files are read side by side and
hashed anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from agent.spool.entry import Entry
from agent.spool.states import State
from agent.spool.view import LedgerView
from hwsim.demo.world import World

CHECKLISTS = {"b3sum": "recorders.b3sum", "sha256sum": "recorders.sha256sum"}
"""Stock tools, and the lists for them: what the recorders held, and where the archive has it."""

_PIECE = 1024 * 1024
_ARCHIVED = frozenset({State.RECEIPTED, State.RELEASED})


@dataclass(frozen=True, slots=True)
class ClipVerdict:
    """One clip: `receipt` says that the dock holds one, `identical` that the bytes are the same."""

    recorder: str
    path: str
    size: int
    clip: str
    state: str
    blake3: str
    sha256: str
    receipt: bool
    identical: bool
    stored_as: str

    @property
    def good(self) -> bool:
        return self.receipt and self.identical

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "good": self.good}


def judge(world: World) -> list[ClipVerdict]:
    """A verdict on each clip that a recorder holds."""
    with LedgerView(world.config.ledger) as ledger:
        entries = {
            (entry.sighting.identity.serial, entry.sighting.path): entry
            for entry in ledger.entries(limit=1_000_000)
        }
    return [
        _judged(world, serial, path, file, entries.get((serial, path)))
        for serial, path, file in world.clips()
    ]


def _judged(
    world: World, serial: str, path: str, original: Path, entry: Entry | None
) -> ClipVerdict:
    whole, sha = blake3(), hashlib.sha256()
    stored_as = entry.receipt.stored_as if entry and entry.receipt else ""
    stored = world.archive / stored_as if stored_as else None
    identical = stored is not None and stored.is_file()
    pairs = _side_by_side(original, stored if identical else None)
    for ours, theirs in pairs:
        whole.update(ours)
        sha.update(ours)
        identical = identical and ours == theirs
    return ClipVerdict(
        recorder=serial,
        path=path,
        size=original.stat().st_size,
        clip=entry.clip if entry else "",
        state=entry.state.value if entry else "never seen",
        blake3=whole.hexdigest(),
        sha256=sha.hexdigest(),
        receipt=entry is not None and entry.state in _ARCHIVED and _says(entry, whole, sha),
        identical=identical,
        stored_as=stored_as,
    )


def _says(entry: Entry, whole: blake3, sha: Any) -> bool:
    """Whether the dock's own digests are those of the recorder's bytes."""
    if entry.sealed is None:
        return False
    told = entry.sealed.digests
    return told.blake3 == whole.hexdigest() and told.sha256 in (None, sha.hexdigest())


def _side_by_side(ours: Path, theirs: Path | None) -> Iterator[tuple[bytes, bytes]]:
    with ours.open("rb") as left:
        if theirs is None:
            while piece := left.read(_PIECE):
                yield piece, b""
            return
        with theirs.open("rb") as right:
            while True:
                pair = left.read(_PIECE), right.read(_PIECE)
                if pair == (b"", b""):
                    return
                yield pair


def write_checklists(folder: Path, verdicts: list[ClipVerdict]) -> None:
    """Digests of the recorders' bytes beside the archive's files, for stock tools to check."""
    for tool, name in CHECKLISTS.items():
        with (folder / name).open("w", encoding="utf-8") as out:
            for one in verdicts:
                digest = one.blake3 if tool == "b3sum" else one.sha256
                out.write(f"{digest}  archive/{one.stored_as}\n")
