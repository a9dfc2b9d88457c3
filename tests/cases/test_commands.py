"""Signed commands: from whom, for which dock, until when, once; and what is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.clock import to_text
from agent.config import DockConfig, load
from agent.custody.envelopes import seal, unseal
from agent.custody.keys import SecretKey, public_key
from agent.custody.orders import Office
from agent.custody.orders_table import HANDLERS
from agent.daemon import DockDaemon
from agent.errors import BodydockError, Malformed, SpoolFull, Untrusted
from agent.link.mqtt import Arrived, BrokerSettings, Connected, MqttLink
from agent.log_entry import Kind
from agent.spool.ledger import Ledger
from agent.uplink.commands import ANSWERS_KEPT, Commands, commands_for
from agent.wire.contract import decode, down, up
from agent.wire.evidence import COMMAND_TYPE, RESULT_TYPE, Command, Result
from hwsim.broker import start_broker
from hwsim.ports.usb_memory import MemoryBus
from tests.spool.places import HandClock

from .books import clip_id, dock_file, ledger_in, seen

CLIP = clip_id(1)


def order(number: str = "order-0001", **more: Any) -> Command:
    parts: dict[str, Any] = {
        "id": number,
        "dock": "d1",
        "action": "hold",
        "clip": CLIP,
        "who": "赵队",
        "why": "立案",
        "what": {"reason": "evidence"},
    }
    return Command(**{**parts, **more})


class Desk:
    """A ledger with one clip, and whoever takes commands for it."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.ledger: Ledger = ledger_in(folder, self.clock)
        seen(self.ledger)
        self.key = SecretKey.load_or_make(folder / "dock.pem")
        self.archive = SecretKey.load_or_make(folder / "archive.pem")
        self.case_system = SecretKey.load_or_make(folder / "case.pem")
        keys = f'[cases]\nkeys = ["{self.case_system.public.text}"]\n'
        config = load(DockConfig, dock_file(folder, keys))
        archive = config.archive.model_copy(update={"keys": [self.archive.public.text]})
        config = config.model_copy(update={"archive": archive})
        self.office = Office(self.ledger, HANDLERS)
        self.commands: Commands = commands_for(
            config, [self.archive.public], self.ledger, self.office, self.key, self.clock
        )

    def say(self, command: Command, by: SecretKey | None = None) -> str:
        envelope = seal(COMMAND_TYPE, command.encode(), by or self.archive)
        return self.commands.on_message("command", envelope)

    def answers(self) -> list[Result]:
        sent: list[Result] = []

        def post(topic: str, payload: bytes, *, retain: bool = False) -> bool:
            assert (topic, retain) == (up("d1", "result"), False)
            sent.append(decode(Result, unseal(RESULT_TYPE, payload, [self.key.public])))
            return True

        self.commands.tick(0.0, post)
        return sent

    def orders(self) -> list[dict[str, Any]]:
        lines = self.ledger.journal.of(CLIP)
        return [dict(each.what) for each in lines if each.kind is Kind.ORDER]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with closing(made.ledger):
        yield made


@pytest.mark.parametrize("signer", ["archive", "case_system"])
def test_a_command_is_carried_out_entered_and_answered(desk: Desk, signer: str) -> None:
    key = getattr(desk, signer)
    assert desk.say(order(), key) == ""
    (hold,) = desk.ledger.holds(CLIP)
    assert (hold.who, hold.note) == ("赵队", "立案")
    held = desk.ledger.journal.of(CLIP)[-2]
    assert held.what["via"] == f"order order-0001 by key {key.public.name}"
    (entry,) = desk.orders()
    assert (entry["order"], entry["done"], entry["key"]) == ("order-0001", True, key.public.name)
    (answer,) = desk.answers()
    assert (answer.id, answer.dock, answer.done) == ("order-0001", "d1", True)
    assert '"reason":"evidence"' in answer.words
    assert desk.answers() == []


def test_what_comes_again_is_answered_and_not_done_again(desk: Desk) -> None:
    desk.say(order())
    (first,) = desk.answers()
    size = desk.ledger.journal.size
    for signer in (desk.archive, desk.case_system):
        desk.say(order(), signer)
        assert desk.answers() == [first]
    desk.clock.advance(1e7)
    desk.say(order())
    assert desk.answers() == [first]
    assert desk.ledger.journal.size == size
    assert len(desk.ledger.holds(CLIP)) == 1


def test_an_id_stands_for_one_order(desk: Desk) -> None:
    desk.say(order())
    desk.answers()
    assert "had this id before" in desk.say(order(who="钱局"))
    (answer,) = desk.answers()
    assert not answer.done
    assert len(desk.ledger.holds(CLIP)) == 1


def test_a_refusal_is_kept_too(desk: Desk) -> None:
    wrong = order(action="lift", what={"hold": 7}, approval="京2026-1")
    for _ in range(2):
        desk.say(wrong)
        (answer,) = desk.answers()
        assert (answer.done, answer.words) == (False, f"no hold 7 stands on clip {CLIP[:12]}")
    assert [(each["done"], each["words"]) for each in desk.orders()] == [(False, answer.words)]


def test_an_order_past_its_time_is_refused(desk: Desk) -> None:
    now = desk.clock.now()
    desk.say(order("order-good", not_after=to_text(now + timedelta(seconds=1))))
    desk.say(order("order-late", not_after=to_text(now - timedelta(seconds=1))))
    desk.say(order("order-none", not_after="tomorrow"))
    assert [each.done for each in desk.answers()] == [True, False, False]
    assert len(desk.ledger.holds(CLIP)) == 1


