"""The checkout as the house rules see it: its files, its modules and what they import."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@cache
def files() -> tuple[str, ...]:
    """Every file that is committed or would be, relative to the top, present on disk."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file()))


@dataclass(frozen=True)
class Module:
    path: str
    """Relative to the top."""
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Dotted, such as `agent.link.mqtt`; a package goes by its folder."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def imported(self) -> Iterator[str]:
        """The full dotted name of everything that is imported, anywhere in the module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module

    def foreign(self) -> set[str]:
        """The top-level packages it imports."""
        return {name.partition(".")[0] for name in self.imported()}


@cache
def modules(*rooms: str) -> tuple[Module, ...]:
    """The Python files under top-level folders such as "agent"."""
    folders = tuple(f"{room}/" for room in rooms)
    found = [name for name in files() if name.startswith(folders) and name.endswith(".py")]
    texts = [(name, (ROOT / name).read_text("utf-8")) for name in found]
    return tuple(Module(name, text, ast.parse(text, filename=name)) for name, text in texts)
