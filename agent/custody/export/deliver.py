"""The whole way of one export: room, intent on record, bag, outcome on record."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.custody.export.bag import Bag, write_bag
from agent.custody.export.image import check_image, insist_on_xorriso, make_image
from agent.custody.export.medium import Medium, check_room, on_medium, sync
from agent.custody.export.record import Book, failed
from agent.custody.export.supply import Consignment, Evidence, Exhibit
from agent.errors import UsageError

PER_CLIP = 160 * 1024
"""Bytes reckoned for a clip's evidence, beside the clip."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was supplied. `image_sha256` is empty where it is a folder."""

    target: Path
    tagmanifest_sha256: str
    clips: int
    bytes: int
    image_sha256: str = ""

    def facts(self) -> dict[str, Any]:
        """As it is recorded."""
        facts: dict[str, Any] = {
            "stage": "supplied",
            "tagmanifest_sha256": self.tagmanifest_sha256,
            "clips": self.clips,
            "bytes": self.bytes,
        }
        return facts | ({"image_sha256": self.image_sha256} if self.image_sha256 else {})


def to_folder(
    target: Path, given: Consignment, book: Book, proofs: Callable[[], Evidence]
) -> Outcome:
    """Write a bag at `target`, which must not be there. `proofs` is asked for what the custody log
    proves once the intent stands in it.

    Raises `UsageError` for nothing to supply or a target that is there, `MediumFull`,
    `MediumBroken`, `ClipDamaged`, and what the book raises. A failure is recorded, and what was
    written stays as `<name>.incomplete`.
    """
    _insist_some(given)
    check_room(target.parent, _sizes(given.exhibits))
    medium = Medium(target)

    def make() -> Outcome:
        bag = write_bag(medium, replace(given, evidence=proofs()))
        medium.finish()
        return _outcome(target, bag)

    return _on_record(given, book, str(target), make)


def to_image(
    image: Path, given: Consignment, book: Book, proofs: Callable[[], Evidence]
) -> Outcome:
    """Write a bag into an ISO image; raises as `to_folder`. What an image is made of lies beside
    it until it is done, as `<name>.contents.incomplete`: links, not copies."""
    _insist_some(given)
    insist_on_xorriso()
    part = image.with_name(f"{image.name}.incomplete")
    for path in (image, part):
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} is there already", do="name another, or move it away")
    sizes = _sizes(given.exhibits)
    copied = [each.size for each in given.exhibits if each.source is None]
    check_room(image.parent, copied, single=sum(sizes))
    medium = Medium(image.with_name(f"{image.name}.contents"))

    def make() -> Outcome:
        bag = write_bag(medium, replace(given, evidence=proofs()), copying=False)
        medium.unmark()
        make_image(medium.folder, part, f"BAG_{given.supply.id.upper()}")
        digest = check_image(part, medium.files)
        with on_medium(f"naming {image}"):
            part.rename(image)
            sync(image.parent)
            shutil.rmtree(medium.folder)
        return replace(_outcome(image, bag), image_sha256=digest)

    return _on_record(given, book, str(image), make)


def _on_record(given: Consignment, book: Book, medium: str, make: Callable[[], Outcome]) -> Outcome:
    clips = [each.clip for each in given.exhibits]
    total = sum(each.size for each in given.exhibits)
    book.begun(given.supply, clips, {"bytes": total, "medium": medium[:1024]})
    try:
        outcome = make()
    except BaseException as error:
        failed(book, given.supply, error)
        raise
    book.ended(given.supply, outcome.facts())
    return outcome


def _insist_some(given: Consignment) -> None:
    if not given.exhibits:
        raise UsageError("no clip fits what was asked for; nothing was exported")


def _sizes(exhibits: list[Exhibit]) -> list[int]:
    return [size for each in exhibits for size in (each.size, PER_CLIP)] + [2**20]


def _outcome(target: Path, bag: Bag) -> Outcome:
    return Outcome(target, bag.tagmanifest, len(bag.clips), bag.payload_bytes)
