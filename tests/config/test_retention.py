"""Retention classes: those of an office hold what article 12 asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import ArchiveConfig, DockConfig, load
from agent.config.retention import DEFAULTS, classes, known_class
from agent.errors import ConfigError, UsageError
from tests.cases.books import dock_file

GOOD = '[[retention]]\nname = "routine"\nmonths = 12\n'
FAULTS = {
    '[[retention]]\nname = "routine"\nmonths = 5\n': "at least 6 \\(article 12\\)",
    '[[retention]]\nname = "routine"\n': "needs months",
    f'{GOOD}[[retention]]\nname = "evidence"\nuntil = "case"\nmonths = 9\n': "takes no months",
    f"{GOOD}{GOOD}": "given twice",
    '[[retention]]\nname = "evidence"\nuntil = "case"\n': "no retention is named routine",
}


@pytest.mark.parametrize(("text", "words"), FAULTS.items())
def test_what_article_12_forbids_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(DockConfig, dock_file(tmp_path, text))


def test_an_archive_is_held_to_the_same(tmp_path: Path) -> None:
    path = tmp_path / "archive.toml"
    text = '[archive]\nid = "a"\nreceiver = "r"\n'
    path.write_text(text + next(iter(FAULTS)), "utf-8")
    with pytest.raises(ConfigError, match="at least 6"):
        load(ArchiveConfig, path)


def test_an_offices_classes_replace_the_defaults(tmp_path: Path) -> None:
    assert set(classes([])) == {each.name for each in DEFAULTS}
    kept = '[[retention]]\nname = "刑事"\nuntil = "ever"\n'
    config = load(DockConfig, dock_file(tmp_path, GOOD + kept))
    assert set(classes(config.retention)) == {"routine", "刑事"}
    known_class(config.retention, "刑事")
    known_class(config.retention, "")
    with pytest.raises(UsageError, match="one of: routine, 刑事"):
        known_class(config.retention, "evidence")


def test_the_defaults_keep_to_article_12() -> None:
    assert [(each.name, each.months, each.until) for each in DEFAULTS] == [
        ("routine", 6, "date"),
        ("evidence", None, "case"),
        ("long-term", 120, "date"),
        ("permanent", None, "ever"),
    ]
