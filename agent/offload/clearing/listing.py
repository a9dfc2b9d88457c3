"""One whole listing of a recorder, to find a clip in and to see what a deletion changed. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agent.model import Clip, ClipId
from agent.offload.source import facts
from agent.spool.entry import Sighting

_NUMBER = re.compile(r"~[0-9]{1,6}(?=(\.[^./]*)?\Z)")
MOST_NUMBERS = 4
"""How many numbers of one name are looked at, see `recorder.footage.own_path`."""
_WITNESSES = 8


class Key(NamedTuple):
    """What a clip is found again by (I3). The path is without the number that the listing gives to
    files of one name: that moves when one of them goes."""

    storage: str
    path: str
    size: int
    recorded: str


def key_of(clip: Clip | Sighting) -> Key:
    """Of a clip as listed or as the ledger keeps it."""
    path = _NUMBER.sub("", clip.path)
    return Key(clip.storage, path, clip.size, clip.recorded)


class Listing:
    """Everything that the recorder lists at one moment."""

    def __init__(self, clips: Iterable[Clip]) -> None:
        self.clips = tuple(clips)
        self._keys = Counter(key_of(facts(clip)) for clip in self.clips)

    def count(self, key: Key) -> int:
        """How many objects have this key; more than one cannot be told apart."""
        return self._keys[key]

    def lost_since(self, before: Listing, key: Key) -> list[Key]:
        """What was listed before and is not now, beside one object of that key."""
        gone = before._keys - self._keys
        return sorted((gone - Counter([key])).elements())

    def find(self, key: Key) -> Clip | None:
        """The object with this key, where there is one."""
        return next((clip for clip in self.clips if key_of(facts(clip)) == key), None)

    def witnesses(self, key: Key) -> str:
        """A few other objects on the same storage, by which that is known again, as text."""
        others = (each for each in sorted(self._keys) if each.storage == key.storage)
        return json.dumps([each for each in others if each != key][:_WITNESSES])

    def knows(self, witnesses: str) -> bool:
        """Whether one of these objects is listed, or there were none."""
        known = [Key(*each) for each in json.loads(witnesses)]
        return not known or any(self._keys[each] for each in known)


def ids_of(clip: Clip, serial: str, generation: int) -> Iterator[ClipId]:
    """Under which ids a listed clip may be known: its own, and where other files of its name went
    since, the numbered ones."""
    kept = facts(clip)
    yield kept.id_on(serial, generation)
    bare = _NUMBER.sub("", kept.path)
    folder, slash, name = bare.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    for number in range(1, MOST_NUMBERS + 1):
        numbered = f"{stem}~{number}{dot}{extension}" if stem else f"{name}~{number}"
        path = f"{folder}{slash}{numbered}" if number > 1 else bare
        if path != kept.path:
            yield Clip(kept.storage, path, kept.size, kept.recorded).id_on(serial, generation)
