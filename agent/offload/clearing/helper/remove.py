"""One removal, from the request to the look afterwards."""

from __future__ import annotations

import unicodedata
from contextlib import ExitStack

from agent.errors import RecorderMisbehaved, RecorderRefused
from agent.offload.clearing.helper.card import Card, Window
from agent.offload.clearing.helper.copy import Copy, changes, fill
from agent.offload.clearing.helper.exfat import ExfatJudge
from agent.offload.clearing.helper.fat import FatJudge
from agent.offload.clearing.helper.inventory import Inventory, Item, Part, inventory
from agent.offload.clearing.helper.judge import Steps
from agent.offload.clearing.helper.request import Answer, Request
from agent.offload.clearing.helper.tool import take_away
from agent.spool.sidecar import fingerprint

_JUDGES = {"fat": FatJudge, "exfat": ExfatJudge}
_ONE_FAT = 1


def remove(request: Request) -> Answer:
    """Take one file off a card.

    Raises `RecorderGone` and `RecorderRefused` where nothing was written, `RecorderMisbehaved`
    where that is not sure.
    """
    with Card(request.node, request.standing) as card, ExitStack() as stack:
        found = inventory(card.window, request.encoding)
        if found.digest != request.listing:
            raise RecorderRefused("the card is not what it was when its clips were listed")
        part, item = _wanted(found, request)
        before, after = Copy(request.standing.size), Copy(request.standing.size)
        stack.callback(before.close)
        stack.callback(after.close)
        steps = _worked_out(request, card.window, part, item, before, after)
        _write(card, steps)
        card.forget()
        _check(inventory(card.window, request.encoding), found, part, item)
        return Answer(writes=card.writes, written=card.written)


def _wanted(found: Inventory, request: Request) -> tuple[Part, Item]:
    """The one file that is meant. Raises `RecorderRefused` for anything unusual."""
    if found.trouble:
        raise RecorderRefused("not everything on the card can be listed")
    part = found.part(request.start)
    if part is None or part.kind not in _JUDGES or part.facts.boot is None:
        raise RecorderRefused("its file system is none that single files are taken off")
    if part.facts.storage.dirty:
        raise RecorderRefused("its file system was not closed in order")
    check_path(request.path)
    items = [each for each in part.items if each.entry == request.entry]
    facts = [(each.path, each.size, each.recorded, each.own) for each in items]
    if facts != [(request.path, request.size, request.recorded, False)]:
        raise RecorderRefused("it is not there as it was listed")
    _check_names(part, items[0])
    return part, items[0]


def check_path(path: str) -> None:
    """Raises `RecorderRefused` for a path that a tool might take for another one."""
    steps = path.split("/")
    odd = any(step in ("", ".", "..") or step != step.strip(" .") for step in steps)
    if odd or "\\" in path or not path.isprintable() or unicodedata.normalize("NFC", path) != path:
        raise RecorderRefused("its name is not one that every system reads alike")
    if any(ord(letter) > 0xFFFF for letter in path):
        raise RecorderRefused("its name has letters that not every system reads")


def _check_names(part: Part, item: Item) -> None:
    """Nothing on the way to it has a name that differs from another's only by case."""
    steps = item.path.split("/")
    ways = {"/".join(steps[: depth + 1]).casefold() for depth in range(len(steps))}
    alike = [each.path for each in part.items if each.path.rstrip("/").casefold() in ways]
    if len(alike) != len(steps):
        raise RecorderRefused("another file or folder has almost the same name")
    if part.kind == "fat" and item.short and not item.path.rpartition("/")[2].isascii():
        raise RecorderRefused("its short name has letters that not every system reads alike")


def _worked_out(
    request: Request, disk: Window, part: Part, item: Item, before: Copy, after: Copy
) -> Steps:
    """What to write, proved on a copy before a byte of the card changes."""
    _check_bytes(request, disk, part, item)
    fill((before, after), disk, part)
    take_away(after, part, item)
    judge = _JUDGES[part.kind](part, item, before.window, after.window)
    steps = judge.steps(changes(before, after))
    for step in steps.in_order():
        for change in step:
            before.put(change.offset, _merged(before, change.offset, change.before, change.after))
    left = inventory(before.window, request.encoding).part(part.start)
    if left is None or _sorted(left) != sorted(part.less(item), key=_key):
        raise RecorderRefused("the tool changed more than this one file")
    return steps


def _merged(copy: Copy, offset: int, old: bytes, new: bytes) -> bytes:
    """Two changes may be of one sector: each brings its own bytes."""
    now = copy.window.read(offset, len(old))
    return bytes(b if a != b else c for a, b, c in zip(old, new, now, strict=True))


def _check_bytes(request: Request, disk: Window, part: Part, item: Item) -> None:
    """Its bytes are those that the parent read. Raises `RecorderRefused`."""
    data = [read_at(disk, item, *place) for place in request.places]
    if not data or fingerprint(*data) != request.fingerprint:
        raise RecorderRefused("its bytes are not those that were read")
    if part.kind == "exfat" and disk.read(part.start + 110, 1)[0] != _ONE_FAT:
        raise RecorderRefused("its file system has two maps of clusters")


def read_at(disk: Window, item: Item, offset: int, size: int) -> bytes:
    """Some of a file's bytes, straight from where they lie."""
    found, at = bytearray(), 0
    for place, length in item.places():
        begin, end = max(offset, at), min(offset + size, at + length)
        if begin < end:
            found += disk.read(place + begin - at, end - begin)
        at += length
    return bytes(found)


def _write(card: Card, steps: Steps) -> None:
    written: dict[int, bytes] = {}
    for step in steps.in_order():
        for change in step:
            now = written.get(change.offset, change.before)
            pairs = zip(change.before, change.after, now, strict=True)
            after = bytes(b if a != b else c for a, b, c in pairs)
            card.replace(change.offset, now, after)
            written[change.offset] = after
        card.sync()


def _check(now: Inventory, before: Inventory, part: Part, item: Item) -> None:
    """Raises `RecorderMisbehaved` unless the card has everything else as it was, and not this."""
    wanted = {each.start: each.items for each in before.parts}
    wanted[part.start] = part.less(item)
    found = {each.start: each.items for each in now.parts}
    if now.trouble or {n: sorted(items, key=_key) for n, items in found.items()} != {
        n: sorted(items, key=_key) for n, items in wanted.items()
    }:
        raise RecorderMisbehaved("the card is not what it should be after a file was taken away")


def _key(item: Item) -> tuple[str, int]:
    return item.path, item.entry


def _sorted(part: Part) -> list[Item]:
    return sorted(part.items, key=_key)
