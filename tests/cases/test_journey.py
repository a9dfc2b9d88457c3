"""A clip on its whole way with real processes: case data before, during and after the offload."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from agent.cli.ask import ask
from agent.config import DockConfig, load
from agent.custody.envelopes import peek
from agent.custody.orders import Order
from agent.model import ClipId
from agent.spool.entry import Entry
from agent.spool.states import State
from agent.spool.view import LedgerView
from agent.wire.contract import Manifest, decode
from tests.campaign.evidence import Evidence
from tests.campaign.yard import Yard, until

MIB = 1024 * 1024
SECONDS = 60.0
ROSTER = "serial,officer,officer_name,unit,from,until\n{serial},{officer},{name},东城,1980-01-01,\n"


def entries(config: DockConfig) -> list[Entry]:
    with LedgerView(config.ledger) as ledger:
        return ledger.entries()


def start(yard: Yard, name: str) -> None:
    yard.start(name)
    assert until(lambda: yard.up(name), SECONDS)


def annotate(config: DockConfig, clip: ClipId, **what: Any) -> int:
    made = ask(config, Order("annotate", clip, "赵队", "补录", "", what))
    return int(made["version"])


def manifests(archive: Path) -> dict[str, Manifest]:
    with closing(sqlite3.connect(archive / "catalogue.db")) as catalogue:
        offers = catalogue.execute("SELECT manifest FROM clip").fetchall()
    told = [decode(Manifest, peek(offer.encode())) for (offer,) in offers]
    return {each.clip: each for each in told}


def all_are(config: DockConfig, state: State, number: int) -> bool:
    found = entries(config)
    return len(found) == number and all(each.state is state for each in found)


def test_case_data_before_during_and_after_and_an_officer_moves(tmp_path: Path, seed: int) -> None:
    roster = tmp_path / "assignments.csv"
    with Yard(tmp_path / "world") as yard:
        home = yard.record(1, [MIB, MIB], Random(seed))
        serial = (home / "recorder.toml").read_text("utf-8").split('serial = "')[1].split('"')[0]
        roster.write_text(ROSTER.format(serial=serial, officer="110101", name="张三"), "utf-8")
        path = yard.world.dock_config
        path.write_text(f'{path.read_text("utf-8")}\n[cases]\nassignments = "{roster}"\n', "utf-8")
        config, evidence = load(DockConfig, path), Evidence(yard)
        yard.plug(home, "1-1.1")
        start(yard, "dock")
        assert until(lambda: all_are(config, State.SPOOLED, 2), SECONDS)
        one, other = (each.clip for each in entries(config))
        # Before it is sent, while the dock runs.
        assert annotate(config, one, party="王某") == 2
        # While nothing runs.
        assert yard.stop("dock") == 0
        assert annotate(config, one, cause="违章停车") == 3
        ask(config, Order("hold", other, "赵队", "立案", "", {"reason": "evidence"}))
        # The officer is moved: only what is recorded and met later is the other one's.
        roster.write_text(ROSTER.format(serial=serial, officer="110102", name="李四"), "utf-8")
        start(yard, "archive")
        start(yard, "dock")
        assert until(lambda: all_are(config, State.RECEIPTED, 2), SECONDS)
        assert annotate(config, one, remark="已归档") == 4
        assert yard.stop("dock") == 0
        sent = manifests(evidence.archive)
    for clip in (one, other):
        case = sent[clip].case
        assert case is not None
        assert (case.officer, case.officer_name, case.unit) == ("110101", "张三", "东城")
        assert case.used_from
    case = sent[one].case
    assert case is not None
    assert (case.version, case.party, case.cause) == (3, "王某", "违章停车")
    assert [each.reason for each in sent[other].holds or []] == ["evidence"]
    retention = sent[one].retention
    assert retention is not None
    assert (retention.name, retention.months) == ("routine", 6)
    with LedgerView(config.ledger) as ledger:
        assert [each.case.officer for each in ledger.case_versions(one)] == ["110101"] * 4
