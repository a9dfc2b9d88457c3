"""Which recorders anything can be deleted from, and by what."""

from __future__ import annotations

from agent.offload.clearing.eraser import Eraser, RecorderEraser
from agent.offload.clearing.volume import VolumeEraser
from agent.recorder.base import Recorder
from agent.recorder.profiles.model import Profile
from agent.recorder.two_phase import TwoPhase
from agent.recorder.volume.recorder import VolumeRecorder


def eraser_for(recorder: Recorder, profile: Profile) -> Eraser | None:
    """None where this program cannot delete: dialects and SMP carry no such command here."""
    if profile.driver == "mtp":
        return RecorderEraser(recorder)
    disk = recorder.disk if isinstance(recorder, TwoPhase) else recorder
    return VolumeEraser(disk) if isinstance(disk, VolumeRecorder) else None
