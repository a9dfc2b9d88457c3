"""The benchmark itself: ratios, goals and words are right, and it still runs.

Nothing here looks at how long anything took.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .cost import Cost, Failed, run
from .rows import Goal, Row, spread, table
from .turns import take_turns
from .worker import ROOT


def test_the_ratio_is_that_of_pairs_not_of_medians() -> None:
    row = Row("ours", "MB/s", spread([10, 20, 90]), "theirs", spread([20, 20, 30]))
    assert row.ratio
    assert row.ratio.figures == (0.5, 1.0, 3.0)
    assert row.ratio.middle == 1.0


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal(1, "≥", 0.95), "missed"),
        (Goal(1, "≥", 0.5), "reached"),
        (Goal(2, "≤", 0.5), "reached"),
        (Goal(2, "≤", 0.4), "missed"),
        (Goal(13, "≤", 4, of_ratio=False), "missed"),
        (Goal(13, "≤", 5, of_ratio=False), "reached"),
        (None, ""),
    ],
)
def test_a_goal_is_of_the_ratio_or_of_our_own_figure(goal: Goal | None, verdict: str) -> None:
    assert Row("ours", "s", spread([5]), "theirs", spread([10]), goal).verdict == verdict


def test_a_rival_that_is_not_there_gives_no_verdict() -> None:
    row = Row("ours", "s", spread([5]), "rsync: not installed", goal=Goal(6, "≥", 0.9))
    assert row.verdict == ""
    assert "rsync: not installed" in table([row])


def test_every_side_has_every_place_in_the_row() -> None:
    order: list[str] = []

    def side(name: str) -> Cost:
        order.append(name)
        return Cost(1.0, 1.0)

    costs = take_turns("test", {name: (lambda n=name: side(n)) for name in "abc"}, 3)  # type: ignore[misc]
    assert "".join(order) == "abcbcacab"
    assert {name: len(found) for name, found in costs.items()} == {"a": 3, "b": 3, "c": 3}


def test_cpu_time_is_that_of_the_program_and_its_children() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"
    assert run([sys.executable, "-c", nested]).cpu >= 0.2


def test_a_program_that_fails_is_not_measured() -> None:
    with pytest.raises(Failed, match="ended with 3: no luck"):
        run([sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(Failed, match="No such file"):
        run(["bodydock-bench-nothing"])


def test_it_runs(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = ["--size", "1MiB", "--pairs", "1", "--seed", "1", "--json", str(figures)]
    command = [
        sys.executable,
        "-m",
        "tests.bench",
        "pull",
        "--folder",
        str(tmp_path),
        *options,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    parts = json.loads(figures.read_text("utf-8"))["parts"]
    assert [part["part"] for part in parts] == ["pull"]
    assert all(row["ours"]["median"] > 0 for part in parts for row in part["rows"])
    assert list(tmp_path.iterdir()) == [figures]
