"""Docks with a good key that send what no honest one does: whatever it is, it is refused or kept,
the receiver's loop goes on, and nobody else's clip is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from agent.archive.catalogue import Catalogue, CatalogueView
from agent.archive.due import DueClip, due_by
from agent.archive.errands import Errands
from agent.archive.findings import Told, findings
from agent.archive.keeper import Keeper
from agent.archive.plain import DEPTH, plain
from agent.archive.search import Asked, Found, find
from agent.archive.settings import CATALOGUE
from agent.custody.envelopes import seal
from agent.custody.notes import Checkpoint, dock_origin, sign
from agent.errors import Malformed, StoreFull
from agent.log_entry import Kind, read_entry
from agent.merkle import Growing, leaf_hash
from agent.wire.contract import OFFER_TYPE, DockStatus, decode, up
from agent.wire.evidence import CHALLENGE_TYPE, RESULT_TYPE, CustodyDown, CustodyUp

from .docks import Dock, Far, manifest_of, secret_key
from .logs import entry

CLIP = "c1" * 32
SEEDS = range(100)


@dataclass
class Liar:
    """A dock whose log holds whatever it wants, signed as it must be."""

    dock: Dock
    catalogue: Catalogue
    keeper: Keeper

    def say(self, *texts: str) -> CustodyDown | None:
        """Append entries; the answer, None where there was none."""
        mirror, tree = self.catalogue.mirror(self.dock.name), Growing()
        for text, _ in mirror.kept():
            tree.add(leaf_hash(text.encode()))
        first = tree.size
        for text in texts:
            tree.add(leaf_hash(text.encode()))
        origin = dock_origin(self.dock.name)
        note = sign(Checkpoint(origin, tree.size, tree.root), self.dock.key).text
        message = CustodyUp(dock=self.dock.name, checkpoint=note, first=first, entries=list(texts))
        self.dock.told.clear()
        self.dock.send(up(self.dock.name, "custody"), message.encode())
        answers = [payload for what, payload in self.dock.told if what == "custody"]
        return decode(CustodyDown, answers[-1]) if answers else None

    @property
    def size(self) -> int:
        return self.catalogue.mirror(self.dock.name).size


def liar(far: Far, name: str = "d1") -> Liar:
    keeper = Keeper(
        *("county", far.catalogue, far.trust, far.key, far._tell, far.clock),
        (far.catalogue.fold_entries,),
        far.store.check_room,
    )
    far.desk._others = {**far.desk._others, "custody": keeper.heard}
    return Liar(far.dock(name), far.catalogue, keeper)


def keeper_of(far: Far) -> Keeper:
    keeper = getattr(far.desk._others["custody"], "__self__", None)
    assert isinstance(keeper, Keeper)
    return keeper


def raw(number: int, **parts: Any) -> str:
    whole = {"v": 1, "n": number, "kind": "annotated", "at": "2026-11-23T08:00:00.000Z"}
    whole |= {"trust": "unknown", "run": 1.0, "who": "li", "clip": CLIP, "what": {}}
    return json.dumps(whole | parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"clip": "\ud800"},
        {"clip": "c" * 60_000},
        {"clip": "C1" * 32},
        {"kind": "\udfff"},
        {"kind": "x" * 65},
        {"kind": ""},
        {"n": "0"},
        {"n": 10**4000},
    ],
)
def test_an_entry_of_no_kind_or_about_no_clip_is_not_kept(far: Far, parts: dict[str, Any]) -> None:
    one = liar(far)
    assert one.say(raw(0, **parts)) is None
    assert one.size == 0
    assert one.say(raw(0)) is not None
    assert one.size == 1


def deep(levels: int) -> Any:
    found: Any = "x"
    for each in range(levels):
        found = [found] if each % 2 else {"a": found}
    return found


@pytest.mark.parametrize(
    "parts",
    [
        {"run": 10**400},
        {"run": float("inf")},
        {"who": "\ud800", "what": {"version": 1, "after": {"party": "\udc00\ud800"}}},
        {"what": {"version": 1, "after": {"party": deep(450)}}},
        {"what": {"version": 1, "after": {"officer": "x"}, "more": deep(450)}},
        {"what": {"version": 2**64, "after": {"officer": "x"}}},
        {"what": {"version": True, "after": {"officer": "x"}}},
        {"what": {"version": 1, "after": {"importance": 10**100}}},
        {"kind": "held", "what": {"hold": 10**300, "reason": "dispute"}},
        {"kind": "held", "what": {"hold": 1, "reason": "\ud800", "note": ["x"]}},
        {"kind": "lifted", "what": {"hold": [1]}},
        {"kind": "finding", "what": {"finding": "vanished", "about": [[deep(400), 1, "x"]]}},
        {"kind": "finding", "what": {"finding": deep(400), "before": deep(450)}},
        {"kind": "finding", "what": {"finding": "vanished", "about": [["a", 10**300, "\ud800"]]}},
        {"kind": "of-tomorrow", "what": deep(450)},
        {"at": "\ud800"},
        {"at": "9" * 5000},
    ],
)
def test_an_odd_entry_is_kept_and_harms_nothing(far: Far, parts: dict[str, Any]) -> None:
    one = liar(far)
    assert one.say(raw(0, **parts)) is not None
    assert one.size == 1
    assert one.say(raw(1, what={"version": 7, "after": {"officer": "100201"}})) is not None
    now = far.catalogue.case_now(CLIP)
    assert now is not None
    assert now.officer == "100201"
    for told in findings(far.catalogue):
        json.dumps(told.document(), ensure_ascii=False).encode()


def test_depth_ends_where_no_reader_follows() -> None:
    assert plain(deep(DEPTH)) == deep(DEPTH)
    assert json.dumps(plain(deep(400))).count("null") == 1
    with pytest.raises(Malformed):
        read_entry(raw(0, run=10**400))


def test_entries_stop_at_the_disks_floor_and_go_on_when_there_is_room(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = liar(far)

    def full(size: int) -> None:
        raise StoreFull(f"{size} bytes wanted")

    monkeypatch.setattr(one.keeper, "room", full)
    assert one.say(raw(0)) is None
    assert one.size == 0
    monkeypatch.setattr(one.keeper, "room", far.store.check_room)
    assert one.say(raw(0)) is not None


def test_a_disk_that_is_full_when_a_dock_is_first_met_stops_nothing(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, manifest = far.dock(), manifest_of(b"one")

    def full(*_: object) -> None:
        raise StoreFull("catalogue: pin")

    with monkeypatch.context() as patched:
        patched.setattr(far.catalogue, "pin", full)
        dock.offer(manifest)
    assert dock.grants == []
    dock.offer(manifest)
    assert len(dock.grants) == 1


def test_no_dock_lifts_a_hold_that_another_set(far: Far) -> None:
    victim, other = liar(far, "d1"), liar(far, "d2")
    victim.say(entry(0, Kind.HELD, CLIP, hold=1, reason="dispute", note="", approval="A"))
    for number in range(3):
        other.say(entry(number, Kind.LIFTED, CLIP, hold=1, why="x", approval="B"))
    other.say(entry(3, Kind.HELD, CLIP, hold=1, reason="dispute", note="", approval="A"))
    other.say(entry(4, Kind.LIFTED, CLIP, hold=1, why="x", approval="B"))
    holds = [(one.origin, one.hold.stands) for one in far.catalogue.holds_on(CLIP)]
    assert holds == [("d1", True), ("d2", False)]
    assert far.catalogue.is_held(CLIP)


TEXTS = ["", "\0", "\ud800", "\u202e", "x" * 5000, "../..", "é" * 300, "9" * 5000, "\x1b[2J"]
VALUES: list[Any] = [
    *TEXTS, None, True, -1, 0, 2**63, 10**400, 1e308, float("nan"), [], {}, [[1]], deep(300),
]  # fmt: skip


def mutated(random: Random, value: Any) -> Any:
    """One place of a JSON value made into something else."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(sorted(value))
        changed = dict(value)
        if random.random() < 0.1:
            del changed[name]
        else:
            changed[name] = mutated(random, value[name])
        return changed
    return random.choice(VALUES)


