"""The archive's key changes while a dock uploads, and twice more while it is away: over a real
broker, between a real dock and a real archive, and nobody edits the dock's configuration."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from click.testing import CliRunner

from agent.archive.own_keys import OwnKeys
from agent.cli.main import cli
from agent.config import ArchiveConfig, load
from agent.custody.envelopes import unseal
from agent.custody.keys import PublicKey, public_key
from agent.errors import LedgerBroken, Untrusted
from agent.spool.view import LedgerView
from agent.wire.contract import RECEIPT_TYPE
from tests.campaign.yard import Yard, until

from .test_custody import SECONDS, Journey

KIB = 1024
BY = ("--by", "王芳", "--why", "每年一次")


def bodydock(*arguments: str) -> tuple[int, Any]:
    """In this process, which is quicker."""
    done = CliRunner().invoke(cli, [*arguments, "--json"])
    return done.exit_code, json.loads(done.stdout) if done.exit_code == 0 else done.output


class Change(Journey):
    def receipts(self) -> dict[str, bytes]:
        with LedgerView(self.ledger) as view:
            found = view.entries(limit=100)
            return {e.clip: e.receipt.envelope.encode() for e in found if e.receipt}

    def wait_receipts(self, number: int) -> None:
        def there() -> bool:
            try:
                return len(self.receipts()) >= number
            except LedgerBroken:
                return False

        assert until(there, SECONDS, each=0.1), self.yard.log("dock").read_text("utf-8")[-4000:]

    def followed(self) -> int:
        with LedgerView(self.ledger) as view:
            return len(view.journal.archive_changes())

    def order(self, what: str) -> PublicKey:
        code, told = bodydock("archive", "keys", what, *BY, *self.archive)
        assert code == 0, told
        return public_key(told["new"])

    def again(self, name: str) -> None:
        self.yard.stop(name)
        self.yard.start(name)
        assert until(lambda: self.yard.up(name), SECONDS)

    def root(self) -> Path:
        return load(ArchiveConfig, self.yard.world.archive_config).archive.root


def signed_by(envelope: bytes, key: PublicKey) -> bool:
    try:
        unseal(RECEIPT_TYPE, envelope, [key])
    except Untrusted:
        return False
    return True


def test_a_dock_follows_the_archives_key(tmp_path: Path) -> None:
    with Yard(tmp_path / "world") as yard:
        journey = Change(yard)
        yard.plug(yard.record(1, [100 * KIB] * 3, Random(1)), "1-1.1")
        yard.start("archive")
        yard.start("dock")
        journey.wait_receipts(3)
        before = journey.receipts()
        yard.plug(yard.record(2, [900 * KIB] * 6, Random(2)), "1-1.2")
        first = public_key(bodydock("archive", "key", *journey.archive)[1]["key"])
        second = journey.order("rotate")
        assert until(lambda: journey.followed() == 1, SECONDS, each=0.1), "told while it runs"
        journey.order("switch")
        journey.again("archive")
        yard.plug(yard.record(3, [100 * KIB] * 2, Random(3)), "1-1.3")
        journey.wait_receipts(11)
        after = journey.receipts()
        assert all(after[clip] == each and signed_by(each, first) for clip, each in before.items())
        assert all(signed_by(each, first) or signed_by(each, second) for each in after.values())
        assert sum(signed_by(each, second) for each in after.values()) >= 2
        yard.stop("dock")
        _change_twice_more(journey)
        yard.plug(yard.record(4, [100 * KIB] * 2, Random(4)), "1-1.4")
        yard.start("dock")
        journey.wait_receipts(13)
        _all_is_told(journey, first)


def _change_twice_more(journey: Change) -> None:
    for _ in range(2):
        journey.order("rotate")
        journey.order("switch")
        journey.again("archive")


def _all_is_told(journey: Change, first: PublicKey) -> None:
    """Everything is cosigned, nothing was stored twice, and people can see who signs."""
    own = OwnKeys(journey.root(), load(ArchiveConfig, journey.yard.world.archive_config).archive.id)
    assert journey.followed() == 3
    newest = [e for e in journey.receipts().values() if signed_by(e, own.secret.public)]
    assert len(newest) == 2, "nothing that had its receipt was asked for again"
    journey.wait("cosigned")
    for command in (
        ("custody", "verify", *journey.dock),
        ("archive", "custody", "verify", "--all", *journey.archive),
    ):
        code, told = bodydock(*command)
        assert code == 0, told
    # A receipt that was on its way when the archive started again is made anew by the new key.
    objects = [path for path in (journey.root() / "objects").glob("*/*") if path.is_file()]
    assert len(objects) == 13
    _, rows = bodydock("keys", *journey.dock)
    roles = {row["key"]: row["role"] for row in rows if row["whose"] == "archive"}
    assert roles[first.text] == "pinned, counts only for what it signed before"
    assert roles[own.secret.public.text] == "followed; put it into [archive] keys"
    assert len(roles) == 4
    assert "[archive] keys of the configuration is behind" in journey.yard.log("dock").read_text()
    assert list(journey.yard.outbursts()) == []
