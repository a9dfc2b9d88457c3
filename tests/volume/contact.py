"""One contact with a disk, as the dock makes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.errors import RecorderMisbehaved
from agent.model import Clip
from tests.contracts.recorder import FOOTAGE
from tests.contracts.volume import DiskPort

STEP = 240 * 1024


@dataclass
class Contact:
    """What one contact came to know before it ended."""

    read: dict[Clip, bytes] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def run(self, port: DiskPort) -> None:
        """Identify, list, and read every clip; one that misbehaves does not stop the others."""
        recorder = port.open()
        try:
            assert recorder.identify().serial == "SD"
            for clip in recorder.clips():
                self.read[clip] = b""
                try:
                    while len(self.read[clip]) < clip.size:
                        self.read[clip] += recorder.read(clip, len(self.read[clip]), STEP)
                except RecorderMisbehaved:
                    self.failed.append(clip.path)
        finally:
            recorder.close()

    def check(self) -> None:
        for clip, data in self.read.items():
            assert FOOTAGE[clip.path].startswith(data)

    @property
    def whole(self) -> bool:
        return {clip.path: data for clip, data in self.read.items()} == FOOTAGE
