"""No error is swallowed: nothing catches everything, and no input is checked by an assert."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .tree import Module, modules

EVERYTHING = {"Exception", "BaseException"}

BOUNDARIES: dict[str, str] = {}
"""Module → why it may catch everything. One at most: the daemon's boundary around a bay."""


def caught(handler: ast.ExceptHandler) -> set[str]:
    """The names after `except`, a bare one catches BaseException; none where all goes on up."""
    if raises_again(handler):
        return set()
    if handler.type is None:
        return {"BaseException"}
    return {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether it only tidies up: ends with a bare `raise` and has no other way out."""
    leaves = (ast.Return, ast.Break, ast.Continue)
    *_, last = handler.body
    ends_so = isinstance(last, ast.Raise) and last.exc is None
    return ends_so and not any(isinstance(node, leaves) for node in ast.walk(handler))


def suppressed(call: ast.Call) -> set[str]:
    """What `suppress(...)` or `contextlib.suppress(...)` swallows."""
    called = ast.unparse(call.func).rpartition(".")[2]
    names = {arg.id for arg in call.args if isinstance(arg, ast.Name)}
    return names if called == "suppress" else set()


def catch_alls(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if (isinstance(node, ast.ExceptHandler) and caught(node) & EVERYTHING) or (
            isinstance(node, ast.Call) and suppressed(node) & EVERYTHING
        ):
            yield f"{module.path}:{node.lineno}"


def test_nothing_catches_everything() -> None:
    house = [m for m in modules("agent", "hwsim") if m.name not in BOUNDARIES]
    assert [place for module in house for place in catch_alls(module)] == []


def test_there_is_one_boundary_at_most_and_it_is_needed() -> None:
    assert len(BOUNDARIES) <= 1
    used = {m.name for m in modules("agent", "hwsim") if any(catch_alls(m))}
    assert BOUNDARIES.keys() - used == set()


def test_no_assert_outside_the_tests() -> None:
    asserts = [
        f"{module.path}:{node.lineno}"
        for module in modules("agent", "hwsim")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assert)
    ]
    assert asserts == []
