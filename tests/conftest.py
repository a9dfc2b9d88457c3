"""What every test has: one seed that replays the whole run, and no quiet skips in CI.

All randomness of a run, Hypothesis included, comes from one number. It stands in the head of
every run and under every random failure; `--seed NUMBER` brings the same run again.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from secrets import randbelow

import pytest
from hypothesis import is_hypothesis_test, settings

SEED = pytest.StashKey[int]()
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

settings.register_profile("ci", derandomize=False, print_blob=True, deadline=None)
settings.register_profile("dev", print_blob=True, deadline=None)
settings.load_profile("ci" if IN_CI else "dev")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="replay a run's randomness; default: a new seed")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis reads its own options
def pytest_configure(config: pytest.Config) -> None:
    given: int | None = config.getoption("seed")
    config.stash[SEED] = randbelow(2**32) if given is None else given
    if config.getoption("hypothesis_seed") is None:
        config.option.hypothesis_seed = str(config.stash[SEED])
    if IN_CI:
        config.pluginmanager.register(NothingPassedOver())


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.stash[SEED]} (the same run again: --seed {config.stash[SEED]})"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """For `random.Random(seed)`; a test that wants many derives them, such as `seed + n`."""
    return request.config.stash[SEED]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and is_random(item):
        replay = f"pytest --seed {item.config.stash[SEED]} '{item.nodeid}'"
        report.sections.append(("replay this failure", replay))
    return report


def is_random(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and (
        "seed" in item.fixturenames or is_hypothesis_test(item.obj)
    )


class NothingPassedOver:
    """A test that did not run proved nothing, and in CI nobody would notice: the run fails.

    A test that is expected to fail may do so where it gives its reason.
    """

    def __init__(self) -> None:
        self.passed_over: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.note(report)

    def note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not getattr(report, "wasxfail", ""):
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else "no reason given"
            self.passed_over.append(f"{report.nodeid}: {why}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.passed_over and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.passed_over:
            terminalreporter.section("This run fails, for these tests were passed over", red=True)
            terminalreporter.write_line("\n".join(self.passed_over))
