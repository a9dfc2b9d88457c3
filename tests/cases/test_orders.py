"""People's orders: through the door of a dock that runs, by the command's own hand otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.cli import ask as asking
from agent.cli.ask import ask
from agent.config import DockConfig, load
from agent.custody.orders import DOOR, Office, Order, order_of
from agent.custody.orders_table import HANDLERS
from agent.daemon import DockDaemon
from agent.errors import LedgerBroken, LedgerInUse, Malformed, UsageError, WrongState
from agent.link.knock import knock
from agent.log_entry import Kind
from agent.spool.view import LedgerView
from hwsim.ports.usb_memory import MemoryBus

from .books import clip_id, dock_file, ledger_in, seen

CLIP = clip_id(1)
MORE = '[broker]\nport = 1\n[spool]\nfloor = "1 MiB"\n'
ANNOTATE = Order("annotate", CLIP, "赵队", "补录", "", {"party": "王某"})


@pytest.fixture
def config(tmp_path: Path) -> DockConfig:
    with closing(ledger_in(tmp_path)) as ledger:
        seen(ledger)
    return load(DockConfig, dock_file(tmp_path, MORE))


@pytest.fixture
def daemon(config: DockConfig) -> Iterator[DockDaemon]:
    stop = threading.Event()
    made = DockDaemon(config, usb_backend=MemoryBus())
    running = threading.Thread(target=made.run, args=(stop,))
    running.start()
    yield made
    stop.set()
    running.join(20)
    assert not running.is_alive()
    assert not (config.dock.runtime / DOOR).exists()


def told(config: DockConfig) -> list[dict[str, Any]]:
    with LedgerView(config.ledger) as ledger:
        return [dict(each.what) for each in ledger.journal.of(CLIP) if each.who != "bodydock"]


def test_without_a_daemon_the_command_does_it(config: DockConfig) -> None:
    assert ask(config, ANNOTATE)["version"] == 2
    assert [each["via"] for each in told(config)] == [f"uid {os.getuid()}"]


@pytest.mark.usefixtures("daemon")
def test_with_a_daemon_it_goes_through_the_door(config: DockConfig) -> None:
    hold = ask(config, Order("hold", CLIP, "赵队", "", "", {"reason": "dispute"}))
    assert ask(config, ANNOTATE)["case"]["party"] == "王某"
    with pytest.raises(UsageError, match="approval is needed"):
        ask(config, Order("lift", CLIP, "钱局", "已结案"))
    with pytest.raises(WrongState, match="knows no clip"):
        ask(config, Order("lift", clip_id(9), "钱局", "已结案", "1", {"hold": 1}))
    lifted = ask(config, Order("lift", CLIP, "钱局", "已结案", "京2026-1"))
    assert (lifted["number"], lifted["stands"]) == (hold["number"], False)
    assert [each["via"] for each in told(config)] == [f"uid {os.getuid()}"] * 3
    with pytest.raises(UsageError, match="no retention class"):
        ask(config, Order("annotate", CLIP, "赵队", "立案", "1", {"retention": "没有"}))


def test_a_ledger_in_use_without_a_door_is_said(
    config: DockConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PAUSE_SECONDS", 0.001)
    with closing(ledger_in(config.dock.state)), pytest.raises(LedgerInUse, match="takes no orders"):
        ask(config, ANNOTATE)
    assert ask(config, ANNOTATE)["version"] == 2


def test_commands_beside_each_other_wait_for_each_other(config: DockConfig, tmp_path: Path) -> None:
    commands = [
        subprocess.Popen(
            [
                sys.executable, "-m", "agent.cli", "clip", "annotate", CLIP[:64],
                "--config", str(tmp_path / "dock.toml"),
                "--remark", str(number), "--why", "补录", "--by", "赵队",
            ],
            stdout=subprocess.DEVNULL,
        )
        for number in range(2)
    ]  # fmt: skip
    assert [each.wait(60) for each in commands] == [0, 0]
    assert len(told(config)) == 2


def test_where_no_dock_ever_ran_nothing_is_made(tmp_path: Path) -> None:
    config = load(DockConfig, dock_file(tmp_path))
    with pytest.raises(LedgerBroken, match="has the dock run here"):
        ask(config, ANNOTATE)
    assert not config.ledger.exists()


@pytest.mark.usefixtures("daemon")
def test_the_door_takes_orders_alone(config: DockConfig) -> None:
    door = config.dock.runtime / DOOR
    for request in (
        {"action": "annotate", "clip": CLIP, "who": "赵队", "why": "x", "via": "the king"},
        {"action": 5},
        {"action": "annotate", "what": []},
        {"action": "annotate", "who": "x" * 256},
    ):
        with pytest.raises(Malformed):
            knock(door, request)
    assert told(config) == []


WRONG = [
    Order("annotate", CLIP, "", "w", "", {"party": "x"}),
    Order("annotate", CLIP, "bodydock", "w", "", {"party": "x"}),
    Order("annotate", CLIP, " BodyDock ", "w", "", {"party": "x"}),
    Order("annotate", "ab", "a", "w", "", {"party": "x"}),
    Order("annotate", "", "a", "w", "", {"party": "x"}),
    Order("annotate", CLIP, "a" * 256, "w", "", {"party": "x"}),
    Order("annotate", CLIP, "a", "w" * 1025, "", {"party": "x"}),
    Order("annotate", CLIP, "a", "w"),
    Order("hold", CLIP, "a", "w"),
    Order("hold", CLIP, "a", "w", "", {"reason": "因为"}),
    Order("hold", CLIP, "a", "w", "", {"reason": 5}),
    Order("hold", CLIP, "a", "w", "", {"reason": "dispute", "until": "now"}),
    Order("lift", CLIP, "a", "w", "1", {"hold": "1"}),
    Order("lift", CLIP, "a", "w", "1", {"hold": True}),
    Order("frobnicate", CLIP, "a", "w"),
]


@pytest.mark.parametrize("order", WRONG, ids=range(len(WRONG)))
def test_what_is_no_order_is_refused_and_changes_nothing(tmp_path: Path, order: Order) -> None:
    with closing(ledger_in(tmp_path)) as ledger:
        seen(ledger)
        size = ledger.journal.size
        with pytest.raises(UsageError):
            Office(ledger, HANDLERS).carry_out(order)
        assert ledger.journal.size == size


def test_where_several_holds_stand_one_must_be_named(tmp_path: Path) -> None:
    with closing(ledger_in(tmp_path)) as ledger:
        office = Office(ledger, HANDLERS)
        clip = seen(ledger)
        lift = Order("lift", clip, "钱局", "已结案", "京2026-1")
        with pytest.raises(WrongState, match="no hold stands"):
            office.carry_out(lift)
        for reason in ("dispute", "other"):
            office.carry_out(Order("hold", clip, "赵队", "投诉", "", {"reason": reason}))
        with pytest.raises(UsageError, match=r"2 holds stand.*1, 2"):
            office.carry_out(lift)
        assert [each.note for each in ledger.holds(clip)] == ["投诉"] * 2, "the reason is its note"
        assert [each.kind for each in ledger.journal.of(clip)][-2:] == [Kind.HELD] * 2


def test_an_order_goes_through_json_and_back() -> None:
    order = Order("annotate", CLIP, "赵队", "补录", "1", {"party": "王某"}, via="uid 7")
    assert order_of(json.loads(json.dumps(order.document())), via="uid 7") == order
