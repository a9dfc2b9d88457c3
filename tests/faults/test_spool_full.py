"""A full disk: receipts still commit, intake pauses, the recorder is untouched, all resumes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("megabytes", [6, 9])
def test_a_full_disk_costs_nothing_but_time(tmp_path: Path, megabytes: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size={megabytes}m tmpfs "$1"'
    work = 'exec "$2" -m tests.faults.full_disk "$1"'
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    result = subprocess.run(
        [*alone, "sh", "-c", f"{mount} && {work}", "sh", str(disk), sys.executable],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.stdout == "all held\n", result.stderr
