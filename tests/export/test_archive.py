"""`bodydock archive export`: what is stored goes out, opened where the archive has the key."""

from __future__ import annotations

import hashlib
import json
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest
from blake3 import blake3

from agent.archive.mirrors import NewEntry
from agent.archive.settings import KEY
from agent.clock import SystemClock
from agent.custody.keys import SecretKey
from agent.custody.log import CustodyLog
from agent.custody.notes import archive_name, cosign
from agent.log_entry import Kind, read_entry
from agent.spool.ledger import Ledger
from agent.wire.contract import Manifest
from agent.wire.facts import StoredFacts
from tests.archive.docks import Dock, Far, cut, manifest_of
from tests.spool.age import IDENTITY, RECIPIENT, opened_by_age

from .docks import answer, bodydock, commands, wrong

PLAIN, SECRET = b"plain footage " * 700, "机密 footage ".encode() * 900


@dataclass
class Office:
    root: Path
    media: Path
    config: Path
    plain: Manifest
    secret: Manifest

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return bodydock("archive", *arguments, "--config", str(self.config))

    def export(self, to: str, *chosen: str) -> Any:
        words = ("--by", "王五", "--approval", "令 7", "--receiver", "法院", "--json")
        return self.run("export", *chosen, *words, "--to", str(self.media / to))

    def configure(self, *more: str) -> None:
        head = f'[archive]\nid = "county"\nreceiver = "r1"\nroot = "{self.root}"\n'
        self.config.write_text("\n".join([head, *more]), "utf-8")


def encrypted(path: str) -> tuple[Manifest, bytes]:
    """The manifest of a clip that travels encrypted, and what travels."""
    sent: bytes = pyrage.encrypt(SECRET, [pyrage.x25519.Recipient.from_str(RECIPIENT)])
    plain = manifest_of(SECRET, path=path)
    stored = StoredFacts(
        form="age",
        size=len(sent),
        blake3=blake3(sent).hexdigest(),
        chunks=blake3(b"".join(each.digest for each in cut(sent))).hexdigest(),
        sha256=hashlib.sha256(sent).hexdigest(),
        recipient=RECIPIENT,
    )
    return plain.model_copy(update={"stored": stored}), sent


@pytest.fixture
def office(tmp_path: Path) -> Office:
    root = tmp_path / "archive"
    far = Far(root, SecretKey.load_or_make(root / KEY))
    dock = far.dock()
    plain = manifest_of(PLAIN)
    secret, sent = encrypted("DCIM/夜间.mp4")
    for manifest, data in ((plain, PLAIN), (secret, sent)):
        dock.offer(manifest)
        far.work()
        dock.chunks(manifest, data)
        far.work()
    assert len(dock.receipts(far.key.public)) == 2
    mirror(far, dock, tmp_path / "ledger.db", plain.clip, secret.clip)
    far.close()
    media = tmp_path / "media"
    media.mkdir()
    made = Office(root, media, tmp_path / "archive.toml", plain, secret)
    made.configure()
    return made


def mirror(far: Far, dock: Dock, path: Path, *clips: str) -> None:
    """The dock's log with two entries of each clip, as the archive keeps and cosigns it."""
    with closing(Ledger(path, SystemClock())) as ledger:
        with ledger._writing():
            for clip in clips:
                ledger._enter(Kind.FOUND, clip=clip, path="a.mp4")
                ledger._enter(Kind.SEALED, clip=clip, size=1)
        note = CustodyLog(ledger, dock.name, dock.key, SystemClock()).newest()
        kept = [(read_entry(text), nodes) for text, nodes in ledger.journal.kept()]
    rows = [NewEntry(e.number, e.clip, e.kind.value, e.text, nodes, e) for e, nodes in kept]
    far.catalogue.mirror_entries(dock.name, 0, rows, ())
    cosigned = cosign(note, archive_name("county"), far.key, 1_800_000_000)
    far.catalogue.keep_cosigned(dock.name, 0, len(rows), cosigned.text, "2026-11-23T08:00:00.000Z")


def payload(bag: Path) -> dict[str, bytes]:
    files = [path for path in (bag / "data").rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in files}


def test_a_plain_clip_goes_out_with_manifest_and_receipt(office: Office) -> None:
    told = answer(office.export("one", "--clip", office.plain.clip))
    bag = office.media / "one"
    assert payload(bag) == {"passwd": PLAIN}
    assert wrong(bag, commands(bag)) == []
    assert {path.stem for path in (bag / "evidence/0001").glob("*.sig")} == {"manifest", "receipt"}
    assert len(list((bag / "evidence/custody/d1/proofs").iterdir())) == 2
    assert len((bag / "evidence/custody/d1/keys.txt").read_text("utf-8").splitlines()) == 2
    assert any("outsider.py" in each for each in commands(bag))
    (found,) = json.loads(office.run("exports", "--json").stdout)
    assert (found["stage"], found["by"]) == ("supplied", "王五")
    assert found["ended"]["tagmanifest_sha256"] == told["tagmanifest_sha256"]


def test_an_encrypted_clip_goes_out_as_it_is_where_nobody_can_open_it(
    office: Office, tmp_path: Path
) -> None:
    answer(office.export("one", "--clip", office.secret.clip))
    bag = office.media / "one"
    ((name, held),) = payload(bag).items()
    assert name == "夜间.mp4.age"
    assert SECRET not in held
    assert wrong(bag, commands(bag)) == []
    assert "age --decrypt" in (bag / "README.txt").read_text("utf-8")
    assert "加密 encrypted (age)" in (bag / "cover.html").read_text("utf-8")
    assert opened_by_age(next((bag / "data").rglob("*.age")), tmp_path) == SECRET


def test_an_encrypted_clip_is_opened_with_the_identity(office: Office, tmp_path: Path) -> None:
    identity = tmp_path / "age.txt"
    identity.write_text(f"{IDENTITY}\n", "ascii")
    identity.chmod(0o600)
    office.configure(f'identity = "{identity}"')
    answer(office.export("one", "--clip", office.secret.clip, "--clip", office.plain.clip))
    bag = office.media / "one"
    assert payload(bag) == {"passwd": PLAIN, "夜间.mp4": SECRET}
    assert wrong(bag, commands(bag)) == []


def test_a_damaged_object_stops_it_by_name(office: Office) -> None:
    (path,) = (p for p in (office.root / "objects").rglob("*") if p.name == office.plain.blake3[2:])
    path.chmod(0o600)
    path.write_bytes(PLAIN[:-1] + b"X")
    done = office.export("one", "--clip", office.plain.clip, "--clip", office.secret.clip)
    assert done.returncode == 1
    assert office.plain.clip in done.stderr
    assert not (office.media / "one").exists()
    (found,) = json.loads(office.run("exports", "--json").stdout)
    assert found["stage"] == "failed"


def test_clips_are_found_by_what_the_archive_knows(office: Office) -> None:
    assert office.export("one", "--held").returncode == 2
    done = office.run(
        *("hold", office.plain.clip, "--by", "a", "--reason", "evidence"),
        *("--approval", "r"),
    )
    assert done.returncode == 0, done.stderr
    assert answer(office.export("two", "--held"))["clips"] == 1
    assert payload(office.media / "two") == {"passwd": PLAIN}
    holds = json.loads((office.media / "two/evidence/0001/case.json").read_bytes())["holds"]
    assert [each["reason"] for each in holds] == ["evidence"]
