"""A bag of clips and their evidence (RFC 8493, version 1.0), written in one pass over the clips.

| file | covers |
|---|---|
| `manifest-sha256.txt` | everything in `data/` |
| `blake3sums.txt` | everything but the two below and itself; `b3sum --check` reads it |
| `tagmanifest-sha256.txt` | everything outside `data/` but itself and the seal |
| `seal.sig` | `tagmanifest-sha256.txt`: its Ed25519 signature (RFC 8032), 64 bytes |

So each bit of a bag is under a digest, and all digests under one signature. A tag manifest begins
with a hexadecimal digit, which nothing else does that these keys sign.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent import __version__
from agent.custody.export.cover import cover_page
from agent.custody.export.evidence import clip_files, key_files
from agent.custody.export.medium import Medium, Written
from agent.custody.export.names import safe_names
from agent.custody.export.readme import readme
from agent.custody.export.supply import Consignment, Exhibit
from agent.errors import ClipDamaged
from agent.model import printable

TAGS = "tagmanifest-sha256.txt"
SEAL = "seal.sig"
_BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Bag:
    """What was written. `tagmanifest` is the SHA-256 of `tagmanifest-sha256.txt`: one number that
    stands for the whole. `clips` are the files of the exhibits, in their order."""

    tagmanifest: str
    clips: tuple[Written, ...]
    files: tuple[Written, ...]

    @property
    def payload_bytes(self) -> int:
        return sum(each.size for each in self.clips)


def write_bag(medium: Medium, given: Consignment, *, copying: bool = True) -> Bag:
    """Fill a medium's folder; it is not finished yet. `copying` False: clips that lie in files of
    their own are linked, for an image that is made of the folder.

    Raises `ClipDamaged` with its name for a clip that is not what the books promise, and what
    `Medium` raises.
    """
    names = safe_names((each.serial, each.path) for each in given.exhibits)
    clips = []
    for name, exhibit in zip(names, given.exhibits, strict=True):
        given.told(f"data/{name}")
        clips.append(_clip(medium, f"data/{name}", exhibit, copying=copying))
    for number, (exhibit, written) in enumerate(zip(given.exhibits, clips, strict=True), 1):
        for name, data in clip_files(exhibit, written).items():
            medium.put(f"evidence/{number:04d}/{name}", data)
    for name, data in {**key_files(given), **given.evidence.files}.items():
        medium.put(f"evidence/{name}", data)
    medium.put("cover.html", cover_page(given, clips).encode())
    medium.put("README.txt", readme(given).encode())
    return _sealed(medium, given, clips)


def _clip(medium: Medium, name: str, exhibit: Exhibit, *, copying: bool) -> Written:
    sm3 = exhibit.digests.sm3 is not None
    if copying or exhibit.source is None:
        written = medium.write(name, exhibit.pour, sm3=sm3)
    else:
        written = medium.link(name, exhibit.source, exhibit.pour, sm3=sm3)
    promised = exhibit.digests
    found = (written.size, written.blake3, promised.sha256 and written.sha256, written.sm3)
    if found != (exhibit.size, promised.blake3, promised.sha256, promised.sm3):
        raise ClipDamaged(
            f"clip {exhibit.clip} ({printable(exhibit.path)}) no longer has the bytes that its"
            " digests promise; nothing was supplied",
            do="leave it out, and have its copies looked at",
        )
    return written


def _sealed(medium: Medium, given: Consignment, clips: list[Written]) -> Bag:
    """The files that make a bag of it, the seal last."""
    medium.put("bagit.txt", _BAGIT)
    medium.put("bag-info.txt", _info(given, clips).encode())
    medium.put("manifest-sha256.txt", _sums((each.name, each.sha256) for each in clips))
    medium.put("blake3sums.txt", _sums((each.name, each.blake3) for each in medium.files))
    payload = {each.name for each in clips}
    tags = [each for each in medium.files if each.name not in payload]
    listing = _sums((each.name, each.sha256) for each in tags)
    written = medium.put(TAGS, listing)
    medium.put(SEAL, given.key.sign(listing))
    return Bag(written.sha256, tuple(clips), tuple(medium.files))


def _sums(digests: Iterable[tuple[str, str]]) -> bytes:
    """Lines as `sha256sum` and `b3sum` write and read them."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests)).encode()


def _info(given: Consignment, clips: list[Written]) -> str:
    """`bag-info.txt`: reserved labels of RFC 8493 §2.2.2, then our own."""
    supply = given.supply
    labels = {
        "Source-Organization": supply.source,
        "Bagging-Date": supply.at[:10],
        "Payload-Oxum": f"{sum(each.size for each in clips)}.{len(clips)}",
        "External-Identifier": supply.id,
        "External-Description": supply.why or "clips of body-worn recorders with their evidence",
        "Contact-Name": supply.by,
        "Bagging-Time": supply.at,
        "Approval-Reference": supply.approval,
        "Receiver-Name": supply.receiver,
        "Seal-Key": given.key.public.text,
        "Bagging-Software": f"bodydock {__version__}",
    }
    return "".join(f"{label}: {printable(value)}\n" for label, value in labels.items())
