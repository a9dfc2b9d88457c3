"""Profiles are read strictly: what is wrong is said with its line, and harms nothing else."""

from __future__ import annotations

import logging
import os
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent
from agent.errors import ConfigError, NotPermitted
from agent.recorder.profiles.load import (
    MOST_FILES,
    PROFILE_LIMIT,
    load_profile,
    load_profiles,
    shipped_folder,
)
from agent.recorder.profiles.model import Firmware

from .texts import text, written

GOOD = text("acme", 'usb = "1209:0001"')
"""Nine lines, counting the empty one at its end."""


def refusal(folder: Path, content: str | bytes) -> str:
    with pytest.raises((ConfigError, NotPermitted)) as caught:
        load_profile(written(folder, content))
    return str(caught.value)


def test_a_small_profile_has_the_defaults_that_the_readme_says(tmp_path: Path) -> None:
    profile = load_profile(written(tmp_path, GOOD))
    assert (profile.id, profile.driver, profile.encoding) == ("acme", "volume", "utf-8")
    assert profile.control is None
    assert profile.thresholds.free == 2 * 2**30
    assert profile.clock.set == "operator"


@pytest.mark.parametrize(
    ("old", "new", "at", "reason"),
    [
        ('name = "acme"', "nam = 1", 1, "name: is missing"),
        ('name = "acme"', 'name = "acme"\nround = true', 3, "round: unknown key"),
        ('"acme"\nname', '"Acme One"\nname', 1, "id: a profile's id is"),
        ('"volume"', '"mounted"', 3, "driver: Input should be 'mtp', 'volume' or 'smp'"),
        ('"inferred"', '"sure"', 6, "source.certainty: Input should be"),
        ('"a test"', "7", 5, "source.facts: Input should be a valid string"),
        ("1209:0001", "1209:1", 8, 'match.0.usb: a USB id is four hex digits each, "4255:0001"'),
        ("1209:0001", "1209:ABCD", 8, "match.0.usb: a USB id is four hex digits"),
        ("usb =", "usbid =", 8, "match.0.usbid: unknown key"),
    ],
)
def test_a_fault_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, at: int, reason: str
) -> None:
    assert old in GOOD
    said = refusal(tmp_path, GOOD.replace(old, new, 1))
    assert f"one.toml:{at}: {reason}" in said


TAKES_PASSWORD = """
[control]
transport = "serial"
never = ["<any>MKFS<rest>"]
[control.frame]
kind = "lines"
[control.replies]
ok = ["OK"]
[[control.probe]]
send = "AT<cr>"
[[control.login]]
send = "PASS <password><cr>"
[[control.identity]]
send = "WHO<cr>"
ok = ["<serial>"]
[[control.disk]]
send = "DISK<cr>"
"""


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('[names]\npattern = "x"', "names: Input should be a valid list"),
        ('[[names]]\npattern = "("', 'names.0.pattern: no regular expression: a "(" is not closed'),
        ('[[names]]\npattern = "(?P<device>(a+)+)b"', "a group cannot be repeated"),
        ('[[names]]\npattern = "(?P<device>.*).*.*x"', "can fit in too many ways"),
        ('[[names]]\npattern = "(?P<who>.)"', "unknown groups in pattern: who"),
        ('[[names]]\npattern = "x"', "the pattern has no group"),
        ("[[names]]\npattern = '(?P<date>\\d{8})'", "a moment needs both date and time"),
        ('[[names]]\npattern = "(?P<device>.)"\ndate = "%d %B"', "a date is written with %Y"),
        ('[[names]]\npattern = "(?P<device>.)"\ndate = "%m%d"', "a date needs %Y or %y, %m, %d"),
        ('[[names]]\npattern = "(?P<device>.)"\ntime = "%H%M%Z"', "a time is written with"),
        ('[identity]\nserial = ["mac-address"]', 'one of "usb-serial", "volume-label"'),
        ('[clips]\nfolders = ["DCIM\\\\100MEDIA"]', 'named from the card\'s root with "/"'),
        ('[clips]\nfolders = ["DCIM/../REC"]', 'named from the card\'s root with "/"'),
        (TAKES_PASSWORD, "sends or compares a <password>, and there is no [password]"),
        ('[clips]\nonly = ["a", 7]', "clips.only.1: Input should be a valid string"),
        ('[thresholds]\nfree = "2 GB"', "thresholds.free: a size is a text"),
        ("[thresholds]\nbattery_percent = 101", "less than or equal to 100"),
        ("[clock]\ndrift_seconds_per_day = nan", "clock.drift_seconds_per_day: Input should be"),
        ('[clock]\ndrift_seconds_per_day = "3"', "clock.drift_seconds_per_day: Input should be"),
        ('zone = "Nowhere/Land"', "unknown key"),
        ('[password]\nname = "../../etc/shadow"', "a password's name is"),
        ('[password]\ndefault = ""', "a password is a text that is not empty"),
        ('[smp]\nlist_file = "/x"', '[smp] is for driver = "smp"'),
        ("[serial]\nbaud = 9600", "[serial] is for what speaks over a serial line"),
        ('[firmware]\noldest = "new"', "a version has a number in it"),
        ('[[match]]\nserial_port = "ttyACM*"', "says nothing of what answers there: add probe"),
        ("[[match]]\ntcp = true", "says nothing of what answers there: add probe"),
        ('[[match]]\nserial_port = "ttyS0\\" MODE"', 'a serial port is named like "ttyACM*"'),
        ("[[match]]\nprobe = true", "this fits too much"),
        ('[[match]]\ndevice_class = "00/00/00"', "this fits too much"),
        ('[[match]]\ninterface = "03/01/01"', "this fits too much"),
        ('[[match]]\ninterface = "*/01/01"', "this fits too much"),
        ('[[match]]\ninterface = "ff/*/*"', "this fits too much"),
        ('[[match]]\nvolume_label = "CAM"', "this fits too much"),
        ('[[match]]\nusb = "1209:0001"\ninterface_name = "MTP"', "are those of an interface"),
        ('[[match]]\ninterface = "6/1/1"', "class, subclass and protocol are hex numbers"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(tmp_path: Path, lines: str, reason: str) -> None:
    said = refusal(tmp_path, GOOD + lines)
    assert reason in said
    assert said.startswith(f"{tmp_path}/one.toml:")


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, GOOD.replace("volume", "x") + "[clock]\nset = 1\n[quirks]\nodd = 1\n")
    assert [line.split(": ")[1] for line in said.splitlines()] == [
        "driver",
        "clock.set",
        "quirks.odd",
    ]


