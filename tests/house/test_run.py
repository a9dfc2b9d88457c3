"""The rules of a test run, tried on small runs of their own: seeds, and no skips in CI."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST.read_text("utf-8"))
    return pytester


def in_ci(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str) -> pytest.RunResult:
    monkeypatch.setenv("CI", "true")
    run.makepyfile(f"import pytest\n{test}\ndef test_good(): pass\n")
    return run.runpytest_subprocess()


@pytest.mark.parametrize(
    "test",
    [
        "@pytest.mark.skip(reason='too slow')\ndef test_it(): pass",
        "def test_it(): pytest.skip('too slow')",
        "@pytest.fixture\ndef late(): pytest.skip('too slow')\ndef test_it(late): pass",
        "pytest.skip('too slow', allow_module_level=True)",
    ],
)
def test_a_skip_fails_the_run_in_ci_and_is_named(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str
) -> None:
    result = in_ci(run, monkeypatch, test)
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*passed over*", "test_a_skip*.py*: *too slow*", "*skipped in*"])


@pytest.mark.parametrize(("reason", "exit_code"), [("", 1), ("reason='issue 7'", 0)])
def test_an_expected_failure_in_ci_needs_its_reason(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, reason: str, exit_code: int
) -> None:
    test = f"@pytest.mark.xfail({reason})\ndef test_it(): assert False"
    assert in_ci(run, monkeypatch, test).ret == exit_code


def test_a_skip_at_home_is_a_skip(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    run.makepyfile("import pytest\ndef test_it(): pytest.skip('no recorder plugged in')")
    assert run.runpytest_subprocess().ret == 0


RANDOM = """
from random import Random
from hypothesis import given, strategies as st

def test_drawn(seed):
    assert not Random(seed).getrandbits(64), f"drew {Random(seed).getrandbits(64)}"

@given(st.lists(st.integers()))
def test_given(numbers):
    with open("tried", "a") as out:
        out.write(f"{numbers}\\n")
    assert sum(numbers) < 1000
"""


def test_a_random_failure_prints_the_seed_that_brings_it_again(run: pytest.Pytester) -> None:
    run.makepyfile(RANDOM)
    first, first_tried = random_run(run)
    replays = re.findall(r"pytest --seed (\d+) '\S+::test_(\w+)'", first)
    assert [test for _, test in replays] == ["drawn", "given"]
    seed = int(replays[0][0])

    again, again_tried = random_run(run, "--seed", str(seed))
    assert re.findall(r"drew (\d+)", again) == re.findall(r"drew (\d+)", first)
    assert again_tried == first_tried

    _, other_tried = random_run(run, "--seed", str(seed + 1))
    assert other_tried != first_tried


def random_run(run: pytest.Pytester, *options: str) -> tuple[str, str]:
    """What the run printed, and every example that Hypothesis tried, with no memory of before."""
    shutil.rmtree(run.path / ".hypothesis", ignore_errors=True)
    tried = run.path / "tried"
    tried.unlink(missing_ok=True)
    output = run.runpytest_subprocess(*options).stdout.str()
    return output, tried.read_text("utf-8")