def test_strangers_and_other_docks_orders_leave_no_trace(desk: Desk, tmp_path: Path) -> None:
    size = desk.ledger.journal.size
    stranger = SecretKey.load_or_make(tmp_path / "stranger.pem")
    for signer in (stranger, desk.key):
        with pytest.raises(Untrusted):
            desk.say(order(), signer)
    assert "for dock d2" in desk.say(order(dock="d2"))
    with pytest.raises(Malformed):
        desk.commands.on_message("command", seal(RESULT_TYPE, order().encode(), desk.archive))
    with pytest.raises(Malformed):
        desk.commands.on_message("command", seal(COMMAND_TYPE, b'{"v":1}', desk.archive))
    assert desk.answers() == []
    assert desk.ledger.journal.size == size


def test_altered_envelopes_are_never_taken(desk: Desk, seed: int) -> None:
    random = Random(seed)
    envelope = seal(COMMAND_TYPE, order().encode(), desk.archive)
    size = desk.ledger.journal.size
    taken = 0
    for _ in range(300):
        altered = bytearray(envelope)
        at = random.randrange(len(altered))
        altered[at] ^= 1 << random.randrange(8)
        try:
            taken += desk.commands.on_message("command", bytes(altered)) == ""
        except BodydockError:
            continue
    # A bit of the key id, which is a hint and not signed, or of base64's padding changes nothing.
    assert len(desk.ledger.holds(CLIP)) == min(taken, 1), f"seed {seed}"
    assert desk.ledger.journal.size == size + 2 * min(taken, 1)


def test_where_there_is_no_room_nothing_is_kept_and_it_may_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(desk.office, "carry_out", _full)
        desk.commands._carry_out = desk.office.carry_out
        with pytest.raises(SpoolFull):
            desk.say(order())
    assert desk.ledger.errand("order-0001") is None
    desk.commands._carry_out = desk.office.carry_out
    desk.say(order())
    assert [each.done for each in desk.answers()] == [True]


def _full(_order: object) -> dict[str, Any]:
    raise SpoolFull("no room")


def test_answers_wait_for_the_link_and_only_so_many(desk: Desk) -> None:
    for number in range(ANSWERS_KEPT + 5):
        desk.say(order(f"order-{number:04}", action="annotate", what={"remark": str(number)}))
    desk.commands.tick(0.0, lambda *_a, **_k: False)
    assert desk.commands.next_moment(7.0) == 7.0
    assert len(desk.answers()) == ANSWERS_KEPT
    assert len(desk.ledger.case_versions(CLIP)) == ANSWERS_KEPT + 6
    desk.say(order("order-last"))
    desk.commands.lost()
    assert desk.answers() == []


def test_annotate_hold_and_lift_over_a_real_broker(tmp_path: Path) -> None:
    with ExitStack() as made:
        broker = start_broker(kind="mosquitto", folder=tmp_path / "broker")
        made.callback(broker.stop)
        with closing(ledger_in(tmp_path)) as ledger:
            seen(ledger)
        office = SecretKey.load_or_make(tmp_path / "case.pem")
        more = f'[cases]\nkeys = ["{office.public.text}"]\n[broker]\nport = {broker.port}\n'
        config = load(DockConfig, dock_file(tmp_path, f'{more}[spool]\nfloor = "1 MiB"\n'))
        stop = threading.Event()
        daemon = threading.Thread(
            target=DockDaemon(config, usb_backend=MemoryBus()).run, args=(stop,)
        )
        daemon.start()
        made.callback(daemon.join, 20)
        made.callback(stop.set)
        link = MqttLink(
            BrokerSettings(host="127.0.0.1", port=broker.port),
            client_id="case-system", subscriptions=(up("d1", "#"),), will=None,
        )  # fmt: skip
        link.start()
        made.callback(link.stop)
        dock = SecretKey.load_or_make(config.key).public
        results = [
            _sent(link, each, office, dock.text)
            for each in (
                order("case-1-annotate", action="annotate", what={"party": "王某"}),
                order("case-1-hold", action="hold"),
                order("case-1-lift", action="lift", approval="京2026-1", what={}),
                order("case-1-lift-no", action="lift", what={"hold": 1}),
            )
        ]
    assert [each.done for each in results] == [True, True, True, False]
    with closing(ledger_in(tmp_path)) as ledger:
        kinds = [each.kind for each in ledger.journal.of(CLIP)][2:]
        assert kinds == [
            Kind.ANNOTATED, Kind.ORDER, Kind.HELD, Kind.ORDER, Kind.LIFTED, Kind.ORDER, Kind.ORDER,
        ]  # fmt: skip


def _sent(link: MqttLink, command: Command, by: SecretKey, dock: str) -> Result:
    """Send it until it is answered, as a case system does: the dock may not be there yet."""
    end = time.monotonic() + 30
    again = 0.0
    while time.monotonic() < end:
        if time.monotonic() >= again:
            link.publish(down("d1", "command"), seal(COMMAND_TYPE, command.encode(), by))
            again = time.monotonic() + 1
        match link.next(0.1):
            case Arrived(topic=topic, payload=payload) if topic == up("d1", "result"):
                result = decode(Result, unseal(RESULT_TYPE, payload, [public_key(dock)]))
                if result.id == command.id:
                    return result
            case Connected():
                again = 0.0
    raise AssertionError(f"no answer to {command.id}")
