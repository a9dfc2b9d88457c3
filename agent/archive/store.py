"""The folder store: objects by content, partials by clip, quarantine.

```
objects/ab/cdef…              one whole clip, named by its BLAKE3, read-only
partial/<clip>-<blake3>/      a clip on its way in (`agent.archive.partial`)
quarantine/000001/            what failed its digests, with `why`
```

Invariants:
1. A name under `objects/` is given once, to bytes that were synced, read back from the disk and
   found to have that BLAKE3. It is never written again and never deleted; where an object no
   longer has its bytes it moves to quarantine as it is.
2. No name comes from a recorder or a dock: only digests that the contract holds to 64 hexadecimal
   digits.
3. Only partials are deleted: of a stored clip, of one untouched for a month, or the oldest in
   quarantine beyond `UPLOADS_KEPT`. None of them was ever receipted, and the dock still holds
   its clip.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from agent.archive.files import guarded, is_unreadable, make_folder, replace_file, sync
from agent.archive.opening import PLAIN, Opening
from agent.archive.partial import (
    DATA,
    OFFER,
    PARTS,
    SLOT_BYTES,
    SLOTS,
    Partial,
    chunk_count,
)
from agent.archive.readback import compare, read_back
from agent.errors import StoreBroken, StoreFull
from agent.model import Digests
from agent.wire.contract import JSON_LIMIT, Manifest
from agent.wire.facts import Sent

log = logging.getLogger(__name__)

UPLOADS_KEPT = 16
"""Failed uploads kept in quarantine to be looked at; damaged objects are kept without limit."""
PREFIXES = tuple(f"{number:02x}" for number in range(256))
"""The folders under `objects/`."""
_WHY = "why"
_OBJECT_CASE, _UPLOAD_CASE = "object", "upload"
_PARTIAL_NAME = re.compile(r"([0-9a-f]{64})-([0-9a-f]{64})\Z")
_CASE_NAME = re.compile(r"(\d{6,})-(object|upload)\Z")


class Store:
    """All files of an archive under one folder. `floor` bytes of its disk are never used.

    Its methods raise `StoreFull` or `StoreBroken`.
    """

    def __init__(self, root: Path, floor: int = 0) -> None:
        self.root = root
        self._floor = floor
        self._objects = root / "objects"
        self._partials = root / "partial"
        self._quarantine = root / "quarantine"
        self._numbering = Lock()

    def make(self) -> None:
        """Make the folders that are missing; the names of all are durable afterwards."""
        with guarded("make store"):
            for folder in (self._objects, self._partials, self._quarantine):
                make_folder(folder)

    # Objects.

    def object_path(self, blake3: str) -> Path:
        return self._objects / blake3[:2] / blake3[2:]

    def stored_as(self, blake3: str) -> str:
        """The object's name in receipts and catalogue, relative to the root."""
        return self.object_path(blake3).relative_to(self.root).as_posix()

    def object_size(self, blake3: str) -> int | None:
        """Size of a stored object in bytes, None where there is none."""
        with guarded("look for object"):
            try:
                return self.object_path(blake3).stat().st_size
            except FileNotFoundError:
                return None

    def object_is_sound(self, manifest: Manifest, form: Sent | None = None) -> bool:
        """Read an object back whole and hold it against a manifest; `form` where that is not the
        one in which the clip was sent.

        True: sound, and file and names are synced. False: it lost its bytes, or the disk does
        not give them back, and lies in quarantine. A manifest that contradicts a sound object
        raises `DigestMismatch`.
        """
        form = form or manifest.sent
        path = self.object_path(form.blake3)
        read = _read_object(path, form, manifest.chunk_bytes)
        if isinstance(read, str):
            self.quarantine_object(form.blake3, read)
            return False
        with guarded("verify object"):
            sync(path.parent)
            sync(self._objects)
        compare(form, *read)
        return True

    def objects(self, prefix: str) -> dict[str, Path]:
        """Files under `objects/<prefix>` (two digits) by the name that each bears, all unopened."""
        with guarded("list objects"):
            folder = self._objects / prefix
            if not folder.is_dir():
                return {}
            return {prefix + path.name: path for path in sorted(folder.iterdir())}

    # Partials.

    def partial_folder(self, manifest: Manifest) -> Path:
        return self._partials / f"{manifest.clip}-{manifest.sent.blake3}"

    def open_partial(self, manifest: Manifest) -> Partial:
        """The clip's partial as an earlier run left it, or a new one with its room reserved."""
        folder = self.partial_folder(manifest)
        with guarded("open partial"):
            kept = _size(folder / DATA) == manifest.sent.size and (folder / SLOTS).exists()
            if kept and _size(folder / SLOTS) == chunk_count(manifest) * SLOT_BYTES:
                return Partial(folder, manifest)
            self.drop(folder)
        self.check_room(manifest.sent.size)
        with guarded("reserve room"):
            folder.mkdir(mode=0o750)
            try:
                _reserve(folder / DATA, manifest.sent.size)
                _reserve(folder / SLOTS, chunk_count(manifest) * SLOT_BYTES)
            except OSError:
                self.drop(folder)
                raise
        return Partial(folder, manifest)

    def partials(self) -> Iterator[tuple[str, str, Path]]:
        """Clip id, BLAKE3 and folder of every partial; a foreign name is left alone."""
        with guarded("list partials"):
            for folder in sorted(self._partials.iterdir()):
                if match := _PARTIAL_NAME.match(folder.name):
                    yield match[1], match[2], folder
                else:
                    log.warning("partial/%r is not ours; left in place", folder.name)

    def offers_for(self, clip: str) -> list[bytes]:
        """The envelopes that lie beside the partials of a clip."""
        with guarded("look for partial"):
            found = self._partials.glob(f"{clip}-*")
            return [envelope for folder in sorted(found) if (envelope := kept_offer(folder))]

    def seal(self, partial: Partial, manifest: Manifest, opening: Opening | None = None) -> Sent:
        """Make a complete partial an object: sync, read back, compare, rename, sync the names.

        An encrypted clip is decrypted in between, where there is an `opening` that can. Returns the
        form in which it lies here now. The folder with its offer stays until `drop`, so that a
        crash before the catalogue's commit can be mended. Raises `DigestMismatch` where the bytes
        are not those offered.
        """
        partial.sync()
        form = manifest.sent
        with guarded("seal"):
            size, found = read_back(partial.data_path, form, manifest.chunk_bytes, partial.slots())
        compare(form, size, found)
        data = partial.data_path
        if opening and opening.opens(manifest):
            plain = data.with_name(PLAIN) if opening.keeps_plain else None
            self.check_room(manifest.size if plain else 0)
            opening.prove(data, manifest, plain)
            if plain:
                data, form = plain, manifest.recorded_form
        with guarded("seal"):
            sync(partial.folder / OFFER)
            sync(partial.folder)
            sync(self._partials)
            final = self.object_path(form.blake3)
            if not (final.exists() and self.object_is_sound(manifest, form)):
                make_folder(final.parent)
                data.rename(final)
                sync(final.parent)
                sync(partial.folder)
        return form

    def drop(self, folder: Path) -> None:
        """Delete a partial, its files by name."""
        if not folder.exists():
            return
        with guarded("drop partial"):
            for part in (*PARTS, PLAIN, OFFER + ".new", _WHY, _WHY + ".new"):
                (folder / part).unlink(missing_ok=True)
            folder.rmdir()

    # Quarantine.

    def quarantine_upload(self, folder: Path, why: str) -> None:
        """Move a failed partial away and keep only the newest `UPLOADS_KEPT`."""
        with self._numbering, guarded("quarantine"):
            case = self._next_case(_UPLOAD_CASE)
            folder.rename(case)
            self._explain(case, why)
            old = [case for _, kind, case in self._cases() if kind == _UPLOAD_CASE]
        for gone in old[:-UPLOADS_KEPT]:
            self.drop(gone)

    def set_aside(self, folder: Path, why: str) -> None:
        """`quarantine_upload` as well as the disk allows; where it does not, that is logged."""
        log.error("%s goes to quarantine: %s", folder.name, why)
        try:
            self.quarantine_upload(folder, why)
        except (StoreFull, StoreBroken) as error:
            log.error("%s stays where it is: %s", folder.name, error)

    def quarantine_object(self, blake3: str, why: str) -> None:
        """Move a damaged object away, for a person to look at; its name becomes free."""
        log.critical("object %s is damaged: %s; it goes to quarantine", blake3, why)
        with self._numbering, guarded("quarantine"):
            case = self._next_case(_OBJECT_CASE)
            make_folder(case)
            path = self.object_path(blake3)
            path.rename(case / DATA)
            self._explain(case, f"object {blake3}: {why}")
            sync(path.parent)

    def _explain(self, case: Path, why: str) -> None:
        replace_file(case / _WHY, why.encode() + b"\n")
        sync(case)
        sync(self._quarantine)

    def _cases(self) -> list[tuple[int, str, Path]]:
        found = ((path, _CASE_NAME.match(path.name)) for path in self._quarantine.iterdir())
        return sorted((int(match[1]), match[2], path) for path, match in found if match)

    def _next_case(self, kind: str) -> Path:
        cases = self._cases()
        number = cases[-1][0] + 1 if cases else 1
        return self._quarantine / f"{number:06}-{kind}"

    def check_room(self, size: int) -> None:
        """Raises `StoreFull` where `size` bytes more would go below the floor."""
        with guarded("look for room"):
            disk = os.statvfs(self.root)
        free = disk.f_bavail * disk.f_frsize
        if free - size < self._floor:
            raise StoreFull(f"{size} bytes wanted, {free} free, {self._floor} kept")


def kept_offer(folder: Path) -> bytes | None:
    """The envelope beside a partial, None where there is none. Raises OSError."""
    try:
        with (folder / OFFER).open("rb") as file:
            return file.read(JSON_LIMIT)
    except FileNotFoundError:
        return None


def _read_object(path: Path, form: Sent, chunk_bytes: int) -> tuple[int, Digests] | str:
    """Size and digests of an object as the disk gives them, or how it is damaged."""
    with guarded("verify object"):
        try:
            sync(path)
            size, found = read_back(path, form, chunk_bytes)
        except OSError as error:
            if not is_unreadable(error):
                raise
            return f"it cannot be read: {error.strerror or error}"
    if found.blake3 != form.blake3:
        return f"BLAKE3 is now {found.blake3}"
    return size, found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _reserve(path: Path, size: int) -> None:
    """Make a file of zeros with its blocks allocated, so that no write runs out of room."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        if size:
            os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)
