"""The profiles that come with bodydock, and the README that explains them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agent import __version__
from agent.recorder.profiles.dialect import Control
from agent.recorder.profiles.load import Loaded, load_profile, load_profiles, shipped_folder
from agent.recorder.profiles.match import specificity
from agent.recorder.profiles.model import Profile

from .texts import written as saved

SHIPPED = load_profiles(shipped_folder(), Path("/nowhere"))
README = (shipped_folder() / "README.md").read_text("utf-8")
FAMILIES = {
    "ambarella-a",
    "ambarella-b",
    "android-e12",
    "android-zzx",
    "at-serial",
    "bc-plus",
    "generic-mtp",
    "generic-ptp",
    "generic-smp",
    "jieli",
    "mass-storage",
}


def test_every_family_has_a_profile_and_all_can_be_used() -> None:
    assert SHIPPED.faults == ()
    assert {one.profile.id for one in SHIPPED} >= FAMILIES


@pytest.mark.parametrize("one", SHIPPED.loaded, ids=lambda one: one.profile.id)
def test_a_profile_is_named_like_its_file_and_names_its_source(one: Loaded) -> None:
    assert one.path.name == f"{one.profile.id}.toml"
    assert len(one.profile.source.facts) > 40


def test_two_profiles_of_the_same_match_have_a_probe_to_tell_them_apart() -> None:
    for one, other in combinations(SHIPPED, 2):
        for first in one.profile.match:
            for second in other.profile.match:
                alike = first.model_copy(update={"probe": True}) == second.model_copy(
                    update={"probe": True}
                )
                if alike and specificity(first) == specificity(second):
                    assert first.probe, f"{one.profile.id}, {other.profile.id}: {first}"


# The README holds every key of the model, and no other.


def chapters() -> dict[str, str]:
    """The text below each heading of the second order, by the heading."""
    parts = re.split(r"^## (.+)$", README, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(chapter: str) -> dict[str, list[str]]:
    """Key → meaning, unit, default, since."""
    lines = [line for line in chapters()[chapter].splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {key.strip("`"): others for key, *others in cells}


def table_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model behind a field that is a table or a list of tables."""
    waiting: list[Any] = [field.annotation]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        waiting += get_args(kind)
    return None


def tables() -> Iterator[tuple[str, type[BaseModel]]]:
    """The README's heading of each table, but `[control]`."""
    yield "Top level", Profile
    for key, field in Profile.model_fields.items():
        if key != "control" and (kind := table_of(field)):
            many = "list" in str(field.annotation)
            yield (f"[[{key}]]" if many else f"[{key}]"), kind


def keys_of(kind: type[BaseModel]) -> set[str]:
    """All keys of a table and of the tables in it, as they are written."""
    found: set[str] = set()
    for name, field in kind.model_fields.items():
        found.add(field.alias or name)
        if inner := table_of(field):
            found |= keys_of(inner)
    return found


def written(default: Any) -> str:
    """A default as TOML writes it."""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, str):
        return f'`"{default}"`'
    if isinstance(default, list):
        return "`[" + ", ".join(written(each).strip("`") for each in default) + "]`"
    return f"`{default}`"


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_the_readme_has_a_chapter_for_each_table_and_no_other() -> None:
    assert [*chapters()] == [heading for heading, _ in tables()] + ["[control]"]


@pytest.mark.parametrize(("heading", "kind"), [*tables()], ids=lambda each: str(each))
def test_every_key_is_explained_with_its_default(heading: str, kind: type[BaseModel]) -> None:
    told = rows(heading)
    assert [*told] == [*kind.model_fields]
    for key, (meaning, _, default, since) in told.items():
        field = kind.model_fields[key]
        value = field.get_default(call_default_factory=True)
        assert meaning.strip()
        assert re.fullmatch(r"\d+\.\d+\.\d+", since)
        assert numbers(since) <= numbers(__version__)
        if field.is_required():
            assert default == "needed"
        elif key == "free":
            assert default == '`"2 GiB"`'
        elif value is None:
            assert default.partition(" ")[0] == "–" or (heading, key) == ("Top level", "control")
        elif not isinstance(value, BaseModel):
            assert default.startswith(written(value)), f"{key}: {default}, not {written(value)}"


def test_every_key_of_control_is_explained_and_no_other() -> None:
    told = {key.rpartition(".")[2] for key in rows("[control]")}
    assert told == keys_of(Control)


def test_the_profiles_in_the_readme_are_whole(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    found = [load_profile(saved(tmp_path, block)) for block in blocks]
    assert [one.id for one in found] == ["acme-one", "kestrel"]
