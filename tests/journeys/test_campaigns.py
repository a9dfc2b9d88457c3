"""Whole systems of real processes, hurt a few times: what `python -m tests.campaign` does at
length. The same seeds bring the same runs there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from tests.campaign.clearing import one_clearing
from tests.campaign.gigabyte import one_gigabyte
from tests.campaign.kills import one_kill
from tests.campaign.outcome import Outcome, campaign
from tests.campaign.unplugs import one_unplug
from tests.campaign.week import one_week
from tests.campaign.yard import ROOT

MIB = 1024 * 1024


def assert_held(outcome: Outcome) -> None:
    assert outcome.failed == {}, outcome.line()


def test_kills_of_dock_archive_and_broker_lose_nothing(seed: int) -> None:
    assert_held(campaign("kills", range(seed, seed + 6), one_kill))


def test_a_recorder_is_cleared_only_against_proof_whoever_is_killed(seed: int) -> None:
    assert_held(campaign("clearing", [seed], partial(one_clearing, scene="plain")))


def test_the_clearing_campaign_finds_a_clip_that_goes_without_its_intent(seed: int) -> None:
    hurt = partial(one_clearing, scene="plain", bug="intent-after")
    outcome = campaign("clearing", [seed], hurt)
    assert "without an intent" in str(outcome.failed)


def test_an_unplug_costs_one_chunk_at_most(seed: int) -> None:
    assert_held(campaign("unplugs", range(seed, seed + 8), one_unplug))


def test_a_week_without_a_broker_costs_little_memory_and_no_clip(seed: int) -> None:
    assert_held(campaign("week", [seed], partial(one_week, clips=150)))


def test_many_bytes_arrive_as_stock_tools_say(seed: int) -> None:
    assert_held(campaign("gigabyte", [seed], partial(one_gigabyte, size=64 * MIB)))


@pytest.mark.parametrize(("runs", "control"), [(6, False), (1, True)])
def test_a_killed_dock_that_encrypts_leaves_no_plain_text(
    seed: int, runs: int, control: bool
) -> None:
    """A process of its own, since its mounts are. The control run proves that the search finds."""
    disk = "ext4" if os.geteuid() == 0 else "folder"
    command = [sys.executable, "-m", "tests.campaign", "sealed", "--disk", disk]
    command += ["--runs", str(runs), "--seed", str(seed), *(["--control"] if control else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_full_disk_pauses_intake_and_nothing_else(seed: int) -> None:
    """A process of its own, since its mounts are. Seeds that three divides make the clips be held,
    so that receipts commit while there is no room."""
    command = [sys.executable, "-m", "tests.campaign", "full-disk", "--disk", "tmpfs"]
    command += ["--runs", "1", "--seed", str(seed - seed % 3)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
