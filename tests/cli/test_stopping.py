"""A signal stops in order, at whatever step of the main thread it comes."""

from __future__ import annotations

import os
import signal

import pytest

from agent.cli.stopping import stop_on_signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_sets_the_event_and_says_how_to_exit(number: int, code: int) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), number)
        assert stop.event.wait(10.0)
        assert stop.exit_code == code
        assert signal.getsignal(number) == signal.SIG_DFL, "a second one must end the process"
    assert signal.getsignal(number) == before


def test_a_signal_while_the_event_is_being_asked_does_not_hang() -> None:
    """`Event.wait` holds a lock for a moment; a handler that wants it would wait for ever."""
    with stop_on_signals() as stop:
        with stop.event._cond:  # type: ignore[attr-defined]  # where `wait` holds it
            os.kill(os.getpid(), signal.SIGTERM)
            assert not stop.event._flag  # type: ignore[attr-defined]
        assert stop.event.wait(10.0)
