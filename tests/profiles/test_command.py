"""`bodydock profile` as a person meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import profile as command
from agent.cli.main import cli
from agent.errors import RecorderBusy
from agent.link.attached import Attached, Roots
from agent.link.machine import Machine
from agent.link.usb import UsbBus
from agent.recorder.profiles.load import Profiles, load_profiles, shipped_folder
from agent.recorder.profiles.match import Asks
from agent.recorder.profiles.rules import udev_rules
from hwsim.body import Body
from hwsim.faces.ptp import PtpFace, Quirks
from hwsim.ports.usb_memory import MemoryBus

from .texts import AMBARELLA, DISK, KEYBOARD, PHONE, loaded, text, written

KEY = "ed25519:" + "ab" * 32


def bodydock(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "agent.cli", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "dock.toml"
    path.write_text(
        f'[dock]\nid = "d"\n[archive]\nkeys = ["{KEY}"]\n'
        f'[recorders]\nprofiles = "{tmp_path / "own"}"\n',
        "utf-8",
    )
    return path


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


# check


def test_check_names_every_fault_of_every_file_and_ends_with_78(tmp_path: Path) -> None:
    good = written(tmp_path, text("good", 'usb = "1209:0001"'), "good.toml")
    bad = written(tmp_path, text("bad", 'usb = "1:2"', more="[clok]\n"), "bad.toml")
    done = bodydock("profile", "check", str(good), str(bad), str(tmp_path / "none.toml"))
    assert done.returncode == 78
    assert done.stdout == f"{good}: good; good, good\n"
    assert "3 faults in profiles" in done.stderr
    assert f"{bad}:8: match.0.usb: a USB id is" in done.stderr
    assert f"{bad}:9: clok: unknown key" in done.stderr
    assert "none.toml: no such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_without_files_checks_what_the_dock_would_load(config: Path, tmp_path: Path) -> None:
    done = invoked("profile", "check", "--config", str(config))
    assert done.exit_code == 0
    assert len(done.output.splitlines()) == len(list(shipped_folder().glob("*.toml")))
    written(tmp_path / "own", "driver = 1", "mine.toml")
    failed = bodydock("profile", "check", "--config", str(config))
    assert failed.returncode == 78
    assert "mine.toml:1: driver: Input should be" in failed.stderr


# list


def test_list_says_what_there_is_and_what_is_left_out(config: Path, tmp_path: Path) -> None:
    written(tmp_path / "own", text("generic-mtp", 'usb = "1209:0001"'), "a.toml")
    written(tmp_path / "own", "x", "b.toml")
    told = CliRunner().invoke(cli, ["profile", "list", "--config", str(config)])
    first, second, *_ = told.stdout.splitlines()
    assert first.split() == ["id", "name", "driver", "dialect", "from", "certainty"]
    assert second.split() == ["generic-mtp", "generic-mtp", "volume", "local", "inferred"]
    assert "left out" in told.stderr
    document = json.loads(
        CliRunner().invoke(cli, ["profile", "list", "--json", "--config", str(config)]).stdout
    )
    rows = {row["id"]: row for row in document["profiles"]}
    assert rows["generic-mtp"]["file"] == str(tmp_path / "own" / "a.toml")
    assert rows["ambarella-a"]["dialect"] == "usb-control"
    assert rows["jieli"]["local"] is False
    assert "b.toml" in document["faults"][0]


def test_a_name_cannot_paint_the_terminal(config: Path, tmp_path: Path) -> None:
    hostile = text("a", 'usb = "1209:0001"').replace('name = "a"', 'name = "\\u001b]0;x"')
    written(tmp_path / "own", hostile)
    for action in ("list", "check", "rules"):
        assert "\x1b" not in invoked("profile", action, "--config", str(config)).output


# rules


def test_rules_are_those_of_all_profiles(config: Path, tmp_path: Path) -> None:
    written(tmp_path / "own", text("mine", 'usb = "1209:0001"'))
    profiles = load_profiles(shipped_folder(), tmp_path / "own")
    told = invoked("profile", "rules", "--config", str(config)).output
    assert told == udev_rules(one.profile for one in profiles)
    assert 'ATTR{idVendor}=="1209"' in told


# match


def lines(
    attached: Attached, profiles: Profiles, *, name: str = "", why: bool = False
) -> list[str]:
    asks = Asks(interface_name=lambda _device, _interface: name)
    return list(command.match_lines(attached, profiles, asks, why=why))


SHIPPED = load_profiles(shipped_folder(), Path("/nowhere"))


def test_match_says_what_fits_and_why() -> None:
    assert lines(AMBARELLA, SHIPPED) == [
        "port 1-1.2: USB id 4255:0001; interfaces ff/00/00",
        "  1. ambarella-a (shipped), match 1; its probe decides",
        "       USB id 4255:0001",
        "  2. ambarella-b (shipped), match 1; its probe decides",
        "       USB id 4255:0001",
    ]
    assert lines(PHONE, SHIPPED, name="MTP")[1:4] == [
        "  1. generic-mtp (shipped), match 2",
        "       interface ff/ff/00 with still image pipes",
        '       interface name "MTP"',
    ]


def test_match_says_what_is_left_alone_and_with_why_what_each_profile_misses() -> None:
    assert lines(KEYBOARD, SHIPPED)[1:] == ["  no profile matches: it is left alone"]
    told = lines(KEYBOARD, SHIPPED, why=True)
    assert "  not ambarella-a, match 1: USB id 046d:c31c, not 4255:0001" in told
    assert (
        "  not generic-ptp, match 1: interfaces 03/01/01, not 06/01/01 with still image pipes"
        in told
    )
    assert len(told) == 2 + sum(len(one.profile.match) for one in SHIPPED)


def test_match_shows_everything_that_a_port_shows(tmp_path: Path) -> None:
    profiles = loaded(tmp_path, text("mine", "disk = true"), local=True)
    shown = lines(Attached("1-2\x1b", disks=(DISK,), address="10.0.0.7:80"), profiles)
    assert shown == [
        r"port 1-2\u{1b}: disk sda; address 10.0.0.7:80",
        "  1. mine (local), match 1",
        "       a disk",
    ]


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MemoryBus:
    memory = MemoryBus()
    nothing = Roots(tmp_path / "sys", tmp_path / "dev")
    monkeypatch.setattr(command, "UsbBus", lambda: UsbBus(memory))
    monkeypatch.setattr(command, "Machine", partial(Machine, roots=nothing))
    return memory


def test_match_looks_at_the_machine(bus: MemoryBus, config: Path) -> None:
    bus.plug("1-1.2", PtpFace(Body(serial="S1")))
    bus.plug("1-1.3", PtpFace(Body(serial="S2"), quirks=Quirks(android=True)))
    told = invoked("profile", "match", "--config", str(config)).output
    assert "port 1-1.2: USB id" in told
    assert "1. generic-ptp (shipped), match 1\n" in told
    assert "port 1-1.3: USB id" in told
    assert "1. generic-mtp (shipped), match 2\n" in told
    assert 'interface name "MTP"' in told
    document = json.loads(invoked("profile", "match", "--json", "--config", str(config)).output)
    (port,) = [each for each in document if each["port"] == "1-1.2"]
    assert [each["profile"] for each in port["candidates"]][-1] == "generic-ptp"
    assert {"profile": "jieli", "match": 1} in [
        {key: each[key] for key in ("profile", "match")} for each in port["misses"]
    ]


def test_match_tells_a_machine_too_what_was_left_out(
    bus: MemoryBus, config: Path, tmp_path: Path
) -> None:
    written(tmp_path / "own", "id = 4\n", "bad.toml")
    done = invoked("profile", "match", "--json", "--config", str(config))
    assert isinstance(json.loads(done.stdout), list)
    assert "left out: " in done.stderr
    assert "bad.toml:1: id:" in done.stderr


def test_a_device_that_cannot_be_asked_is_named_and_the_others_are_shown(
    bus: MemoryBus, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_any: object) -> None:
        raise RecorderBusy("port 1-1.1: this program may not open the recorder")

    monkeypatch.setattr(UsbBus, "open_control", refuse)
    bus.plug("1-1.1", PtpFace(Body(serial="S1"), quirks=Quirks(android=True)))
    bus.plug("1-1.2", PtpFace(Body(serial="S2")))
    done = CliRunner().invoke(cli, ["profile", "match", "--config", str(config)])
    assert done.exit_code == 0
    assert "this program may not open" in done.stderr
    assert "generic-ptp" in done.stdout


def test_an_empty_machine_is_said_to_be_empty(bus: MemoryBus, config: Path) -> None:
    assert "Nothing is plugged in.\n" in invoked("profile", "match", "--config", str(config)).output
    assert json.loads(invoked("profile", "match", "--json", "--config", str(config)).output) == []
