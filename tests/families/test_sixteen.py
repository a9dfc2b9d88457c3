"""Sixteen recorders of mixed families in one run: every byte right, within the memory of a Pi."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST_MIB = 200
"""Dock and children together (the simulators are in it too)."""


def test_sixteen_recorders_of_mixed_families_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.families.sixteen", str(tmp_path), "4"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=280)
    told = json.loads(done.stdout)
    assert (told["recorders"], told["families"]) == (16, 11)
    assert told["differing"] == []
    assert told["clips"] == 3 * 16
    assert told["peak_mib"] <= MOST_MIB
