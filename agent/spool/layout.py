"""Where things lie in the spool's folder. No name of a recorder's ever becomes a name here.

```
spool/
  incoming/     temporaries; gone at the next start
  clips/ab/     clips under their ids, by the first two digits; `<id>.sums` is the sidecar
  quarantine/   what failed its digests or is not known; for a person
```
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.model import ClipId
from agent.spool.durable import make_folder, medium, sync_folder

SUMS = ".sums"


def ledger_path(root: Path) -> Path:
    """Where the dock keeps its ledger: beside the clips, on the same file system."""
    return root / "ledger.db"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders under one root."""

    root: Path

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    @property
    def clips(self) -> Path:
        return self.root / "clips"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    def make(self) -> None:
        """Make what is missing, durably. All 256 folders are made here, so that no bay ever names
        a clip in a folder whose own name another bay has not synced yet."""
        for folder in (self.root, self.incoming, self.clips, self.quarantine):
            make_folder(folder)
        with medium(f"making folders in {self.clips}"):
            for number in range(256):
                (self.clips / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
        sync_folder(self.clips)

    def folder(self, clip: ClipId) -> Path:
        return self.clips / clip[:2]

    def clip(self, clip: ClipId) -> Path:
        return self.folder(clip) / clip

    def sums(self, clip: ClipId) -> Path:
        return self.folder(clip) / (clip + SUMS)
