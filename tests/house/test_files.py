"""What lies in the checkout, and what no file of it may say."""

from __future__ import annotations

import ast
import re

import pytest

import agent

from .tree import PROJECT, ROOT, files, modules

TOP = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "agent",
    "firmware_profiles",
    "hwsim",
    "pyproject.toml",
    "requirements.lock",
    "systemd",
    "tests",
}

FORBIDDEN = {
    "a package registry's host": re.compile(
        rb"\b(?:pypi|pythonhosted|piwheels|crates|golang|npmjs|(?:deb|security|ftp)\.debian)"
        rb"\.(?:org|com|io|net)\b"
    ),
    "a path of one machine": re.compile(rb"(?<![\w.])/(?:home|Users|work|root)/\w"),
}


def test_the_top_level_holds_only_what_is_meant_to_be_there() -> None:
    tops = {name.partition("/")[0] for name in files()}
    assert {top for top in tops if not top.startswith(".")} - TOP == set()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = {name: FORBIDDEN[what].findall((ROOT / name).read_bytes()) for name in files()}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_every_module_says_what_it_is_for() -> None:
    house = modules("agent", "hwsim")
    assert [m.path for m in house if m.text.strip() and not ast.get_docstring(m.tree)] == []


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {name.rpartition("/")[0] for name in files() if re.match(r"tests/.*\.py$", name)}
    assert folders - {name.removesuffix("/__init__.py") for name in files()} == set()


def test_the_version_is_said_once_in_three_places() -> None:
    assert PROJECT["project"]["version"] == agent.__version__
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[?{re.escape(agent.__version__)}\b", changes, re.MULTILINE)
