"""Only the clearing package deletes on recorders, one object at a time, and nothing can do more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from agent.wire.ptp.codes import Operation
from tests.house.tree import ROOT

PACKAGE = ROOT / "agent" / "offload" / "clearing"
DRIVERS = ("recorder/mtp/recorder.py", "recorder/two_phase.py")
"""A driver's verb: it hands one clip on to its own session, or to the driver beneath it."""
FORBIDDEN = {"rmtree", "removedirs", "mkfs", "wipefs", "blkdiscard", "fallocate_punch"}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / "agent").rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


def calls(tree: ast.AST, *names: str) -> list[ast.Call]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        each
        for each in found
        if (isinstance(each.func, ast.Attribute) and each.func.attr in names)
        or (isinstance(each.func, ast.Name) and each.func.id in names)
    ]


def test_nobody_else_tells_a_recorder_to_delete() -> None:
    places = {
        path.relative_to(ROOT / "agent").as_posix()
        for path, tree in sources()
        if calls(tree, "delete", "erase")
    }
    inside = {place for place in places if place.startswith("offload/clearing/")}
    assert places - inside <= set(DRIVERS)
    assert {"offload/clearing/clear.py", "offload/clearing/eraser.py"} <= inside


def test_the_command_is_sent_from_one_place_for_one_handle() -> None:
    sent = [
        (path.name, path.parent.name)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "DELETE_OBJECT"
    ]
    assert sent == [("recorder.py", "mtp")]
    source = (ROOT / "agent/recorder/mtp/recorder.py").read_text("utf-8")
    assert "self._session.ask(Operation.DELETE_OBJECT, one.handle, 0, repeat=False)" in source


def test_there_is_no_word_for_more_than_one_object() -> None:
    names = {operation.name for operation in Operation}
    assert not {name for name in names if "FORMAT" in name or "RESET" in name or "WIPE" in name}
    for path, tree in sources():
        if path.is_relative_to(PACKAGE) or path.is_relative_to(ROOT / "agent" / "recorder"):
            assert not calls(tree, *FORBIDDEN), path


def test_the_rule_knows_no_device_and_no_file() -> None:
    tree = ast.parse((PACKAGE / "rule.py").read_text("utf-8"))
    modules = {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }
    ours = {module for module in modules if module.startswith("agent")}
    assert ours == {"agent.spool.clearance", "agent.spool.states"}
