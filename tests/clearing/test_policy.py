"""Which policy is in force, who may make one, and that none ever comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.config import Clearing
from agent.custody.envelopes import seal
from agent.custody.keys import SecretKey
from agent.custody.orders import Office, Order
from agent.custody.policies import sign, take_on, taking
from agent.errors import Malformed, Untrusted, UsageError, WrongState
from agent.offload.clearing.policy import effective
from agent.offload.clearing.rule import Limits
from agent.wire.contract import RECEIPT_TYPE
from agent.wire.evidence import Policy
from tests.spool.places import Place

from .docks import ON, ClearingDock, Erasable

ARCHIVE, OTHER = (SecretKey(Ed25519PrivateKey.generate()) for _ in range(2))
FLEET, MINE = Clearing(mode="fleet"), Clearing(mode="on", grace_hours=1.0, early_below=7)


def policy(serial: int, *, clearing: bool = True) -> Policy:
    return Policy(
        serial=serial,
        issued_at="2026-08-04T02:00:00.000Z",
        by="Chief",
        approval="A-1",
        clearing=clearing,
        grace_hours=48.0,
        early_below=20,
    )


def text(serial: int, *, clearing: bool = True) -> str:
    return sign(policy(serial, clearing=clearing), ARCHIVE).decode()


@pytest.mark.parametrize(
    ("config", "envelope", "limits"),
    [
        (Clearing(), None, Limits()),
        (FLEET, None, Limits()),
        (FLEET, text(1), Limits(True, 48 * 3600, 20)),
        (FLEET, text(1, clearing=False), Limits(False, 48 * 3600, 20)),
        (FLEET, "no envelope", Limits()),
        (MINE, None, Limits(True, 3600, 7)),
        (MINE, text(1, clearing=False), Limits(True, 3600, 7)),
        (Clearing(mode="off"), text(1), Limits()),
        (Clearing(mode="off", grace_hours=0), None, Limits()),
    ],
)
def test_what_is_in_force(config: Clearing, envelope: str | None, limits: Limits) -> None:
    assert effective(config, envelope) == limits


def test_only_a_newer_one_by_a_pinned_key_is_taken_on(tmp_path: Path) -> None:
    place = Place(tmp_path)
    pinned = [ARCHIVE.public]
    take_on(place.ledger, text(5).encode(), pinned, "Sergeant")
    for serial in (5, 4):
        with pytest.raises(WrongState, match="not newer"):
            take_on(place.ledger, text(serial, clearing=False).encode(), pinned, "Sergeant")
    with pytest.raises(Untrusted, match="no pinned key"):
        take_on(place.ledger, sign(policy(6), OTHER), pinned, "Sergeant")
    with pytest.raises(Malformed):
        take_on(place.ledger, seal(RECEIPT_TYPE, policy(6).encode(), ARCHIVE), pinned, "x")
    assert place.ledger.newest_policy() == text(5) or effective(
        FLEET, place.ledger.newest_policy()
    ) == Limits(True, 48 * 3600, 20)
    [entry] = [json.loads(line) for line in place.ledger.journal.lines() if '"policy"' in line]
    assert entry["who"] == "Sergeant"
    assert entry["what"] == {
        "serial": 5,
        "by": "Chief",
        "approval": "A-1",
        "issued_at": "2026-08-04T02:00:00.000Z",
        "clearing": True,
        "grace_hours": 48.0,
        "early_below": 20,
    }
    take_on(place.ledger, text(6, clearing=False).encode(), pinned, "Sergeant")
    assert effective(FLEET, place.ledger.newest_policy()).clearing is False
    place.restart()
    assert effective(FLEET, place.ledger.newest_policy()).clearing is False


def test_an_order_takes_one_on(tmp_path: Path) -> None:
    place = Place(tmp_path)
    office = Office(place.ledger, {"policy": taking([ARCHIVE.public])})
    done = office.carry_out(Order("policy", who="Sergeant", what={"envelope": text(9)}))
    assert (done["serial"], done["clearing"]) == (9, True)
    for what in ({}, {"envelope": 7}):
        with pytest.raises(UsageError, match="no policy"):
            office.carry_out(Order("policy", who="Sergeant", what=what))
    forged = sign(policy(10), OTHER).decode()
    with pytest.raises(Untrusted):
        office.carry_out(Order("policy", who="Sergeant", what={"envelope": forged}))


def bodydock(*arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "agent.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_from_the_archive_to_the_dock_by_hand(tmp_path: Path) -> None:
    archive, dock, file = tmp_path / "archive.toml", tmp_path / "dock.toml", tmp_path / "policy"
    archive.write_text(f'[archive]\nid = "a"\nreceiver = "r"\nroot = "{tmp_path}/store"\n', "utf-8")
    key = json.loads(bodydock("archive", "key", "--config", str(archive), "--json"))["key"]
    docking = ClearingDock(tmp_path / "state", ON)
    recorder = Erasable({"A.MP4": b"1"})
    docking.pull(recorder)
    docking.place.close()
    dock.write_text(
        f'[dock]\nid = "d"\nstate = "{tmp_path}/state"\nruntime = "{tmp_path}/run"\n'
        f'[archive]\nkeys = ["{key}"]\n',
        "utf-8",
    )
    words = bodydock("clear", "--config", str(dock), "--dry-run")
    assert "clearing is off" in words
    signing = ("archive", "policy", "--config", str(archive), "--clearing", "on", "--by", "Chief")
    more = ("--approval", "A-1", "--output", str(file))
    bodydock(*signing, *more)
    assert "there already" in bodydock(*signing, *more, code=2)
    taking_on = ("policy", str(file), "--config", str(dock), "--by", "Sergeant")
    assert "clearing on" in bodydock(*taking_on)
    assert "not newer" in bodydock(*taking_on, code=1)
    assert "clearing is on, grace 72 h" in bodydock("clear", "--config", str(dock), "--dry-run")
    document = json.loads(bodydock("clear", "--config", str(dock), "--dry-run", "--json"))
    [clip] = document["clips"]
    reasons = {each["reason"] for each in clip["reasons"]}
    assert (clip["may_go"], clip["stage"]) == (False, "spooled")
    assert reasons == {"no_receipt", "no_copy", "grace", "no_proof"}
    assert "by the daemon alone" in bodydock("clear", "--config", str(dock), code=2)
    assert bodydock("clear", "--config", str(dock), "--dry-run", "--recorder", "S9", "--json")
