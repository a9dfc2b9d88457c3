"""The archive's people: their orders through the door and by hand, and what follows at a dock."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from rich.console import Console

from agent.archive.catalogue import Catalogue, CatalogueView
from agent.archive.lock import only_one
from agent.archive.office import DOOR, ask_archive
from agent.archive.receiver import Receiver
from agent.archive.settings import CATALOGUE, ArchiveSettings
from agent.cli.main import cli
from agent.clock import SystemClock
from agent.custody.case_orders import ORDERS
from agent.custody.envelopes import seal
from agent.custody.keys import PublicKey
from agent.custody.log import CustodyLog
from agent.custody.orders import Office, Order
from agent.errors import BodydockError, ConfigError, UsageError
from agent.link.mqtt import Arrived, BrokerSettings
from agent.model import ClipId, Identity
from agent.spool.entry import Sighting
from agent.spool.ledger import Ledger
from agent.uplink.commands import Commands
from agent.uplink.custody import Courier
from agent.uplink.errands import Errands
from agent.wire.contract import OFFER_TYPE, Manifest
from agent.wire.facts import CaseFacts
from hwsim.broker import Broker, start_broker

from .docks import RECEIVER, manifest_of, secret_key
from .logs import held, tell
from .test_catalogue import receipt_of
from .wired import WiredDock

TREE = "{unit}/{officer}/{name}"
CASE = CaseFacts(version=1, officer="100201", unit="Patrol 2", party="张三", name="night")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def config(tmp_path: Path, root: Path) -> Path:
    path = tmp_path / "archive.toml"
    head = f'[archive]\nid = "county"\nreceiver = "{RECEIVER}"\nroot = "{root}"\n'
    path.write_text(f'{head}tree = "{TREE}"\n', "utf-8")
    return path


@pytest.fixture
def clip(root: Path) -> str:
    """One delivery in a catalogue that nobody has open."""
    manifest = manifest_of(b"one", case=CASE)
    root.mkdir()
    with Catalogue(root / CATALOGUE, archive="county", epoch="e") as catalogue:
        envelope = seal(OFFER_TYPE, manifest.encode(), secret_key())
        catalogue.record(manifest, envelope, receipt_of(manifest), b"receipt")
        tell(catalogue, "d2", held(1, manifest.clip, 7))
    return manifest.clip


@pytest.fixture
def run(config: Path) -> Callable[..., Any]:
    def command(*words: str, fails: bool = False) -> Any:
        arguments = ["archive", words[0], "--config", str(config), *words[1:]]
        done: Result = CliRunner(env={"COLUMNS": "80"}).invoke(cli, arguments)
        if fails:
            assert done.exception is not None
            return done.exception
        assert done.exception is None, (done.output, done.exception)
        return json.loads(done.stdout) if "--json" in words else done.stdout

    return command


def test_where_no_receiver_runs_orders_are_carried_out_by_hand(
    run: Callable[..., Any], clip: str, root: Path
) -> None:
    by = ("--by", "chen", "--why", "asked")
    assert run("annotate", clip[:12], *by, "--party", "李四", "--json")["case"]["party"] == "李四"
    assert "李四" in run("annotate", clip[:12], *by, "--party", "李四五")
    made = run("hold", clip[:12], "--by", "chen", "--reason", "dispute", "--json")
    assert made == {"hold": 1, "docks": ["d1", "d2"]}
    lift = ("lift", clip[:12], "1", *by, "--approval", "B-1")
    assert "orders to docks: 2" in run(*lift)
    assert "will be lifted by dock d2" in run("lift", clip[:12], "7", "--dock", "d2", *lift[3:])
    assert (root / "tree" / "Patrol 2" / "100201" / "night").is_symlink()
    known = run("show", clip[:12], "--json")
    assert [v["origin"] for v in known["versions"]] == ["d1", "", ""]
    assert [hold["stands"] for hold in known["holds"]] == [False, True]
    assert known["links"] == ["Patrol 2/100201/night"]
    assert run("tree", "--json") == {"to_name": 1}
    assert run("find", "--party", "李四", "--json")[0]["clip"] == clip
    with only_one_of(root):
        assert run("find", "--since", "2027-01-01", "--json") == []


@contextmanager
def only_one_of(root: Path) -> Iterator[None]:
    import os

    lock = only_one(root)
    try:
        yield
    finally:
        os.close(lock)


def test_what_people_are_shown_fits_80_columns(
    run: Callable[..., Any], clip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("archive_find", "archive_due"):
        terminal = lambda: Console(highlight=False, width=80)  # noqa: E731
        monkeypatch.setattr(f"agent.cli.{module}.console", terminal)
    pages = [run("find"), run("due", "--until", "2030-01-01"), run("findings"), run("tree")]
    assert clip[:12] in pages[0]
    assert "held: dispute" in pages[1]
    assert "nothing is deleted" in pages[1]
    page = run("show", clip)
    assert "Patrol 2" in page
    assert "hold 7: dispute" in page
    for line in "\n".join(pages[:3]).splitlines():
        assert cell_len(line.rstrip()) <= 80, line


def test_what_falls_due_is_also_told_to_machines(run: Callable[..., Any], clip: str) -> None:
    (one,) = run("due", "--until", "2030-01-01", "--json")
    assert (one["clip"], one["verdict"], one["holds"]) == (clip, "held", ["dispute"])
    header, line = run("due", "--until", "2030-01-01T00:00+08:00", "--csv").splitlines()
    assert header.startswith("clip,keep,counted_from,due,verdict,holds")
    assert line.startswith(f"{clip},routine,")
    assert run("due", "--json") == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "ff"), "no clip begins"),
        (("find", "--since", "lately"), "no moment"),
        (("annotate", "", "--by", "x", "--why", "y", "--party", "z"), "no clip begins"),
    ],
)
def test_what_cannot_be_is_said(
    run: Callable[..., Any], clip: str, words: tuple[str, ...], says: str
) -> None:
    error = run(*words, fails=True)
    assert isinstance(error, UsageError)
    assert says in str(error), clip


def test_a_class_that_there_is_not_and_a_lift_without_approval_are_refused(
    run: Callable[..., Any], clip: str
) -> None:
    by = ("--by", "chen", "--why", "asked")
    assert "class" in str(run("annotate", clip, *by, "--retention", "moon", fails=True))
    assert isinstance(run("lift", clip, "7", *by, fails=True), SystemExit)
    assert "is held" in str(run("annotate", clip, *by, "--retention", "permanent", fails=True))


def test_a_folder_that_somebody_holds_and_opens_no_door_is_said(
    clip: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.archive.office.PAUSE_S", 0.0)
    with only_one_of(root), pytest.raises(UsageError, match="takes no orders"):
        ask_archive(root, "county", Order("hold", clip, "chen", "", "", {"reason": "dispute"}))


# With a receiver, a broker, and a dock's own ledger, log and orders behind it.


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = start_broker(kind="mosquitto", folder=tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


@contextmanager
def receiver(root: Path, port: int) -> Iterator[PublicKey]:
    settings = ArchiveSettings(archive="county", receiver=RECEIVER, root=root, floor=0, tree=TREE)
    tie = BrokerSettings(host="127.0.0.1", port=port)
    serving, stop = Receiver(settings, tie, SystemClock()), threading.Event()
    thread = threading.Thread(target=serving.run, args=(stop,))
    thread.start()
    try:
        yield serving.key
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


class WholeDock(WiredDock):
    """A wired dock that has a ledger, takes orders and sends its custody log."""

    def behind(self, ledger: Ledger, archive: PublicKey) -> None:
        clock, name = SystemClock(), self.manifest.dock
        log = CustodyLog(ledger, name, self.key, clock)
        courier = Courier(name, ledger, log, [archive], Random(1))
        commands = Commands(
            dock=name,
            ledger=ledger,
            carry_out=Office(ledger, ORDERS).carry_out,
            trusted=[archive],
            key=self.key,
            clock=clock,
        )
        self.errands = Errands(name, [courier, commands])
        self.errands.connected(time.monotonic())

    def _hear(self, topic: str, payload: bytes) -> None:
        if self.errands.hear(Arrived(topic, payload, retained=False)) is None:
            super()._hear(topic, payload)

    def _send(self) -> None:
        super()._send()
        self.errands.tick(time.monotonic(), self.link.publish)

    errands = Errands("d1", [])


def ledger_with(file: Path, manifest: Manifest) -> Ledger:
    ledger = Ledger(file, SystemClock())
    identity = Identity("Acme", "A1", "S-1", "1.0")
    contact = ledger.begin_contact("3", identity, None, None)
    clip, path = ClipId(manifest.clip), manifest.path
    seen = Sighting(clip, contact, identity, "3", "card", path, 3, "x", marked=False)
    ledger.see(seen)
    return ledger


def test_a_hold_at_the_archive_holds_at_the_dock_and_comes_back_in_its_log(
    root: Path, tmp_path: Path, broker: Broker
) -> None:
    data = b"one"
    manifest = manifest_of(data, case=CASE, chunk_bytes=262_144)

    def order(action: str, **what: Any) -> dict[str, Any]:
        whole = Order(action, manifest.clip, "chen", "asked", "B-1", what)
        return ask_archive(root, "county", whole, TREE)

    def holds() -> list[tuple[str, bool]]:
        with CatalogueView(root / CATALOGUE) as view:
            return [(one.origin, one.hold.stands) for one in view.holds_on(manifest.clip)]

    with ExitStack() as stack:
        ledger = ledger_with(tmp_path / "ledger.db", manifest)
        stack.callback(ledger.close)
        dock = WholeDock(broker.port, secret_key(), manifest, data)
        stack.callback(dock.link.stop)
        with receiver(root, broker.port) as key:
            dock.until(lambda: dock.presence and dock.presence.online)
            dock.offer()
            dock.until(lambda: dock.receipt)
            link = root / "tree" / "Patrol 2" / "100201" / "night"
            dock.until(link.exists)
            assert link.read_bytes() == data
            assert (root / DOOR).is_socket()
            order("hold", reason="dispute")
            assert holds() == [("", True)]
        assert not (root / DOOR).exists()
        with receiver(root, broker.port) as key:  # the order outlived the one that took it
            dock.behind(ledger, key)
            dock.until(lambda: ledger.holds(ClipId(manifest.clip)))
            dock.until(lambda: holds() == [("", True), ("d1", True)])
            order("lift", hold=1)
            dock.until(lambda: not ledger.holds(ClipId(manifest.clip)))
            dock.until(lambda: holds() == [("", False), ("d1", False)])
            order("annotate", officer="100202")
            moved = root / "tree" / "Patrol 2" / "100202" / "night"
            dock.until(lambda: moved.exists() and not link.is_symlink())
            with pytest.raises(UsageError, match="no such hold"):
                order("lift", hold=1)
        with CatalogueView(root / CATALOGUE) as view:
            assert view.open_errands() == []
            kinds = [json.loads(row["entry"])["kind"] for row in view.custody_of(manifest.clip)]
            assert kinds == ["found", "held", "order", "lifted", "order"]


def test_a_template_that_is_none_stops_the_receiver_before_it_serves(
    root: Path, broker: Broker
) -> None:
    settings = ArchiveSettings(archive="county", receiver=RECEIVER, root=root, tree="{moon}")
    with pytest.raises(ConfigError, match="moon"):
        Receiver(settings, BrokerSettings(host="127.0.0.1", port=broker.port), SystemClock())
    assert issubclass(ConfigError, BodydockError)
    assert not (root / DOOR).exists()
