"""A watcher over a dock that clears: where each clip's bytes are, and what the log says of it.

It looks all the time, at every kill, and whenever a card asks before it loses a clip. It shares no
code with what it watches: ledger and custody log are read with SQLite and JSON, files are hashed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blake3 import blake3

from .books import Row, rows
from .clearing_cards import ANSWERED, ASKED
from .evidence import Evidence
from .yard import ROOT, Yard

Clip = tuple[str, str]
"""A recorder's serial number, and the path on it."""
SLACK = 0.01


@dataclass
class Story:
    """What the custody log says of one clip, in its order."""

    holds: set[int] = field(default_factory=set)
    proof: dict[str, Any] | None = None
    """The newest proof, as long as it counts."""
    intent: dict[str, Any] | None = None
    """The newest intent, until something else became of it."""
    held_then: bool = False
    cleared: bool = False
    receipted_at: float = 0.0
    cleared_at: float = 0.0
    wrongs: list[str] = field(default_factory=list)


class Watch:
    """`harmed` are BLAKE3s of objects that the campaign itself took from the archive."""

    def __init__(self, yard: Yard, evidence: Evidence, hold_seconds: float) -> None:
        self._yard = yard
        self._evidence = evidence
        self._hold_seconds = hold_seconds
        self.cards = dict(evidence.originals)
        self._keep_originals()
        self.digests = {clip: evidence.original(_row(clip)).blake3 for clip in self.cards}
        self._hashed: dict[tuple[int, int, int], str] = {}
        self.witness = yard.world.folder / "witness"
        self.witness.mkdir()
        self.harmed: set[str] = set()
        self.granted: set[Clip] = set()
        self.found: list[str] = []
        self.sweeps = 0

    def _keep_originals(self) -> None:
        """What the cards hold, under a second name that no deletion takes."""
        kept = self._yard.world.folder / "originals"
        kept.mkdir()
        for number, (clip, path) in enumerate(self.cards.items()):
            os.link(path, kept / str(number))
            self._evidence.originals[clip] = kept / str(number)

    # Where the bytes are.

    def on_card(self, clip: Clip) -> bool:
        return self._is(self.cards[clip], self.digests[clip])

    def in_spool(self, row: Row) -> bool:
        name = row["id"]
        return self._is(self._evidence.spool / "clips" / name[:2] / name, self.digests[_clip(row)])

    def in_archive(self, clip: Clip) -> bool:
        return self._is(self.object_of(clip), self.digests[clip])

    def object_of(self, clip: Clip) -> Path:
        digest = self.digests[clip]
        return self._evidence.archive / "objects" / digest[:2] / digest[2:]

    def _is(self, path: Path, digest: str) -> bool:
        """Whether a file has these bytes; one that did not change is not hashed again."""
        try:
            facts = path.stat()
            key = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if key not in self._hashed:
                self._hashed[key] = blake3(path.read_bytes()).hexdigest()
        except FileNotFoundError:
            return False
        return self._hashed[key] == digest

    # All the time.

    def look(self) -> None:
        """Answer the cards that ask, then look where everything is."""
        self.answer()
        self.sweeps += 1
        short = dict(self._short())
        if short:  # it may have moved while we looked
            short = {clip: words for clip, words in self._short() if clip in short}
        self.found += [words for words in short.values() if words not in self.found]
        for clip in self.cards.keys() - self.granted:
            if not self.on_card(clip):
                self._wrong(clip, "left its card, and nobody was asked")

    def _short(self) -> Iterator[tuple[Clip, str]]:
        """Clips that are in fewer places than they must be."""
        for row in self._evidence.ledger():
            clip = _clip(row)
            here = [self.on_card(clip), self.in_spool(row), self.in_archive(clip)]
            if here[2]:
                self.harmed.discard(self.digests[clip])
            if (places := sum(here)) < self._needed(row, on_card=here[0]):
                named = dict(zip(("card", "spool", "archive"), here, strict=True))
                yield clip, f"{clip} is {row['state']} and in {places} places: {named}"

    def _needed(self, row: Row, *, on_card: bool) -> int:
        excused = self.digests[_clip(row)] in self.harmed
        if row["state"] == "receipted":
            return 2 - excused
        return 0 if on_card else 1

    def _wrong(self, clip: Clip, words: str) -> None:
        said = f"{clip} {words}"
        if said not in self.found:
            self.found.append(said)

    # When a clip is about to go.

    def answer(self) -> None:
        """Judge each deletion that waits, and let it happen."""
        for asked in sorted(self.witness.glob("[0-9]*" + ASKED)):
            answered = asked.with_suffix(ANSWERED)
            if not answered.exists():
                self._judge(json.loads(asked.read_text("utf-8")))
                answered.touch()

    def _judge(self, said: dict[str, str]) -> None:
        clip = next(each for each, path in self.cards.items() if str(path) == said["file"])
        self.granted.add(clip)
        row = next((each for each in self._evidence.ledger() if _clip(each) == clip), None)
        if row is None or row["state"] != "receipted":
            return self._wrong(clip, f"goes from its card and is {row and row['state']}")
        story = self.stories().get(row["id"], Story())
        if story.intent is None:
            self._wrong(clip, "goes from its card without an intent")
        if story.proof is None:
            self._wrong(clip, "goes from its card without a proof")
        if story.held_then:
            self._wrong(clip, "goes from its card, and was held")
        if not self.in_spool(row):
            self._wrong(clip, "goes from its card, and the spool has no good copy")
        if not self.in_archive(clip):
            self._wrong(clip, "goes from its card, and the archive has no good copy")
        return None

    # What the log says.

    def log(self) -> list[dict[str, Any]]:
        query, alive = "SELECT entry FROM custody ORDER BY n", self._yard.alive("dock")
        found = rows(self._evidence.spool / "ledger.db", query, alive=alive)
        return [json.loads(row["entry"]) for row in found]

    def stories(self) -> dict[str, Story]:
        """Of every clip that the log names."""
        stories: dict[str, Story] = {}
        for entry in self.log():
            if entry["kind"] == "epoch" and entry["what"]["before"]:
                for story in stories.values():
                    story.proof = None
            elif clip := entry.get("clip"):
                self._tell(stories.setdefault(clip, Story()), entry)
        return stories

    def _tell(self, story: Story, entry: dict[str, Any]) -> None:
        kind, what, run = entry["kind"], entry["what"], entry["run"]
        if kind == "receipted":
            story.receipted_at = run
        elif kind == "held":
            story.holds.add(what["hold"])
        elif kind == "lifted":
            story.holds.discard(what["hold"])
        elif kind == "proved":
            story.proof = what
        elif kind == "unproved":
            story.proof = None
        elif kind == "clearing":
            story.intent, story.held_then = what, bool(story.holds)
            if story.proof is None or story.holds:
                story.wrongs.append("an intent without a proof, or against a hold")
        elif kind == "kept":
            story.intent, story.cleared = None, False
        elif kind == "cleared":
            if story.intent is None:
                story.wrongs.append("cleared without an intent")
            story.cleared, story.cleared_at = True, run
        elif kind == "released" and not what.get("reason"):
            since = max(story.receipted_at, story.cleared_at)
            if run - since < self._hold_seconds - SLACK:
                story.wrongs.append(f"released {run - since:.2f} s after receipt or clearing")

    # At the end.

    def at_the_end(self) -> Iterator[str]:
        """What the log says against what the cards hold."""
        stories = self.stories()
        for row in self._evidence.ledger():
            clip, story = _clip(row), stories[row["id"]]
            yield from (f"{clip}: {each}" for each in story.wrongs)
            if story.cleared == self.on_card(clip):
                yield f"{clip}: on its card {self.on_card(clip)}, and cleared {story.cleared}"
            if story.holds and not self.on_card(clip):
                yield f"{clip}: is held and left its card"
        if stray := self.harmed & set(self.digests.values()):
            yield f"the archive never got back {sorted(stray)}"

    def left(self) -> list[Row]:
        """Clips that are still to go: neither gone, nor held, nor given up by the dock."""
        stories, found = self.stories(), self._evidence.ledger()
        return [
            row
            for row in found
            if not self._rests(row, stories.get(row["id"], Story()))
            or row["state"] not in {"receipted", "released"}
        ]

    def _rests(self, row: Row, story: Story) -> bool:
        if self.on_card(_clip(row)):
            return bool(story.holds) or row["state"] == "released"
        return story.cleared


def _clip(row: Row) -> Clip:
    return row["serial"], row["path"]


def _row(clip: Clip) -> Row:
    return {"serial": clip[0], "path": clip[1]}


def failure_of(*words: str) -> str:
    """What a command of bodydock said where it failed; empty where it did not."""
    command = [sys.executable, "-m", "agent.cli", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{words}: {done.stdout}{done.stderr}"
