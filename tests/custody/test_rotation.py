"""A key gives way to its successor only by both their words, and a crash leaves a whole key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.archive.catalogue import Catalogue
from agent.archive.trust import Trust
from agent.cli.main import cli
from agent.custody.dock_key import dock_key, enter
from agent.custody.envelopes import seal, seal_by
from agent.custody.fingerprint import fingerprint
from agent.custody.keys import PublicKey, SecretKey, public_key
from agent.custody.rotation import KeyFiles, change_of, follow, prepare, settle
from agent.errors import KeyUnusable, Malformed, Untrusted, UsageError
from agent.log_entry import Kind, read_entry
from agent.spool.ledger import Ledger
from agent.wire.contract import DockStatus
from agent.wire.evidence import KEY_CHANGE_TYPE, KeyChange
from tests.spool.places import HandClock

OWNER = "dock/dock-7"


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    files = KeyFiles(tmp_path / "keys" / "dock.pem")
    SecretKey.load_or_make(files.key)
    return files


def change(files: KeyFiles, **other: str) -> KeyChange:
    told = {"at": "2026-11-23T08:00:00.000Z", "by": "王芳", "why": "yearly", "approval": "2026-17"}
    return prepare(files, owner=OWNER, **{**told, **other})


def forged(old: SecretKey, new: SecretKey, *signers: SecretKey, owner: str = OWNER) -> bytes:
    said = KeyChange(owner=owner, old=old.public.text, new=new.public.text, at="", by="", why="")
    return seal_by(KEY_CHANGE_TYPE, said.encode(), signers)


def keys(folder: Path, count: int) -> list[SecretKey]:
    return [SecretKey.load_or_make(folder / f"{number}.pem") for number in range(count)]


def test_the_new_key_signs_from_the_next_start_on(files: KeyFiles) -> None:
    before = SecretKey.load(files.key).public
    said = change(files)
    assert dock_is(files) == before == public_key(said.old), "until then the old one signs"
    after = dock_key(files.key)
    assert after.secret.public == public_key(said.new) != before
    assert not files.next.exists()
    assert [change_of(each.encode()) for each in after.changes] == [said]


def dock_is(files: KeyFiles) -> PublicKey:
    return SecretKey.load(files.key).public


def test_a_crash_at_any_step_leaves_a_key_that_its_statements_lead_to(files: KeyFiles) -> None:
    before = dock_is(files)
    SecretKey.load_or_make(files.next)  # died before the statement
    assert not settle(files)
    assert dock_key(files.key).secret.public == before
    said = change(files)
    assert dock_key(files.key).secret.public == public_key(said.new)
    assert dock_key(files.key).secret.public == public_key(said.new), "and at every start since"


def test_a_second_change_waits_for_the_first(files: KeyFiles) -> None:
    change(files)
    with pytest.raises(UsageError, match="waits already"):
        change(files)


def test_a_key_from_another_backup_is_refused(files: KeyFiles, tmp_path: Path) -> None:
    change(files)
    dock_key(files.key)
    files.key.unlink()
    SecretKey.load_or_make(files.key)
    with pytest.raises(KeyUnusable, match="is not the key"):
        dock_key(files.key)


def test_who_and_why_are_wanted(files: KeyFiles) -> None:
    for missing in ({"by": " "}, {"why": ""}):
        with pytest.raises(UsageError):
            change(files, **missing)
    assert not files.next.exists()


def test_a_statement_that_one_of_both_did_not_sign_counts_for_nothing(tmp_path: Path) -> None:
    old, new, other = keys(tmp_path, 3)
    good = forged(old, new, old, new)
    assert change_of(good).new == new.public.text
    for signers in ((old,), (new,), (old, other), (other, new), (old, old)):
        with pytest.raises(Untrusted):
            change_of(forged(old, new, *signers))
    with pytest.raises(Malformed):
        change_of(forged(old, old, old, old))
    receipt = seal("application/vnd.bodydock.receipt.v1+json", b"{}", old)
    with pytest.raises(Malformed):
        change_of(receipt)


def test_a_chain_is_followed_from_wherever_it_is_known(tmp_path: Path) -> None:
    one, two, three, four = keys(tmp_path, 4)
    steps = [forged(one, two, one, two), forged(two, three, two, three)]
    for known, length in ((one, 2), (two, 1), (three, 0), (four, 0)):
        found = follow(known.public, steps, OWNER)
        assert len(found) == length
        assert not found or found[-1].statement.new == three.public.text
    assert follow(one.public, steps, "dock/dock-8") == []
    circle = [*steps, forged(three, one, three, one)]
    assert len(follow(one.public, circle, OWNER)) == 3, "and ends where it began"


def test_the_archive_follows_a_dock_and_journals_it(files: KeyFiles, tmp_path: Path) -> None:
    before = dock_is(files)
    change(files)
    after = dock_key(files.key)
    with Catalogue(tmp_path / "catalogue.db", archive="county", epoch="first") as catalogue:
        trust = Trust({"dock-7": before}, catalogue, HandClock())
        status = DockStatus(dock="dock-7", online=True, key=after.secret.public.text)
        with pytest.raises(Untrusted):
            trust.announce(status)
        assert trust.key_of("dock-7") == before
        trust.announce(status.model_copy(update={"changes": list(after.newest)}))
        assert trust.key_of("dock-7") == after.secret.public
        (row,) = catalogue._rows("select who, kind, what from journal")
        assert change_of(row["what"].encode()).by == "王芳"
        assert catalogue.pins() == {"dock-7": after.secret.public}


def test_the_log_tells_of_every_change_once(files: KeyFiles, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", HandClock())
    enter(dock_key(files.key), ledger)
    change(files)
    for _ in range(2):
        enter(dock_key(files.key), ledger)
    told = [read_entry(line) for line in ledger.journal.lines()]
    events = [each.what["event"] for each in told if each.kind is Kind.KEY]
    assert events == ["first", "changed"]
    files.key.unlink()
    for each in files.changes.iterdir():
        each.unlink()
    enter(dock_key(files.key), ledger)
    last = list(map(read_entry, ledger.journal.lines()))[-1]
    assert last.what["event"] == "replaced without a statement"
    ledger.close()


def test_a_key_that_systemd_hands_over_wins_and_is_not_changed_here(
    files: KeyFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = SecretKey.load_or_make(tmp_path / "credentials" / "dock-key").public
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert dock_key(files.key).secret.public == given != dock_is(files)


def test_a_fingerprint_is_digits_that_two_people_can_read(tmp_path: Path) -> None:
    one, two = (key.public for key in keys(tmp_path, 2))
    assert [len(group) for group in fingerprint(one).split()] == [4] * 8
    assert fingerprint(one) != fingerprint(two)
    # Worked out beside us: sha256(32 zero bytes) modulo 10^32, by `bc`.
    assert fingerprint(PublicKey(bytes(32))) == ZERO


ZERO = "9631 4791 9918 1038 2902 7665 3093 0981"


class TestCommands:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        archive = SecretKey.load_or_make(tmp_path / "archive.pem").public.text
        path = tmp_path / "dock.toml"
        state = tmp_path / "state"
        path.write_text(
            f'[dock]\nid = "dock-7"\nstate = "{state}"\n[archive]\nkeys = ["{archive}"]\n', "utf-8"
        )
        return path

    def run(self, *words: str) -> str:
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
        return done.output

    def test_show_rotate_and_show_again(self, config: Path) -> None:
        first = json.loads(self.run("keys", "--config", str(config), "--json"))
        assert [row["role"] for row in first] == ["signs", "pinned"]
        said = self.run(
            "keys", "rotate", "--config", str(config), "--by", "王芳", "--why", "每年一次"
        )
        second = json.loads(self.run("keys", "--config", str(config), "--json"))
        assert second[1]["fingerprint"] in said
        assert second[1]["role"] == "signs from the next start on"
        shown = self.run("keys", "changes", "--config", str(config))
        assert "王芳" in shown
