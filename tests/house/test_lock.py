"""requirements.lock holds what pyproject.toml asks for, by digest, from nowhere in particular."""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .tree import PROJECT, ROOT

LOCK = (ROOT / "requirements.lock").read_text("utf-8")
ENTRIES = re.findall(r"^[a-z0-9].*?(?<!\\)$", LOCK, re.MULTILINE | re.DOTALL)
LOCKED = {
    canonicalize_name(r.name): r for r in (Requirement(e.partition(" \\")[0]) for e in ENTRIES)
}


def wanted() -> list[Requirement]:
    """Run-time dependencies, extras, developers' tools, and what building needs."""
    project = PROJECT["project"]
    texts = [*project["dependencies"], *PROJECT["build-system"]["requires"], "editables"]
    for group in (project["optional-dependencies"], PROJECT["dependency-groups"]):
        texts += [each for members in group.values() for each in members]
    return [Requirement(text) for text in texts]


def test_everything_that_is_asked_for_is_locked_in_a_version_that_fits() -> None:
    absent = [str(r) for r in wanted() if canonicalize_name(r.name) not in LOCKED]
    assert absent == [], "run ./.ci/do lock"
    unfit = [str(r) for r in wanted() if not fits(r, LOCKED[canonicalize_name(r.name)])]
    assert unfit == [], "run ./.ci/do lock"


def fits(asked: Requirement, locked: Requirement) -> bool:
    (pin,) = locked.specifier
    return pin.operator == "==" and asked.specifier.contains(pin.version, prereleases=True)


def test_every_entry_is_pinned_by_digest() -> None:
    assert len(ENTRIES) > len(wanted())
    assert [entry for entry in ENTRIES if "--hash=sha256:" not in entry] == []


def test_nothing_says_where_packages_come_from() -> None:
    assert re.findall(r"://|--index|--find-links|--extra| @ ", LOCK) == []
