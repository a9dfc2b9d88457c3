"""Clear on recorders that are disks: ask the helper, and believe only what the card shows.

The session reads through a descriptor that cannot write. For one removal it lets the card go, a
process of its own opens it for writing (`helper`), and then the session opens it anew and compares
everything that lies on it, name by name and cluster by cluster, with what lay there before.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from blake3 import blake3

from agent.errors import Malformed, RecorderBusy, RecorderGone, RecorderMisbehaved, RecorderRefused
from agent.link.attached import Disk
from agent.link.volume.node import BlockNode, Readable
from agent.model import Clip, printable
from agent.offload.clearing.helper.__main__ import GONE
from agent.offload.clearing.helper.inventory import Inventory, Item, Part, inventory
from agent.offload.clearing.helper.request import (
    ANSWER_LIMIT,
    Answer,
    Request,
    read_answer,
    write_request,
)
from agent.recorder.volume.recorder import VolumeRecorder
from agent.spool.sidecar import fingerprint, places

log = logging.getLogger(__name__)

HELPER_SECONDS = 300.0
"""For one removal, three listings included."""
NEAR = 16
"""How many files that lie nearest on the card are read again afterwards."""
NEAR_BYTES = 128 * 1024
"""Of each of them, from its front and from its end."""
_KEPT = ("PATH", "LD_LIBRARY_PATH")


class VolumeEraser:
    """`agent.offload.clearing.eraser.Eraser` for one session with a disk. FAT and exFAT only."""

    def __init__(self, recorder: VolumeRecorder) -> None:
        self._recorder = recorder

    def erase(self, clip: Clip) -> None:
        """Take one file away, which this session listed and read.

        Raises `RecorderRefused` where it was left alone, `RecorderGone` where the card is another
        or none, `RecorderBusy` where somebody else holds it, and `RecorderMisbehaved` where what
        became of it is to be looked for, or the card is not what it should be afterwards.
        """
        held = self._recorder.held(clip)
        disk, start, entry = held.node.disk, held.start, held.entry
        if held.runs is None:
            raise RecorderRefused(f"{_name(clip)} stays: {_UNKNOWN}")
        before = inventory(held.node, self._recorder.encoding)
        part, item = _meant(before, clip, start, entry)
        wanted = places(clip.size, token_hex(16))
        seen = fingerprint(*(self._recorder.read(clip, *place) for place in wanted))
        near = list(_nearest(part, item))
        bytes_near = _bytes_of(held.node, near)
        request = Request(
            node=str(disk.node),
            standing=held.node.standing,
            listing=before.digest,
            start=start,
            entry=entry,
            path=item.path,
            size=item.size,
            recorded=item.recorded,
            encoding=self._recorder.encoding,
            places=tuple(wanted),
            fingerprint=seen,
        )
        with self._recorder.lent():
            answer = _asked(request)
        node = self._node(disk)
        self._check(node, before, part, item, answer)
        if _bytes_of(node, near) != bytes_near:
            raise RecorderMisbehaved(f"files near {_name(clip)} have other bytes than before")
        writes = _done(answer, clip)
        log.info("%s was taken off its card: %d writes", _name(clip), writes)

    def look(self) -> list[Clip]:
        """Everything on the disk, listed anew."""
        with self._recorder.lent():
            pass
        return list(self._recorder.clips())

    def _node(self, disk: Disk) -> BlockNode:
        return next(node for node in self._recorder.nodes if node.disk == disk)

    def _check(
        self, node: BlockNode, before: Inventory, part: Part, item: Item, answer: Answer | str
    ) -> None:
        """Raises `RecorderMisbehaved` unless the card has everything else as it was."""
        now = inventory(node, self._recorder.encoding)
        left = {each.start: each.items for each in before.parts}
        without = left | {part.start: part.less(item)}
        found = {each.start: each.items for each in now.parts}
        allowed = [left, without]
        if isinstance(answer, Answer):
            allowed = [left if answer.refused else without]
        if now.trouble or not any(_same(found, each) for each in allowed):
            log.error("the card is not what it should be after %s", printable(item.path))
            raise RecorderMisbehaved(
                "the card is not what it should be after a file was taken away",
                do="take it out of use and look at it",
            )


_UNKNOWN = "its file system is none that single files are taken off"
_UNSURE = "the helper ended before it could say what became of it"


def _name(clip: Clip) -> str:
    return printable(clip.path)


def _meant(found: Inventory, clip: Clip, start: int, entry: int) -> tuple[Part, Item]:
    """The file that the clip is, in an inventory of its disk. Raises `RecorderRefused`."""
    if found.trouble:
        raise RecorderRefused(f"{_name(clip)} stays: not everything on its card can be listed")
    part = found.part(start)
    for item in part.items if part else ():
        if item.entry == entry and part is not None:
            if (item.path, item.size, item.recorded) == (clip.path, clip.size, clip.recorded):
                return part, item
            raise RecorderRefused(f"{_name(clip)} stays: its name is not its own")
    raise RecorderRefused(f"{_name(clip)} stays: it is not where it was listed")


def _same(found: dict[int, list[Item]], wanted: dict[int, list[Item]]) -> bool:
    """Whatever order they are told in."""
    return found.keys() == wanted.keys() and all(
        len(items) == len(wanted[start]) and set(items) == set(wanted[start])
        for start, items in found.items()
    )


def _nearest(part: Part, item: Item) -> Iterator[Item]:
    """Files that lie nearest to it."""
    own = next(item.places(), (0, 0))[0]
    lying = [
        (next(each.places(), None), each)
        for each in part.less(item)
        if not (each.folder or each.own)
    ]
    near = sorted(
        ((abs(place[0] - own), each.entry, each) for place, each in lying if place),
        key=lambda one: one[:2],
    )
    return (each for _, _, each in near[:NEAR])


def _bytes_of(disk: Readable, items: list[Item]) -> str:
    """A digest over the first and last bytes of each."""
    hasher = blake3()
    for item in items:
        spans = list(item.places())
        (first, length), (last, rest) = spans[0], spans[-1]
        hasher.update(disk.read(first, min(length, NEAR_BYTES)))
        tail = min(rest, NEAR_BYTES)
        hasher.update(disk.read(last + rest - tail, tail))
    return hasher.hexdigest()


def _asked(request: Request) -> Answer | str:
    """What the helper answers; or why it gave no answer, which says nothing about the card.

    Raises `RecorderGone` where it met another card and wrote nothing, `RecorderBusy` where it
    could not be started.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"TZ": "UTC", "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-s", "-m", "agent.offload.clearing.helper"],
            input=write_request(request).encode(),
            capture_output=True,
            env=environment,
            timeout=HELPER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{_UNSURE}: it took too long"
    except OSError as error:
        raise RecorderBusy(f"this dock cannot start the helper that clears ({error})") from error
    words = printable(done.stderr.decode(errors="replace").strip()[-300:])
    if done.returncode == GONE:
        raise RecorderGone(words)
    if done.returncode or len(done.stdout) > ANSWER_LIMIT:
        return f"{_UNSURE} ({done.returncode}): {words}"
    try:
        return read_answer(done.stdout.decode(errors="replace"))
    except Malformed as error:
        return f"{_UNSURE}: {error}"


def _done(answer: Answer | str, clip: Clip) -> int:
    """How many writes it took. Raises what the answer means otherwise."""
    if isinstance(answer, str):
        raise RecorderMisbehaved(f"{_name(clip)}: {answer}")
    if answer.refused:
        raise RecorderRefused(f"{_name(clip)} stays: {printable(answer.refused)}")
    return answer.writes
