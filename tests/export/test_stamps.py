"""Time stamps in a bag: `openssl ts` verifies them, and they are tied to the clips' log."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from agent.clock import SystemClock
from agent.config import Stamping
from agent.custody.keys import SecretKey
from agent.custody.log import CustodyLog
from agent.custody.stamps import Stamper
from agent.link.http import post
from agent.spool.ledger import Ledger
from tests.custody.authority import make_authority, serving

from .docks import Bagger, answer, commands, fill, wrong


@pytest.fixture
def stamped(tmp_path: Path) -> Bagger:
    dock = fill(tmp_path)
    root = make_authority(tmp_path / "tsa")
    state = dock.folder / "dock"
    key = SecretKey.load_or_make(state / "keys" / "dock.pem")
    with (
        closing(Ledger(state / "ledger.db", SystemClock())) as ledger,
        serving(tmp_path / "tsa") as url,
    ):
        CustodyLog(ledger, "dock-1", key, SystemClock()).newest()
        settings = Stamping.model_validate({"url": url, "certificates": str(root)})
        assert Stamper(ledger, settings, SystemClock(), Random(1), post).stamp_if_due()
    with dock.config.open("a", encoding="utf-8") as file:
        file.write(f'[timestamps]\nurl = "{url}"\ncertificates = "{root}"\n')
    return dock


def test_openssl_verifies_the_stamps_and_the_log_ties_them_to_the_clips(stamped: Bagger) -> None:
    answer(stamped.export("one"))
    bag = stamped.media / "one"
    listed = commands(bag)
    assert any("openssl ts -verify" in each for each in listed)
    assert wrong(bag, listed) == []
    (tie,) = (bag / "evidence/custody/dock-1/consistency").iterdir()
    (note,) = (bag / "evidence/timestamps").glob("*.note")
    assert json.loads(tie.read_bytes())["first"] == note.read_text("utf-8")


def test_a_changed_token_or_note_is_caught_even_under_a_new_seal(stamped: Bagger) -> None:
    answer(stamped.export("one"))
    bag = stamped.media / "one"
    (step,) = (each for each in commands(bag) if "openssl ts" in each)
    for name in ("*.note", "*.tsr"):
        (path,) = (bag / "evidence/timestamps").glob(name)
        whole = path.read_bytes()
        path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
        assert wrong(bag, [step]) == [step], name
        path.write_bytes(whole)
    assert wrong(bag, [step]) == []
