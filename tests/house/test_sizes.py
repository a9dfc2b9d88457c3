"""Small rooms: a file and a function can be read at one sitting."""

from __future__ import annotations

import ast
from statistics import median

from .tree import Module, modules

FILE_LINES = 300
FUNCTION_LINES = 40
FUNCTION_MEDIAN = 10

WAIVED: dict[str, str] = {}
"""`path` or `path:function` → why it may be longer."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module: Module) -> list[Function]:
    return [node for node in ast.walk(module.tree) if isinstance(node, Function)]


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def too_long() -> dict[str, int]:
    house = modules("agent", "hwsim")
    lines = {module.path: len(module.text.splitlines()) for module in house}
    bodies = {f"{m.path}:{f.name}": length(f) for m in house for f in functions(m)}
    found = {name: size for name, size in lines.items() if size > FILE_LINES}
    return found | {name: size for name, size in bodies.items() if size > FUNCTION_LINES}


def test_files_and_functions_are_short() -> None:
    assert {name: size for name, size in too_long().items() if name not in WAIVED} == {}


def test_no_waiver_outlives_its_need() -> None:
    assert WAIVED.keys() - too_long().keys() == set()


def test_most_functions_are_very_short() -> None:
    sizes = [length(f) for m in modules("agent", "hwsim") for f in functions(m)]
    assert median(sizes) < FUNCTION_MEDIAN
