"""No sender can flood the log, and nothing that it sends reaches it raw."""

from __future__ import annotations

import pytest

from agent.archive.complaints import EVERY_S, Complaints

from .docks import Watch


def test_one_line_of_each_kind_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = Watch()
    complaints = Complaints(clock)
    for _ in range(1000):
        complaints.about("malformed message", "bad")
        complaints.about("store", "full")
    assert len(caplog.records) == 2
    clock.seconds += EVERY_S
    complaints.about("malformed message", "bad")
    assert caplog.messages[-1] == "malformed message: bad (999 more like it before)"


def test_a_senders_text_is_cut_and_escaped(caplog: pytest.LogCaptureFixture) -> None:
    Complaints(Watch()).about("malformed message", "\x1b[2J\n%s" + "x" * 10_000)
    assert "\x1b" not in caplog.messages[0]
    assert "%s" in caplog.messages[0]
    assert len(caplog.messages[0]) < 600
