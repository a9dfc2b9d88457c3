"""Whether an archive's copy of a custody log is still what dock and archive signed."""

from __future__ import annotations

from agent.archive.mirror_queries import Mirror
from agent.custody.notes import dock_origin
from agent.custody.stored import verify_stored
from agent.custody.verdict import Verdict
from agent.custody.verify import Keys


def verify_mirror(mirror: Mirror, keys: Keys) -> Verdict:
    """Check a copy with all checkpoints that are kept of it; what stands against the log is a
    fault, too. Raises `StoreBroken` where the catalogue cannot be read."""
    notes = [(f"checkpoint of {each.size}", each.note) for each in mirror.cosigned()]
    verdict = verify_stored(mirror, notes, keys, dock_origin(mirror.dock))
    for trouble in mirror.catalogue.troubles(mirror.dock, open_only=True):
        if trouble.log == mirror.log:
            verdict.fault(f"refused since {trouble.at}: {trouble.why}")
    return verdict
