"""A dangerous command cannot be expressed: not by accident, by a value or by a new profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.errors import RecorderError, RecorderRefused
from agent.recorder.control.dialect import Wearer
from agent.recorder.control.requests import Writer, moments
from agent.recorder.profiles.dialect import FUNCTIONS, Control, Step
from agent.recorder.profiles.secret import Secret
from hwsim.faces.zfy import Function
from tests.dialects.families import ALL, control_of, docked, profile_of

NOW = datetime(2026, 8, 4, 2, 0, tzinfo=UTC)
DANGEROUS = re.compile(
    rb"MKFS|FORMAT|LOGEXPORT|CPWD|CLCK|AT&F|ATZ|superPwd|adminPwd|userPwd|E12CMDD|E12CMDN3"
    rb"|E12CMDS01[123]|UDISKAUTHEN=|\xa1\xb2\xc3\xd4\x00\xe1\x00[\xa1\xa2]"
    rb"|\xa1\xb2\xc3\xd4\x00\xe2|^\xfb\x82\x00{3}[\x09\x0a\x0b]|^[\x04\x0a\x15\x19\x2a\x55]",
    re.IGNORECASE,
)
"""Formatting, passwords, settings, recording, reboot: in no request of any profile."""

WEARER = {
    "serial": "1234567",
    "officer_number": "000001",
    "officer": "张三",
    "unit_number": "110000",
    "unit": "一大队",
}
VALUES: dict[str, Any] = {"user": "admin", "password": Secret("123456"), **WEARER, **moments(NOW)}


def writer_of(family: str) -> Writer:
    return Writer(control_of(family), profile_of(family).encoding)


def requests_of(family: str) -> Iterator[tuple[str, bytes]]:
    """Every request that the profile can make, with its function."""
    writer, control = writer_of(family), control_of(family)
    for function in FUNCTIONS:
        for step in control.steps_of(function):
            made = writer.write(step, VALUES, asked=function == "write_identity")
            yield function, made.command + made.message


@pytest.mark.parametrize("family", ALL)
def test_no_profile_lists_a_dangerous_request(family: str) -> None:
    made = list(requests_of(family))
    assert made
    for function, request in made:
        assert not DANGEROUS.search(request), function


@pytest.mark.parametrize("family", ALL)
def test_every_profile_names_what_must_never_be_sent(family: str) -> None:
    assert control_of(family).never


BAD_STEPS: dict[str, list[dict[str, str]]] = {
    "ambarella-a": [
        {"send": "hex:a1b2c3d400 e1 00 a1 00 <password:6>"},
        {"send": "hex:a1b2c3d400 e1 00 a2 00 <password:6>"},
        {"send": "hex:a1b2c3d400 e2 00 30 00 <zeros:32>"},
        {"send": "hex:a1b2c3d400 e1 00 31 00 <zeros:100>"},
    ],
    "ambarella-b": [{"send": "@Fmt;8;<password>;#"}, {"send": "@Ver;8;0;#@Format;1;1;#"}],
    "bc-plus": [
        {"send": "BC+MKFS=1\r\n"},
        {"send": "bc+mkfs=1\r\n"},
        {"send": "BC+LOGEXPORT\r\n"},
        {"send": "BC+BATVAL?\r\nBC+MKFS=1\r\n"},
        {"send": "BC+GBCFG=1,2,3,4,5\r\n"},
    ],
    "jieli": [
        {"cdb": "hex:fb 82 0000000a 0010 <zeros:8>", "send": "hex:<password:16>"},
        {"cdb": "hex:fb 82 00000009 0010 <zeros:8>"},
        {"cdb": "hex:fb 82 0000000b 0010 <zeros:8>"},
        {"cdb": "hex:fb 82 00000004 0059 <zeros:8>"},
        {"cdb": "hex:04 00 00 00 00 00"},
        {"cdb": "hex:2a 00 00000000 00 0001 00", "send": "hex:<zeros:512>"},
        {"cdb": "hex:19 00 00 00 00 00"},
    ],
    "android-e12": [
        {"send": "E12CMDS012"},
        {"send": "E12CMDS005"},
        {"send": "E12CMDD001"},
        {"send": "E12CMDN300"},
    ],
    "android-zzx": [
        {"send": '{"header":{"version":"1.0","device":"PC","id":"17"},"body":{}}<crlf>'},
        {"send": '{"header":{"version":"1.0","device":"PC","id":"4"},"body":{}}<crlf>'},
        {"send": '{"header":{"version":"1.0","device":"PC","id":"15"},"body":{}}<crlf>'},
    ],
    "at-serial": [
        {"send": "AT+MKFS<cr>"},
        {"send": "AT;&F<cr>"},
        {"send": 'AT+CPWD="SC","1","2"<cr>'},
    ],
}


@pytest.mark.parametrize("family", ALL)
def test_what_is_forbidden_is_not_sent_even_if_a_step_says_so(family: str) -> None:
    for said in BAD_STEPS[family]:
        step = Step.model_validate({**said, "ok": ["OK"]})
        with pytest.raises(RecorderRefused, match="forbids"):
            writer_of(family).write(step, VALUES, asked=False)


INJECTIONS = [
    "1;#@ATH;8;12345678;#",
    "123456\r\nBC+MKFS=1",
    '1"\rAT+UDISKEN=1\r',
    '"},"header":{"id":"17"},"x":{"y":"',
    "1,2,3,4,5,6",
    "a\0b",
    "\x1b[2J",
    "\u202eabc",
    "BC+MKFS=1",
]


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("family", ALL)
def test_a_password_cannot_carry_a_command(family: str, value: str) -> None:
    with docked(family, password=value) as dock:
        with pytest.raises(RecorderRefused) as refused:
            dock.open()
        assert value not in str(refused.value)
        assert dock.face.dangers == []
        assert dock.face.asked[Function.BECOME_DISK] == 0


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("field", list(WEARER))
def test_a_name_cannot_carry_a_command(field: str, value: str) -> None:
    with docked("bc-plus") as dock:
        session = dock.open()
        with pytest.raises(RecorderRefused):
            session.write_identity(Wearer(**{**WEARER, field: value}))
        assert dock.face.asked[Function.WRITE_IDENTITY] == 0
        assert dock.face.dangers == []


@given(st.text(max_size=40))
def test_whatever_the_name_one_request_stays_one_request(name: str) -> None:
    values = {**VALUES, "officer": name}
    for family, ends in (("bc-plus", b"\r\n"), ("android-zzx", b"\r\n")):
        (step,) = control_of(family).write_identity
        try:
            made = writer_of(family).write(step, values, asked=True).message
        except RecorderError:
            continue
        assert made.count(ends) == 1
        assert made.endswith(ends)
        assert b"\n" not in made[:-2]
        assert b"\r" not in made[:-2]


def test_too_long_a_password_is_not_cut() -> None:
    (step,) = control_of("ambarella-a").login
    values = {**VALUES, "password": Secret("1234567")}
    with pytest.raises(RecorderRefused) as refused:
        writer_of("ambarella-a").write(step, values, asked=False)
    assert "1234567" not in str(refused.value)


# The schema.


def raw(**changes: Any) -> dict[str, Any]:
    step = {"send": "A\r\n", "ok": ["OK"]}
    return {
        "transport": "serial",
        "never": ["<any>FORMAT<rest>"],
        "probe": [step],
        "disk": [step],
        **changes,
    }


def test_the_smallest_dialect_is_taken() -> None:
    assert Control.model_validate(raw()).steps_of("login") == []


MOMENT = {"name": "time", "kind": "moment"}


@pytest.mark.parametrize(
    "changes",
    [
        {"format": [{"send": "FORMAT\r\n", "ok": ["OK"]}]},
        {"set_password": [{"send": "PWD\r\n", "ok": ["OK"]}]},
        {"never": []},
        {"probe": []},
        {"disk": []},
        {"transport": "usb-control"},
        {"transport": "telepathy"},
        {"disk": [{"send": "A\r\n"}]},
        {"disk": [{"send": "", "ok": ["OK"]}]},
        {"disk": [{"send": "A <year:be2>", "ok": ["OK"]}]},
        {"probe": [{"send": "A <password>", "ok": ["OK"]}]},
        {"identity": [{"send": "A <serial>", "ok": ["OK"]}]},
        {"disk": [{"send": "A <nonsense>", "ok": ["OK"]}]},
        {"disk": [{"send": "hex:0g", "ok": ["OK"]}]},
        {"disk": [{"send": "é", "ok": ["OK"]}]},
        {"disk": [{"send": "A", "ok": ["<a><b>"]}]},
        {"disk": [{"send": "A", "ok": ["<any><rest>"]}]},
        {"disk": [{"send": "A", "ok": ["<secret>"]}]},
        {"disk": [{"send": "A", "cdb": "hex:00", "ok": ["OK"]}]},
        {"battery": [{"send": "A", "ok": ["OK"], "fields": [{"name": "battery"}]}]},
        {"battery": [{"send": "A", "ok": ["OK"], "fields": [{"name": "battery", "at": 0}]}]},
        {
            "clock": [
                {"send": "A", "ok": ["<time>"], "fields": [{"name": "time", "kind": "moment"}]}
            ]
        },
        {"identity": [{"send": "A", "ok": ["<password>"]}]},
        {"seconds": 0},
        {"seconds": 3600},
        {"busy_tries": 1000},
        {"frame": {"kind": "lines", "limit": 10**9}},
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Control.model_validate(raw(**changes))
