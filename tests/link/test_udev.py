"""Woken by udev, by hand, or not at all: the slow poll goes on in every case."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.link import udev
from agent.link.udev import Doorbell, udev_doorbell

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def bell() -> Iterator[Doorbell]:
    bell = Doorbell()
    yield bell
    bell.close()


@pytest.fixture(scope="module")
def heard() -> dict[str, Any]:
    """What a doorbell hears of a test bed's events. Debian's package `umockdev`."""
    command = ["umockdev-wrapper", sys.executable, "-m", "tests.link.umockdev_child"]
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("subsystem", ["usb", "block", "tty"])
@pytest.mark.parametrize("action", ["add", "remove"])
def test_udev_wakes_it(heard: dict[str, Any], subsystem: str, action: str) -> None:
    assert heard[f"{subsystem} {action}"] is True


def test_what_is_no_recorders_business_does_not(heard: dict[str, Any]) -> None:
    assert (heard["nothing"], heard["sound"]) == (False, False)


def test_a_storm_cannot_spin_the_dock(heard: dict[str, Any]) -> None:
    assert heard["storm"] is True
    assert heard["storm took"] >= heard["storms"] * udev.SETTLE_SECONDS
    assert heard["after it"] is False


def test_nothing_happens(bell: Doorbell) -> None:
    assert bell.wait(0.0) is False


def test_a_ring_wakes_it_once(bell: Doorbell) -> None:
    bell.ring()
    bell.ring()
    assert bell.wait(60) is True
    assert bell.wait(0.0) is False


def test_a_ring_from_another_thread_wakes_it(bell: Doorbell) -> None:
    began = time.monotonic()
    threading.Timer(0.05, bell.ring).start()
    assert bell.wait(60) is True
    assert time.monotonic() - began < 30


def test_a_ring_after_the_end_is_no_error(bell: Doorbell) -> None:
    bell.close()
    bell.ring()


class BrokenMonitor:
    """A monitor whose socket fails as the kernel lets it fail."""

    def __init__(self, number: int) -> None:
        self._error = OSError(number, os.strerror(number))
        self._ear, self._mouth = socket.socketpair()
        self._mouth.send(b"!")
        self._ear.setblocking(False)
        self.polled = 0

    def fileno(self) -> int:
        return self._ear.fileno()

    def poll(self, timeout: float) -> None:
        self.polled += 1
        if self.polled == 1:
            self._ear.recv(1)
            raise self._error

    def say(self) -> None:
        self._mouth.send(b"!")

    def close(self) -> None:
        self._ear.close()
        self._mouth.close()


@pytest.fixture
def broken(request: pytest.FixtureRequest) -> Iterator[BrokenMonitor]:
    monitor = BrokenMonitor(request.param)
    yield monitor
    monitor.close()


@pytest.mark.parametrize("broken", [errno.ENOBUFS], indirect=True)
def test_a_storm_does_not_delay_a_stop(broken: BrokenMonitor) -> None:
    bell = Doorbell(broken, settle=60)
    began = time.monotonic()
    threading.Timer(0.05, bell.ring).start()
    assert bell.wait(60) is True
    assert time.monotonic() - began < 30
    bell.close()


@pytest.mark.parametrize("broken", [errno.ENOBUFS], indirect=True)
def test_lost_events_are_an_event(broken: BrokenMonitor) -> None:
    bell = Doorbell(broken, settle=0.0)
    assert bell.wait(60) is True
    broken.say()
    assert bell.wait(60) is True
    bell.close()


@pytest.mark.parametrize("broken", [errno.ENETDOWN], indirect=True)
def test_a_socket_that_fails_is_said_once_and_given_up(
    broken: BrokenMonitor, caplog: pytest.LogCaptureFixture
) -> None:
    bell = Doorbell(broken, settle=0.0)
    assert bell.wait(60) is True
    broken.say()
    assert bell.wait(0.0) is False
    assert len(caplog.records) == 1
    assert "noticed a little later" in caplog.text
    bell.close()


def test_without_netlink_the_poll_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import pyudev

    def refused(*_facts: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    monkeypatch.setattr(pyudev.Monitor, "from_netlink", refused)
    with caplog.at_level(logging.WARNING):
        bell = udev_doorbell()
    assert "no udev events" in caplog.text
    assert bell.wait(0.0) is False
    bell.ring()
    assert bell.wait(60) is True
    bell.close()


def test_without_a_udev_daemon_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(udev, "_CONTROL", tmp_path / "none")
    udev_doorbell().close()
    assert [one.getMessage() for one in caplog.records] == [
        "udev does not run here; recorders are noticed a little later"
    ]
