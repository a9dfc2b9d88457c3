"""Whatever a foreign client publishes into a running system: nothing false is believed, nothing
crashes, and all footage arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3

from agent.clock import to_text
from agent.custody.envelopes import seal
from agent.custody.keys import SecretKey
from agent.model import CHUNK_BYTES
from agent.wire.chunk import Chunk, encode
from agent.wire.contract import RECEIPT_TYPE, Receipt, down, up
from hwsim.body import StillClock
from tests.campaign.books import Row
from tests.campaign.evidence import Evidence
from tests.campaign.outcome import Run
from tests.campaign.settling import settle
from tests.campaign.yard import Yard, until

from .foreign import (
    DOCK,
    MIB,
    RECEIVER,
    Ear,
    Word,
    forged_answers,
    forged_offers,
    forged_receipts,
    never,
    noise,
    presence,
    say,
    topics,
)

DAY = 86_400.0
SPOOLED_SECONDS = 60.0
HEARD_SECONDS = 2.0
SIZES = ([MIB, 3 * MIB], [2 * MIB, MIB // 2])


class Town:
    """Two recorders docked, everything in the spool, and no archive yet."""

    def __init__(self, yard: Yard, seed: int) -> None:
        self.random = Random(seed)
        self.yard = yard
        for number, sizes in enumerate(SIZES, 1):
            yard.plug(yard.record(number, sizes, self.random), f"1-1.{number}")
        self.evidence = Evidence(yard)
        self.run = Run(seed, yard.world.folder)
        yard.start("dock")
        all_in = until(lambda: self.evidence.states()["spooled"] == 4, SPOOLED_SECONDS)
        assert all_in, self.evidence.states()

    def say(self, words: list[Word], *, retain: bool = False) -> None:
        say(self.yard.world.broker.port, words, retain=retain)

    def offers_to(self, receivers: list[Word]) -> list[bytes]:
        """Let receivers be heard of, and wait for the dock's offers: those, one of each clip."""
        with Ear(self.yard.world.broker.port, up(DOCK, "offer")) as ear:
            self.say(receivers)
            offered = until(lambda: len(set(ear.payloads)) == 4, SPOOLED_SECONDS)
        assert offered, f"{len(set(ear.payloads))} offers"
        return list(dict.fromkeys(ear.payloads))

    def clips(self) -> list[Row]:
        return self.evidence.ledger()

    def heard(self, where: str, words: str) -> bool:
        """Whether the log of dock or archive says so before long."""
        log = self.yard.log(where)
        return until(lambda: words in log.read_text("utf-8"), SPOOLED_SECONDS)

    def all_arrives(self, *, untroubled: bool = True) -> None:
        settle(self.run, self.yard, self.evidence, untroubled=untroubled)
        assert self.run.violations == []


@pytest.fixture
def town(tmp_path: Path, seed: int) -> Iterator[Town]:
    with Yard(tmp_path / "world") as yard:
        yield Town(yard, seed)


def test_noise_on_every_topic_stops_nothing(town: Town) -> None:
    clip = town.clips()[0]["id"]
    town.yard.start("archive")
    for payload in noise(town.random, clip):
        town.say([(topic, payload) for topic in topics(clip)])
    assert town.heard("dock", "grant ignored")
    town.all_arrives()


def test_noise_that_the_broker_keeps_stops_nothing(town: Town) -> None:
    clip = town.clips()[0]["id"]
    for payload in (town.random.randbytes(200), b'{"v":2}', town.random.randbytes(MIB)):
        town.say([(topic, payload) for topic in topics(clip)], retain=True)
    town.yard.kill("dock")
    town.yard.start("archive")
    town.yard.start("dock")
    town.all_arrives()


def test_forged_answers_may_delay_but_nothing_counts_as_archived(town: Town) -> None:
    receivers = [presence(RECEIVER), presence("another")]
    lies = [w for c in town.clips() for w in forged_answers(c["id"], c["blake3"], c["size"])]
    town.offers_to(receivers)
    town.say(lies)
    assert not until(lambda: town.evidence.states()["receipted"], HEARD_SECONDS)
    town.yard.start("archive")
    town.say([*receivers, *lies, presence(RECEIVER, online=False)])
    town.all_arrives()


