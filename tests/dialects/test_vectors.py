"""Bytes that stand in public sources, against the shipped profiles. Each says whose it is.

Interpreter and simulator could be wrong together; these are the outside witness. Where a source is
code, the bytes were assembled by hand from it, and the vector says so.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import tests.wire.dialect
from agent.recorder.control.replies import Judge, Verdict
from agent.recorder.control.requests import Writer, moments
from agent.recorder.profiles.secret import Secret
from agent.wire.dialect.bulk_only import decode_status, encode_command, sense_key
from tests.dialects.families import ALL, control_of, profile_of

VECTORS = [
    json.loads(line)
    for line in (Path(tests.wire.dialect.__path__[0]) / "vectors.jsonl")
    .read_text("utf-8")
    .splitlines()
]


def of(*kinds: str) -> pytest.MarkDecorator:
    chosen = [one for one in VECTORS if one["what"] in kinds]
    return pytest.mark.parametrize(
        "vector", chosen, ids=[f"{one['what']}, {one['source']}" for one in chosen]
    )


@of("cbw", "csw", "sense")
def test_wrappers_of_others_mean_what_they_say(vector: dict[str, Any]) -> None:
    raw, meaning = bytes.fromhex(vector["hex"]), vector["meaning"]
    if vector["what"] == "cbw":
        command = bytes.fromhex(meaning["command"])
        made = encode_command(
            meaning["tag"], command, meaning["length"], to_host=meaning["to_host"]
        )
        assert made == raw
    elif vector["what"] == "csw":
        told = decode_status(raw, meaning["tag"], meaning["length"])
        assert (told.status, told.residue) == (meaning["status"], meaning["residue"])
    else:
        assert sense_key(raw) == meaning["key"]


@of("request")
def test_a_profile_makes_the_request(vector: dict[str, Any]) -> None:
    meaning = vector["meaning"]
    values: dict[str, Any] = dict(meaning["values"])
    if now := values.pop("now", None):
        values |= moments(datetime.fromisoformat(now))
    if "password" in values:
        values["password"] = Secret(values["password"])
    family = meaning["profile"]
    step = control_of(family).steps_of(meaning["function"])[meaning["step"]]
    made = Writer(control_of(family), profile_of(family).encoding).write(step, values, asked=False)
    assert made.command + made.message == bytes.fromhex(vector["hex"])


@of("reply")
def test_a_profile_reads_the_reply(vector: dict[str, Any]) -> None:
    meaning = vector["meaning"]
    family = meaning["profile"]
    judge = Judge(control_of(family), profile_of(family).encoding)
    step = control_of(family).steps_of(meaning["function"])[meaning["step"]]
    heard = judge.judge(step, bytes.fromhex(vector["hex"]))
    assert heard.verdict is Verdict[meaning["verdict"]]
    if heard.verdict is Verdict.OK:
        found = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in judge.values(step, heard).items()
        }
        assert found == meaning["values"]


def test_every_family_and_both_directions_have_a_witness() -> None:
    seen = {(one["what"], one["meaning"].get("profile")) for one in VECTORS}
    assert seen >= {(what, family) for what in ("request", "reply") for family in ALL}
    assert all(one["source"] for one in VECTORS)
