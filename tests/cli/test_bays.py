"""`bodydock bays`: what hangs where, and learning it with a device that goes from slot to slot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent import live
from agent.bay.status import BayStatus, Doing
from agent.cli import bays as command
from agent.cli.bays import asked, numbered, teach
from agent.clock import to_text
from agent.config import Bay
from agent.link.attached import Roots
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from agent.live import Live
from hwsim.ports.machine import SimulatedMachine
from hwsim.ports.usb_memory import MemoryBus

KEY = "ed25519:" + "ab" * 32


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "dock.toml"
    path.write_text(
        f'[dock]\nid = "d"\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n'
        f'[archive]\nkeys = ["{KEY}"]\n'
        '[[bay]]\nname = "1"\nport = "1-1.1"\n'
        '[[bay]]\nname = "2"\nport = "1-1.2"\npriority = true\n',
        "utf-8",
    )
    return path


def running(folder: Path, *bays: BayStatus) -> None:
    """As the daemon would write it; this process stands for it."""
    shown = [bay.document() for bay in bays]
    uplink = {"connected": False, "error": ""}
    live.write(folder, Live(datetime.now(UTC), os.getpid(), shown, uplink, ""))


def told(config: Path, *arguments: str, columns: int = 80) -> str:
    done = CliRunner(env={"COLUMNS": str(columns)}).invoke(
        command.bays, ["--config", str(config), *arguments]
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_it_shows_what_hangs_where_and_since_when(config: Path, tmp_path: Path) -> None:
    then = to_text(datetime.now(UTC) - timedelta(days=2))
    running(
        tmp_path,
        BayStatus("1", "1-1.1", Doing.PULLING, since=then, what="06/01", recorder="A1", model="M"),
        BayStatus(
            "1-4", "1-4", Doing.REFUSED, since=then, what="046d:c31c (human interface)",
            trouble="this port is no bay of this dock",
        ),
    )  # fmt: skip
    lines = told(config).splitlines()
    assert lines[0].split() == ["bay", "port", "since", "what", "does"]
    bay, port, date, hour, *rest = lines[1].split()
    assert (bay, port, rest) == ("1", "1-1.1", ["A1", "M", "pulling"])
    assert datetime.fromisoformat(f"{date} {hour}")
    assert lines[2].split() == ["2", "(priority)", "1-1.2", "nothing", "in", "it"]
    assert "046d:c31c (human interface)" in lines[3]
    assert lines[3].rstrip().endswith("this port is no bay of this dock")


def test_a_bay_that_waits_for_room_is_called_paused(config: Path, tmp_path: Path) -> None:
    running(tmp_path, BayStatus("1", "1-1.1", Doing.PAUSED, trouble="no room for a clip"))
    assert "paused: no room for a clip" in told(config)


def test_a_machine_reads_it_too(config: Path, tmp_path: Path) -> None:
    running(tmp_path, BayStatus("1", "1-1.1", Doing.WAITING, what="x"))
    document = json.loads(told(config, "--json"))
    assert (document["dock"], document["running"]) == ("d", True)
    first, second = document["bays"]
    assert (first["doing"], first["what"], first["port"]) == ("waiting for its turn", "x", "1-1.1")
    assert second == {"bay": "2", "port": "1-1.2", "priority": True, "doing": ""}


def test_without_a_daemon_it_shows_which_bays_there_are(config: Path) -> None:
    shown = told(config)
    assert "not running" in shown
    assert "1-1.2" in shown
    assert "not known" in shown
    assert "nothing in it" not in shown, "nobody looked"
    assert json.loads(told(config, "--json"))["running"] is False


def test_a_devices_text_cannot_paint_the_terminal(config: Path, tmp_path: Path) -> None:
    running(tmp_path, BayStatus("1", "1-1.1", Doing.READY, recorder="\x1b[31m[bold]A1"))
    shown = told(config)
    assert "\x1b" not in shown
    assert "\\u{1b}[31m[bold]A1" in shown


class Slots:
    """A person who plugs devices about, one step at every wait of the command."""

    def __init__(self, folder: Path, *steps: set[str]) -> None:
        self.nodes = SimulatedMachine(folder)
        self.machine = Machine(UsbBus(MemoryBus()), Roots(self.nodes.sys, self.nodes.dev))
        self.image = folder / "image"
        self.image.write_bytes(bytes(512))
        self.steps = iter(steps)
        self.plugged: set[str] = set()
        self.seconds = 0.0
        self.learnt: list[Bay] = []

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic(self) -> float:
        return self.seconds

    def plug(self, ports: set[str]) -> None:
        for port in self.plugged - ports:
            self.nodes.detach_disk(port)
        for port in ports - self.plugged:
            self.nodes.attach_disk(port, self.image)
        self.plugged = ports

    def sleep(self, _seconds: float) -> None:
        self.seconds += 1.0
        step = next(self.steps, None)
        if step is None:
            raise KeyboardInterrupt
        self.plug(step)

    def teach(self, naming: command.Naming = numbered) -> None:
        with pytest.raises(KeyboardInterrupt):
            teach(self.machine, self, self.sleep, naming, self.learnt)


def test_learning_prints_lines_for_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = {"1-1.1"}, {"2-4"}
    slots = Slots(tmp_path, one, one, set(), two, two, set(), one, one)
    slots.teach()
    out, err = capsys.readouterr()
    assert tomllib.loads(out) == {
        "bay": [{"name": "1", "port": "1-1.1"}, {"name": "2", "port": "2-4"}]
    }
    assert "Port 1-1.1 is bay 1 already" in err


def test_learning_does_not_guess(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = {"1-1", "1-2"}
    slots = Slots(tmp_path, both, both, set(), {"1-2"}, {"1-2"})
    slots.teach()
    out, err = capsys.readouterr()
    assert "Not clear which: 1-1, 1-2." in err
    assert [bay["port"] for bay in tomllib.loads(out)["bay"]] == ["1-2"]


def test_learning_says_what_it_does_not_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slots = Slots(tmp_path, {"1-7"}, {"1-7"})
    slots.plug({"1-7"})
    slots.teach()
    out, err = capsys.readouterr()
    assert out == ""
    assert "not counted: 1-7" in err


def test_names_are_asked_for_until_they_are_good_and_new(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["", "a/b", "front", "left #2"])
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    assert asked("1-2", [Bay(name="front", port="1-1")]) == Bay(name="left #2", port="1-2")
    _, err = capsys.readouterr()
    assert err.count("a bay's name is") == 2
    assert "There is a bay front already." in err


def test_ctrl_c_ends_learning_cleanly() -> None:
    """The real command on the real machine, whatever hangs on it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "bays", "learn"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    while "Ctrl-C ends" not in first:
        assert first, process.communicate()
        first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err.strip() == "0 bays learnt."