def messages(random: Random, far: Far, dock: Dock) -> Iterator[tuple[str, bytes]]:
    """Signed by the dock, each with one field that is odd."""
    offer = json.loads(manifest_of(b"one", facts={"kind": "footage"}).encode())
    offer |= {
        "case": {"version": 1, "officer": "x", "remark": "y"},
        "holds": [{"reason": "dispute", "who": "x", "approval": "y", "at": "z"}],
        "retention": {"name": "routine", "months": 6, "until": "date"},
        "facts": {"time": {"local": "a", "source": "b", "zone_offset": 0.0, "earliest": "c",
                           "latest": "d"}},
    }  # fmt: skip
    challenge = {"v": 1, "dock": dock.name, "clip": CLIP, "size": 3, "blake3": CLIP, "nonce": CLIP}
    result = {"v": 1, "id": "x", "dock": dock.name, "done": True, "words": "w"}
    status = json.loads(
        DockStatus(dock=dock.name, online=True, key=dock.key.public.text, changes=["{}"]).encode()
    )
    for name, kind, body in (
        ("offer", OFFER_TYPE, offer),
        ("challenge", CHALLENGE_TYPE, challenge | {"receipt": "{}"}),
        ("result", RESULT_TYPE, result),
        ("status", "", status),
    ):
        changed = json.dumps(mutated(random, body)).encode()
        yield name, seal(kind, changed, dock.key) if kind else changed


@pytest.mark.parametrize("seed", SEEDS)
def test_no_signed_message_stops_the_desk(world: Far, seed: int) -> None:
    random, dock = Random(seed), world.docks["d1"]
    for name, payload in messages(random, world, dock):
        world.desk.handle(up("d1", name), payload)
        world.work()
    one = Liar(dock, world.catalogue, keeper_of(world))
    said = json.loads(raw(one.size, what={"version": seed, "before": {}, "after": {"party": "x"}}))
    said["kind"] = random.choice(["annotated", "held", "lifted", "finding", "cleared"])
    said["what"] |= {"hold": seed, "reason": "dispute", "about": [["a", 1, "b"]]}
    one.say(json.dumps(mutated(random, said)))
    world.clock.seconds += 1.0


def test_after_all_of_that_everything_can_still_be_read(world: Far) -> None:
    far = world
    now = far.clock.now()
    with CatalogueView(far.settings.root / CATALOGUE) as view:
        told: list[Found | DueClip | Told] = [*find(view, Asked(), 1000), *findings(view)]
        for each in [*told, *due_by(view, {}, now)]:
            json.dumps(each.document(), ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    far = Far(tmp_path_factory.mktemp("hostile") / "archive", secret_key())
    one = liar(far)
    errands = Errands(far.catalogue, far.trust, far.key, far._tell, far.clock)
    far.desk._others = {**far.desk._others, "result": errands.result}
    one.dock.offer(manifest_of(b"two"))
    yield far
    far.close()