def test_what_is_no_profile_at_all(tmp_path: Path) -> None:
    assert "one.toml:1: " in refusal(tmp_path, "id = 1 2")
    assert "not UTF-8 text at byte 0" in refusal(tmp_path, b"\xff\xfe")
    assert "nested too deeply" in refusal(tmp_path, "a = " + "[" * 100_000)
    assert "integer string conversion" in refusal(tmp_path, "a = " + "1" * 5000)
    assert f"longer than {PROFILE_LIMIT} bytes" in refusal(tmp_path, b"#" * (PROFILE_LIMIT + 1))
    with pytest.raises(ConfigError, match="directory"):
        load_profile(tmp_path)


def test_a_pipe_is_no_profile_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(ConfigError, match="no regular file"):
        load_profile(tmp_path / "pipe.toml")


@given(st.binary(max_size=300))
def test_any_bytes_load_or_are_refused(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), GOOD.encode() + raw)
        try:
            said = load_profile(path).id
        except ConfigError as error:
            said = str(error)
        assert said == "acme" or str(path) in said


def test_the_docks_own_come_first_and_stand_in_for_shipped_ones(tmp_path: Path) -> None:
    shipped, local = tmp_path / "shipped", tmp_path / "local"
    for name in ("a", "b"):
        written(shipped, text(name, 'usb = "1209:0001"'), f"{name}.toml")
    written(local, text("b", 'usb = "1209:0002"'), "mine.toml")
    written(local, text("z", 'usb = "1209:0003"'), "z.toml")
    written(local, "no profile", "notes.txt")
    profiles = load_profiles(shipped, local)
    assert [(one.profile.id, one.local) for one in profiles] == [
        ("b", True),
        ("z", True),
        ("a", False),
    ]
    assert profiles.faults == ()
    b = profiles.get("b")
    assert b is not None
    assert b.match[0].usb == "1209:0002"
    assert profiles.get("nobody") is None


def test_one_bad_file_is_reported_and_the_others_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path, GOOD, "good.toml")
    written(tmp_path, GOOD, "twin.toml")
    written(tmp_path, "driver = 1\n", "bad.toml")
    written(tmp_path, b"\xff", "noise.toml")
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    with caplog.at_level(logging.ERROR):
        profiles = load_profiles(None, tmp_path)
    assert [one.profile.id for one in profiles] == ["acme"]
    told = "\n".join(profiles.faults)
    assert "bad.toml:1: driver: Input should be" in told
    for part in ("noise.toml: is not", "pipe.toml: is no", "folder.toml: Is a", "twin.toml: id: "):
        assert part in told
    assert [record.getMessage() for record in caplog.records] == list(profiles.faults)


def test_no_folder_of_its_own_is_no_fault_but_no_shipped_profiles_is(tmp_path: Path) -> None:
    assert load_profiles(None, tmp_path / "nowhere").faults == ()
    (fault,) = load_profiles(tmp_path / "nowhere", tmp_path / "nowhere").faults
    assert "not installed as it should be" in fault
    (fault,) = load_profiles(None, written(tmp_path, "", "file")).faults
    assert "Not a directory" in fault


def test_a_folder_of_very_many_files_takes_no_time(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 5):
        written(tmp_path, "", f"{number}.toml")
    faults = load_profiles(None, tmp_path).faults
    assert "more than 500 profiles" in faults[0]
    assert len({fault.partition(":")[0] for fault in faults}) == MOST_FILES + 1


def test_shipped_profiles_are_found_in_a_checkout_and_in_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(agent.__file__).parent.parent
    assert shipped_folder() == root / "firmware_profiles"
    wheel = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    included = wheel["targets"]["wheel"]["force-include"]
    assert included == {"firmware_profiles": "agent/firmware_profiles"}
    monkeypatch.setattr(agent, "__file__", str(tmp_path / "agent" / "__init__.py"))
    (tmp_path / "agent" / "firmware_profiles").mkdir(parents=True)
    assert shipped_folder() == tmp_path / included["firmware_profiles"]


@pytest.mark.parametrize(
    ("oldest", "newest", "version", "covered"),
    [
        ("", "", "", True),
        ("", "", "anything", True),
        ("1.2", "", "V1.10b", True),
        ("1.2", "", "1.1.9", False),
        ("", "1.2", "1.2.9", True),
        ("", "1.2", "1.3", False),
        ("1.2", "2", "2.7", True),
        ("1.2", "", "", False),
        ("", "1.2", "no number", False),
        ("1", "", "9" * 5000, True),
    ],
)
def test_firmware_is_compared_number_by_number(
    oldest: str, newest: str, version: str, covered: bool
) -> None:
    assert Firmware(oldest=oldest, newest=newest).covers(version) is covered
