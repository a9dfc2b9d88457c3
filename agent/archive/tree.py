"""The folders for people: `tree/` of relative links to the objects, named from case data.

Nothing in it is evidence, and nothing here touches an object: links are made and removed, empty
folders too, and whatever else lies there is left alone. The names given are in the catalogue
(`tree_link`), clips to be looked at again in `unshown`; after a crash, what stands there is done
again. No step follows a link that somebody put into the tree.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Lock

from agent.archive.catalogue import Catalogue
from agent.archive.files import guarded
from agent.archive.template import Template, extension, facts_of

log = logging.getLogger(__name__)

TREE = "tree"
"""The folder's name in the archive's root."""
BATCH = 200
"""Clips that are looked at in one transaction."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Wanted:
    """A link as it is to be: `base` is its path without a number, `target` from the root on."""

    blake3: str
    base: PurePosixPath
    suffix: str
    target: str


class Tree:
    """Keeps the folder. May be called from any thread; raises `ConfigError` for a template that is
    none, else `StoreFull` or `StoreBroken`."""

    def __init__(self, root: Path, catalogue: Catalogue, template: str) -> None:
        self._root = root
        self._catalogue = catalogue
        self._template = Template.parse(template)
        self._lock = Lock()
        self._sweep_due = False
        catalogue.shows = True

    def begin(self, *, anew: bool = False) -> None:
        """Look at every clip again where the template is another than last time, or `anew`."""
        if anew or self._catalogue.meta(TREE) != self._template.text:
            self._catalogue.show_all(self._template.text)
            self._sweep_due = True

    def step(self) -> bool:
        """Do some of what is due; False once nothing is."""
        if clips := self._catalogue.unshown(BATCH):
            self._show(clips)
            return True
        if self._sweep_due:
            self._sweep_due = False
            self._sweep()
        return False

    def rebuild(self) -> dict[str, int]:
        """All of it; how many links there are."""
        self.begin(anew=True)
        while self.step():
            pass
        return {"links": self._catalogue.link_count()}

    def _show(self, clips: list[str]) -> None:
        with self._lock, guarded("keep tree"):
            old: list[str] = []
            new: list[tuple[str, str]] = []
            with self._catalogue.writing("name links"):
                for clip in clips:
                    gone, links = self._catalogue.name_links(clip, self._wanted(clip))
                    old += gone
                    new += links
                # Before the commit: after a crash they are unshown still, and done again.
                for path, target in new:
                    self._link(PurePosixPath(path), target)
                for path in set(old) - {path for path, _ in new}:
                    if not self._catalogue.names(path):
                        self._unlink(PurePosixPath(path))
                self._catalogue.shown(clips)

    def _wanted(self, clip: str) -> list[Wanted]:
        case, keep = self._catalogue.case_now(clip), self._catalogue.class_of(clip)
        found: dict[str, Wanted] = {}
        for row in self._catalogue.versions(clip):
            if row.blake3 in found or not (target := self._catalogue.stored_at(row.blake3)):
                continue
            base = PurePosixPath(*self._template.folders(facts_of(row, case, keep)))
            age = ".age" if self._catalogue.is_encrypted(row.blake3) else ""
            found[row.blake3] = Wanted(row.blake3, base, extension(row.path) + age, target)
        return list(found.values())

    def _link(self, path: PurePosixPath, target: str) -> None:
        upward = "../" * len(path.parts)
        with self._folder(path.parent, make=True) as folder:
            if folder is None:
                log.warning("tree: a folder of %r is something else; left out", str(path))
                return
            self._place(folder, path.name, upward + target)

    def _place(self, folder: int, name: str, target: str) -> None:
        if (there := _kind(folder, name)) is None:
            os.symlink(target, name, dir_fd=folder)
        elif not stat.S_ISLNK(there):
            log.warning("tree: %r is no link of ours; left alone", name)
        elif os.readlink(name, dir_fd=folder) != target:
            os.unlink(name, dir_fd=folder)
            os.symlink(target, name, dir_fd=folder)

    def _unlink(self, path: PurePosixPath) -> None:
        """Remove a link, and the folders that are empty then."""
        with self._folder(path.parent) as folder:
            if folder is None:
                return
            there = _kind(folder, path.name)
            if there is not None and stat.S_ISLNK(there):
                os.unlink(path.name, dir_fd=folder)
        for parent in path.parents:
            if not parent.name:
                return
            with self._folder(parent.parent) as folder:
                if folder is None or not _removed(folder, parent.name):
                    return

    def _sweep(self) -> None:
        """Remove links that have no name any more, and folders that are empty."""
        top = self._root / TREE
        with self._lock, guarded("sweep tree"):
            for where, folders, files in os.walk(top, topdown=False):
                below = PurePosixPath(Path(where).relative_to(top).as_posix())
                for name in [*files, *folders]:
                    if not self._catalogue.names(str(below / name)):
                        self._unlink(below / name)
                if below.name:
                    with self._folder(below.parent) as folder:
                        if folder is not None:
                            _removed(folder, below.name)

    @contextmanager
    def _folder(self, path: PurePosixPath, *, make: bool = False) -> Iterator[int | None]:
        """A descriptor of a folder in the tree, step by step without following a link; None where
        one step is none."""
        if make:
            (self._root / TREE).mkdir(mode=0o750, exist_ok=True)
        try:
            at = os.open(self._root / TREE, _FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            yield None
            return
        try:
            for name in path.parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(name, 0o750, dir_fd=at)
                below = _opened(at, name)
                if below is None:
                    yield None
                    return
                os.close(at)
                at = below
            yield at
        finally:
            os.close(at)


def _opened(folder: int, name: str) -> int | None:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if stat.S_ISLNK(_kind(folder, name) or 0):
            return None
        raise error


def _kind(folder: int, name: str) -> int | None:
    """The mode of what is there, None where nothing is."""
    try:
        return os.lstat(name, dir_fd=folder).st_mode
    except FileNotFoundError:
        return None


def _removed(folder: int, name: str) -> bool:
    """Remove a folder if it is empty."""
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError:
        return False
    return True
