"""`python -m hwsim` as people use it: processes, printed addresses, signals."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from usbip.classes.host.mtp import MtpHost
from usbip.transport import USBIP

import hwsim.command
from hwsim.recorders import KINDS
from hwsim.scenario import shipped

ROOT = Path(__file__).parents[2]
DEADLINE = 30.0


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-u", "-m", "hwsim", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """The first line that looks so; a process that does not say it in time is killed."""
    assert process.stdout is not None
    guard = threading.Timer(DEADLINE, process.kill)
    guard.start()
    try:
        for line in iter(process.stdout.readline, ""):
            if (match := re.search(pattern, line)) is not None:
                return match
    finally:
        guard.cancel()
    raise AssertionError(f"it never said {pattern!r}")


def ended(process: subprocess.Popen[str], number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(DEADLINE)


def done(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hwsim", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=DEADLINE
    )


def test_the_list_names_every_recorder_and_scenario() -> None:
    said = done("list").stdout
    for name in (*KINDS, *shipped()):
        assert re.search(rf"\b{name}\b", said)


def test_the_folder_of_a_recorder_is_served_by_usbip(tmp_path: Path) -> None:
    (tmp_path / "recorder.toml").write_text('serial = "FOLDER1"\n', "utf-8")
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "A.MP4").write_bytes(b"film" * 1000)
    with running("run", "mtp", "--folder", str(tmp_path), "--usbip", "0") as process:
        how = line_of(
            process, r"1-1\.2: usbip --tcp-port (\d+) attach --remote (\S+) --busid (\S+)"
        )
        transport = USBIP(how[2], int(how[1]))
        with MtpHost.open(busid=how[3], transport=transport) as host:
            host._txid = -1
            host.open_session()
            assert host.device_info()["serial"] == "FOLDER1"
            assert host.get_object(host.object_handles(parent=0)[-1]) == b"film" * 1000
        assert ended(process, signal.SIGTERM) == 0


def test_a_serial_recorder_answers_on_the_printed_node() -> None:
    with running("run", "at-serial", "--usbip", "0") as process:
        node = os.open(line_of(process, r"serial line (/\S+)")[1], os.O_RDWR | os.O_NOCTTY)
        os.write(node, b"AT+GSN\rATE0\r")
        got = b""
        while b"ERROR" not in got and b"OK" not in got:
            assert select.select([node], [], [], DEADLINE)[0]
            got += os.read(node, 1000)
        os.close(node)
        assert ended(process, signal.SIGINT) == 130


def test_a_tcp_recorder_answers_at_the_printed_address() -> None:
    with running("run", "zzx", "--usbip", "0") as process:
        port = int(line_of(process, r"TCP 127\.0\.0\.1:(\d+)")[1])
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as peer:
            peer.settimeout(DEADLINE)
            peer.sendall(b'{"header":{"version":"1","device":"d","id":1},"body":{}}\r\n')
            assert peer.recv(1000).startswith(b"{")
        assert ended(process, signal.SIGTERM) == 0


def test_a_scenario_is_played_and_waits_for_the_end() -> None:
    with running("scenario", "shift_change", "--speed", "1000", "--usbip", "0") as process:
        line_of(process, "shift change")
        line_of(process, r"0\.0 s  1-1\.1  early-1, ambarella-a")
        line_of(process, r"1-1\.1: usbip --tcp-port")
        line_of(process, "the day is over")
        assert ended(process, signal.SIGTERM) == 0


def test_a_day_that_cannot_be_played_is_said_in_words(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("name = 3\n", "utf-8")
    said = done("scenario", str(wrong), "--usbip", "0")
    assert (said.returncode, said.stdout) == (78, "")
    assert re.fullmatch(r"hwsim: .*wrong\.toml:1: name: .*\n", said.stderr)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "betacam"], "'betacam' is not one of 'mtp'"),
        (["run", "mtp", "--port", "COM1"], "'COM1' is no port path"),
        (["run", "mtp", "--size", "1 KiB"], "at least 64.0 KiB"),
        (["run", "mtp", "--size", "much"], 'such as "100 GiB"'),
        (["scenario", "no-day"], "there is no file no-day; shipped are bad_cables, shift_change"),
    ],
)
def test_wrong_usage_is_said_in_words(arguments: list[str], reason: str) -> None:
    said = CliRunner().invoke(hwsim.command.hwsim, [*arguments, "--usbip", "0"])
    assert said.exit_code in (1, 2)
    assert reason in said.output


def test_a_tcp_port_that_is_taken_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = done("run", "mtp", "--usbip", port)
    assert said.returncode == 1
    assert f"TCP port {port}: Address already in use" in said.stderr
