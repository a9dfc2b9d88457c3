"""What takes a file away on exFAT. Pure.

Source: Microsoft's "exFAT file system specification", sections 6, 7.1 and 7.4.
"""

from __future__ import annotations

from agent.errors import RecorderRefused
from agent.offload.clearing.helper.judge import Judge
from agent.wire.volume.boot import FIRST_CLUSTER
from agent.wire.volume.entries import ENTRY_BYTES

_IN_USE = 0x80
_READ_ONLY = 0x01


class ExfatJudge(Judge):
    def slots(self) -> dict[int, int]:
        raw = self.before.read(self.at, ENTRY_BYTES)
        if raw[4] & _READ_ONLY:
            raise RecorderRefused("the recorder has it write-protected")
        found = {}
        at: int | None = self.at
        for _ in range(raw[1] + 1):
            if at is None:
                raise RecorderRefused("its directory entries cannot be found")
            found[at] = self.before.read(at, 1)[0] & ~_IN_USE
            at = self._slot_behind(at)
        return found

    def _slot_behind(self, at: int) -> int | None:
        """The entry behind one, also where that lies in the folder's next run."""
        for folder in self.part.items:
            spans = list(folder.places()) if folder.folder else []
            for number, (start, length) in enumerate(spans):
                if start <= at < start + length:
                    if at + ENTRY_BYTES < start + length:
                        return at + ENTRY_BYTES
                    return spans[number + 1][0] if number + 1 < len(spans) else None
        return None

    def brings(self, old: int, new: int, wanted: int) -> bool:
        """It may have given more clusters back, of a folder that it cut shorter: only the file's
        own bits are taken over."""
        return not new & (old ^ wanted)

    def map_bytes(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for cluster in self.own_clusters():
            at, bit = self._bit(cluster)
            found.setdefault(at, self.before.read(at, 1)[0])
            if not found[at] & bit:
                raise RecorderRefused("its clusters are not marked as used")
            found[at] &= ~bit
        return found

    def _bit(self, cluster: int) -> tuple[int, int]:
        """Where a cluster's bit stands in the volume's map."""
        byte, bit = divmod(cluster - FIRST_CLUSTER, 8)
        for item in self.part.items:
            if item.own and item.path == "$ALLOC_BITMAP":
                for place, length in item.places():
                    if byte < length:
                        return place + byte, 1 << bit
                    byte -= length
        raise RecorderRefused("the volume's map of clusters cannot be found")