def test_a_forged_no_puts_clips_off_for_a_day_and_loses_none(town: Town) -> None:
    town.offers_to([presence(RECEIVER)])
    town.say([never(clip["id"], clip["blake3"]) for clip in town.clips()])
    assert until(lambda: town.evidence.states()["refused"] == 4, SPOOLED_SECONDS)
    town.yard.start("archive")
    town.yard.later(DAY + 60)
    town.all_arrives()


def receipt_for(clip: Row) -> Receipt:
    return Receipt(
        archive="county",
        epoch="an epoch",
        receiver=RECEIVER,
        dock=DOCK,
        recorder=clip["serial"],
        clip=clip["id"],
        size=clip["size"],
        blake3=clip["blake3"],
        sha256=clip["sha256"],
        sm3=clip["sm3"],
        stored_as=f"objects/{clip['blake3'][:2]}/{clip['blake3'][2:]}",
        stored_at=to_text(StillClock().now()),
    )


def test_forged_receipts_are_worth_nothing(town: Town) -> None:
    key = SecretKey.load_or_make(town.yard.world.archive / "keys" / "archive.pem")
    for clip in town.clips():
        town.say(forged_receipts(receipt_for(clip), key, town.random))
    assert town.heard("dock", "receipt ignored")
    assert not until(lambda: town.evidence.states()["receipted"], HEARD_SECONDS)
    town.yard.start("archive")
    town.all_arrives()


def test_a_receipt_is_not_taken_from_what_the_broker_kept(town: Town) -> None:
    """Not even one that the archive itself signed."""
    key = SecretKey.load_or_make(town.yard.world.archive / "keys" / "archive.pem")
    receipt = seal(RECEIPT_TYPE, receipt_for(town.clips()[0]).encode(), key)
    town.yard.kill("dock")
    town.say([(down(DOCK, "receipt"), receipt)], retain=True)
    town.yard.start("dock")
    assert town.heard("dock", "receipt ignored: kept by the broker")
    assert not until(lambda: town.evidence.states()["receipted"], HEARD_SECONDS)
    town.yard.start("archive")
    town.all_arrives()


def test_offers_and_chunks_of_strangers_leave_nothing_at_the_archive(town: Town) -> None:
    town.yard.start("archive")
    clip, data = town.clips()[0], town.random.randbytes(MIB // 4)
    chunk = encode(Chunk(0, blake3(data).digest(), data))
    words = forged_offers("1" * 64, "2" * 64, MIB)
    words += forged_offers(clip["id"], clip["blake3"], clip["size"])
    words += [(up(dock, "chunk", RECEIVER, "1" * 64), chunk) for dock in (DOCK, "dock-2")]
    assert until(lambda: town.yard.up("archive"), SPOOLED_SECONDS)
    for _ in range(3):
        town.say(words)
    assert town.heard("archive", "offer not trusted")
    town.yard.later(DAY + 60)  # an untrusted offer is answered with no, also in the dock's name
    town.all_arrives(untroubled=False)


def test_chunks_by_a_stranger_are_found_before_any_receipt(town: Town) -> None:
    """They bear the right digest of the wrong bytes, so only the whole tells. The dock is cut off
    meanwhile, so that nothing of its own comes first."""
    offers = town.offers_to([presence(RECEIVER)])
    town.yard.world.link.cut()
    town.yard.start("archive")
    assert until(lambda: town.yard.up("archive"), SPOOLED_SECONDS)
    town.say([(up(DOCK, "offer"), offer) for offer in offers])
    clips = town.clips()
    partial, quarantine = (town.evidence.archive / name for name in ("partial", "quarantine"))
    assert until(lambda: len(list(partial.iterdir())) == len(clips), SPOOLED_SECONDS)
    town.say([word for clip in clips for word in wrong_chunks(clip, town.random)])
    assert until(lambda: len(list(quarantine.iterdir())) == len(clips), SPOOLED_SECONDS)
    assert town.evidence.deliveries() == []
    town.yard.world.link.mend()
    town.all_arrives(untroubled=False)


def wrong_chunks(clip: Row, random: Random) -> Iterator[Word]:
    for at in range(0, clip["size"], CHUNK_BYTES):
        data = random.randbytes(min(CHUNK_BYTES, clip["size"] - at))
        chunk = Chunk(at, blake3(data).digest(), data)
        yield up(DOCK, "chunk", RECEIVER, clip["id"]), encode(chunk)
