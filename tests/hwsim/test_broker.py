"""Both brokers start, answer, die, come back, and never outlive who started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.errors import BrokerUnreachable
from hwsim.broker import Kind, free_port, start_broker

KINDS: list[Kind] = ["mosquitto", "embedded"]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2.0).close()
    except OSError:
        return False
    return True


def ends(pid: int, seconds: float = 10.0) -> bool:
    """Whether the process is gone, or soon is."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_and_can_be_killed_restarted_and_stopped(kind: Kind, tmp_path: Path) -> None:
    broker = start_broker(kind=kind, folder=tmp_path)
    first = broker.pid
    assert listens(broker.port)
    assert listens(broker.port_311)
    broker.kill()
    assert not listens(broker.port)
    broker.restart()
    assert broker.pid != first
    assert listens(broker.port)
    broker.stop()
    assert not listens(broker.port)
    broker.stop()


def test_auto_prefers_the_installed_one(tmp_path: Path) -> None:
    broker = start_broker(folder=tmp_path)
    assert broker.kind == "mosquitto"
    broker.stop()


def test_a_port_may_be_chosen_and_must_be_free(tmp_path: Path) -> None:
    port = free_port()
    broker = start_broker(port, folder=tmp_path)
    assert broker.port == port
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BrokerUnreachable):
        start_broker(taken.getsockname()[1], kind="mosquitto", folder=tmp_path / "other")
    broker.stop()


def test_what_it_does_not_understand_is_told(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnreachable, match="nonsense"):
        start_broker(free_port(), kind="mosquitto", folder=tmp_path, settings=["nonsense 1"])


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_not_outlive_who_started_it(kind: Kind, tmp_path: Path) -> None:
    starter = (
        "import sys, time; from pathlib import Path; from hwsim.broker import start_broker;"
        "b = start_broker(kind=sys.argv[1], folder=Path(sys.argv[2]));"
        "print(b.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter, kind, str(tmp_path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.send_signal(signal.SIGKILL)
    assert ends(pid)
