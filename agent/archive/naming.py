"""The catalogue's verbs for the folders for people: which name each clip has there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Protocol

from agent.archive.cases import Cases


class Wanted(Protocol):
    """A link as it is to be, see `agent.archive.tree`."""

    @property
    def blake3(self) -> str: ...
    @property
    def base(self) -> PurePosixPath: ...
    @property
    def suffix(self) -> str: ...
    @property
    def target(self) -> str: ...


class Naming(Cases):
    """Names of links, as the catalogue's writer gives them. All raise `StoreBroken`."""

    def name_links(
        self, clip: str, wanted: Sequence[Wanted]
    ) -> tuple[list[str], list[tuple[str, str]]]:
        """Give a clip's objects their names: paths that are theirs no longer, and every
        `(path, target)` that is. A name that still fits stays."""
        run = self._db.conn.execute
        with self.writing("name links"):
            rows = self._rows("select * from tree_link where clip = ?", clip)
            now = {row["blake3"]: row for row in rows}
            links: list[tuple[str, str]] = []
            old: list[str] = []
            for each in wanted:
                base = _folded(f"{each.base}{each.suffix}")
                row = now.pop(each.blake3, None)
                if row is not None and (row["base"], row["target"]) == (base, each.target):
                    links.append((row["path"], each.target))
                    continue
                if row is not None:
                    old.append(row["path"])
                    run("delete from tree_link where path = ?", [row["path"]])
                path = self._free(each, base)
                run(
                    "insert into tree_link (path, folded, base, clip, blake3, target)"
                    " values (?, ?, ?, ?, ?, ?)",
                    [path, _folded(path), base, clip, each.blake3, each.target],
                )
                links.append((path, each.target))
            for row in now.values():
                old.append(row["path"])
                run("delete from tree_link where path = ?", [row["path"]])
        return old, links

    def show_all(self, template: str) -> None:
        """Every clip's names are to be looked at again, for this template."""
        with self.writing("show all"):
            self._db.conn.execute(
                "insert or ignore into unshown (clip) select clip from clip group by clip"
                " order by min(coalesce(earliest, received_at)), clip"
            )
            self._db.conn.execute("insert or replace into meta values ('tree', ?)", [template])

    def _free(self, wanted: Wanted, base: str) -> str:
        """The first name that nobody has: numbered from the second on."""
        rows = self._rows("select count(*) as many from tree_link where base = ?", base)
        number = int(rows[0]["many"]) + 1
        while True:
            mark = f" ({number})" if number > 1 else ""
            path = f"{wanted.base}{mark}{wanted.suffix}"
            where = "select 1 from tree_link where folded = ?"
            if not self._rows(where, _folded(path)):
                return path
            number += 1


def _folded(path: str) -> str:
    """Equal for names that a file system without letter case takes for one."""
    return path.casefold()
