"""A dock that ran and stopped: clips in its spool, one receipted by a real archive's key."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from click.testing import CliRunner

from agent.cli.main import cli
from agent.custody.envelopes import seal
from agent.custody.keys import SecretKey
from agent.errors import BodydockError
from agent.model import Clip, ClipFacts, ClipId, ClipTime, Identity
from agent.spool.entry import ReceiptRecord, Sighting
from agent.wire.contract import RECEIPT_TYPE, Receipt
from tests.spool.places import START, Place

OFFICER = Identity("海康 Maker", "DSJ-X1", "DSJ-0001", "1.0", officer="001234", unit="朝阳大队")


@dataclass
class Bagger:
    """A dock's folder, its configuration file, and a place for bags."""

    folder: Path
    config: Path
    media: Path
    clips: list[ClipId]
    data: dict[ClipId, bytes]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return bodydock(*arguments, "--config", str(self.config))

    def export(self, to: str, *more: str, clips: list[ClipId] | None = None) -> Any:
        chosen = [f"--clip={each}" for each in (self.clips if clips is None else clips)]
        words = ("--by", "张三", "--approval", "京公执〔2026〕12号", "--receiver", "李四 <法院>")
        return self.run("export", *chosen, *words, "--to", str(self.media / to), "--json", *more)


PATHS = (
    "DCIM/100MEDIA/DSJ-0001_001234_20260804_100000_IMP.mp4",
    "DCIM/100MEDIA/出警 现场.MP4",
    "DCIM/101MEDIA/出警 现场.mp4",
)


def bodydock(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in this process, with the words and the exit code that `main` makes of it."""
    done = CliRunner().invoke(cli, list(arguments))
    code, words = done.exit_code, done.stderr
    if isinstance(done.exception, BodydockError):
        code, words = done.exception.exit_code, f"{words}bodydock: {done.exception}"
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(list(arguments), code, done.stdout, words)


def fill(folder: Path, paths: tuple[str, ...] = PATHS, *, seed: int = 1) -> Bagger:
    """Clips of up to 300 kB each; the first is receipted."""
    place = Place(folder / "dock", digests=frozenset({"sha256", "sm3"}))
    archive = SecretKey.load_or_make(folder / "archive.pem")
    SecretKey.load_or_make(place.root / "keys" / "dock.pem")
    random = Random(seed)
    contact = place.ledger.begin_contact("3", OFFICER, None, None)
    clips, data = [], {}
    for number, path in enumerate(paths):
        content = random.randbytes(random.randrange(1, 300_000))
        clip = take_in(place, path, content, contact, number)
        clips.append(clip)
        data[clip] = content
    receipt(place, archive, clips[0], data[clips[0]])
    place.close()
    config = folder / "dock.toml"
    config.write_text(
        f'[dock]\nid = "dock-1"\nstate = "{place.root}"\nruntime = "{place.root}/run"\n'
        f'[archive]\nkeys = ["{archive.public.text}"]\n',
        "utf-8",
    )
    (folder / "media").mkdir()
    return Bagger(folder, config, folder / "media", clips, data)


def take_in(place: Place, path: str, content: bytes, contact: int, number: int) -> ClipId:
    listed = Clip("SD", path, len(content), f"2026080{number % 9 + 1}T100000")
    clip = listed.id_on(OFFICER.serial)
    at = datetime(2026, 8, 4, 2, tzinfo=UTC)
    time = ClipTime(
        datetime(2026, 8, 4, 10, tzinfo=UTC).replace(tzinfo=None),
        "name",
        28800.0,
        12.5,
        at,
        at + timedelta(seconds=2),
    )
    facts = ClipFacts("footage", "dsj", "DSJ-0001", "001234", marked=True, time=time)
    place.ledger.see(
        Sighting(
            clip, contact, OFFICER, "3", "SD", path, len(content), listed.recorded, True, 0, facts
        )
    )
    intake = place.spool.intake(clip, len(content))
    intake.write(content)
    place.ledger.spooled(intake.finish())
    return clip


def receipt(place: Place, key: SecretKey, clip: ClipId, content: bytes) -> None:
    sealed = place.entry(clip).sealed
    assert sealed
    said = Receipt(
        archive="archive-1",
        epoch="e1",
        receiver="r-1",
        dock="dock-1",
        recorder=OFFICER.serial,
        clip=clip,
        size=len(content),
        blake3=sealed.digests.blake3,
        sha256=hashlib.sha256(content).hexdigest(),
        stored_as="objects/x",
        stored_at="2026-08-04T03:00:00.000Z",
    )
    envelope = seal(RECEIPT_TYPE, said.encode(), key).decode()
    place.ledger.offered(clip)
    record = ReceiptRecord(envelope, "archive-1", "r-1", "e1", START, "objects/x")
    place.ledger.receipted(clip, record)


def commands(bag: Path) -> list[str]:
    """Those of a bag's README, as they stand there."""
    return re.findall(r"^    \$ (.+)$", (bag / "README.txt").read_text("utf-8"), re.MULTILINE)


def wrong(bag: Path, listed: list[str]) -> list[str]:
    """Which commands do not end with 0, run literally in the bag's folder."""
    return [each for each in listed if not passes(bag, each)]


def passes(bag: Path, command: str) -> bool:
    done = subprocess.run(
        ["sh", "-c", command], cwd=bag, capture_output=True, check=False, timeout=60
    )
    return done.returncode == 0


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found
