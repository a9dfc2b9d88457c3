"""`[[bay]]`: which physical places are bays, and what is special about each."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import DockConfig, load

from .test_config import GOOD, refusal, written


def bay(name: str, port: str, *lines: str) -> str:
    return "\n".join(["[[bay]]", f'name = "{name}"', f'port = "{port}"', *lines, ""])


def test_bays_are_usb_ports_and_the_machines_own_serial_ports(tmp_path: Path) -> None:
    text = GOOD + (
        bay("1", "1-1.4.2", 'address = "192.168.42.129:5000"')
        + bay("2", "2-1", "priority = true")
        + bay("desk", "serial:ttyAMA0")
    )
    config = load(DockConfig, written(tmp_path, text))
    assert [each.port for each in config.bay] == ["1-1.4.2", "2-1", "serial:ttyAMA0"]
    assert [each.priority for each in config.bay] == [False, True, False]
    assert config.serial_ports == ["serial:ttyAMA0"]
    assert config.addresses == {"1-1.4.2": "192.168.42.129:5000"}


@pytest.mark.parametrize(
    "port",
    [
        "ttyAMA0",
        "serial:ttyUSB0",  # names of USB adapters change: their bay is the USB port
        "serial:ttyACM3",
        "serial:../../etc/passwd",
        "serial:tty/x0",
        "serial:tty1",
        "serial:",
        "1-",
        "usb1",
        "1-1.1.1.1.1.1.1.1",
        "1-1\n",
        "１-１",
    ],
)
def test_a_port_is_one_of_these(tmp_path: Path, port: str) -> None:
    said = refusal(tmp_path, GOOD + bay("1", port.replace("\n", "\\n")))
    assert 'such as "1-1.3"' in said
    assert '"serial:ttyAMA0"' in said


@pytest.mark.parametrize(
    "address", ["192.168.1.1", ":80", "host:port", "a b:80", "h:123456", "h:0", "h:65536", ""]
)
def test_an_address_is_a_host_and_a_port(tmp_path: Path, address: str) -> None:
    said = refusal(tmp_path, GOOD + bay("1", "1-1", f'address = "{address}"'))
    assert "bay.0.address: an address is a host and a TCP port" in said


def test_only_one_bay_has_priority(tmp_path: Path) -> None:
    text = GOOD + bay("1", "1-1", "priority = true") + bay("2", "1-2", "priority = true")
    assert "only one bay can have priority, not 1 and 2" in refusal(tmp_path, text)


@pytest.mark.parametrize(("given", "parallel"), [("", 4), ("[recorders]\nparallel = 1\n", 1)])
def test_how_many_pull_at_once(tmp_path: Path, given: str, parallel: int) -> None:
    assert load(DockConfig, written(tmp_path, GOOD + given)).recorders.parallel == parallel


def test_none_at_once_is_refused(tmp_path: Path) -> None:
    assert "recorders.parallel" in refusal(tmp_path, GOOD + "[recorders]\nparallel = 0\n")
