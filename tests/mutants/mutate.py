"""Every small change of a module's source, one at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the whole new source, where it is and what it does.

    `function` is the qualified name of the outermost function in whose body it is, empty elsewhere.
    """

    line: int
    what: str
    function: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its nodes."""
    tree = ast.parse(source)
    parents, homes = _parents(tree), dict(_homes(tree))
    for at, node in enumerate(ast.walk(tree)):
        for which in range(len(list(_changes(node, parents)))):
            yield _mutant(tree, at, which, homes.get(node, ""))


def _mutant(tree: ast.Module, at: int, which: int, function: str) -> Mutant:
    changed = copy.deepcopy(tree)  # nodes are found again by their place in the walk
    parents = _parents(changed)
    node = next(each for i, each in enumerate(ast.walk(changed)) if i == at)
    line, shown = getattr(node, "lineno", 0), node
    if isinstance(node, ast.Constant):
        shown = parents[node]  # a mere number says nothing
    before = _line(shown)
    what = list(_changes(node, parents))[which]()
    ast.fix_missing_locations(changed)
    after = f" ({_line(shown)})" if shown is not node else ""
    words = f"{function or 'module'}: {before}  ⇒  {what}{after}"
    return Mutant(line, words, function, ast.unparse(changed))


def _homes(tree: ast.AST, name: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Each node in a function's body, with the name of the outermost such function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _homes(node, f"{name}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            for statement in node.body:
                yield from ((each, name + node.name) for each in ast.walk(statement))


def _parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:100]


def _changes(node: ast.AST, parents: dict[ast.AST, ast.AST]):  # type: ignore[no-untyped-def]
    """Functions that change the node in place and say what it became."""
    parent = parents.get(node)
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in _COMPARE[type(operator)]:
                yield lambda i=index, o=other: (node.ops.__setitem__(i, o()), _line(node))[1]
    elif isinstance(node, ast.BoolOp):
        yield lambda: _boolean(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda: _replace(node, node.operand, parent)
    elif (
        isinstance(node, ast.BinOp)
        and type(node.op) in _BINARY
        and not _in_annotation(node, parents)
    ):
        yield lambda: _set(node, "op", _BINARY[type(node.op)]())
    elif isinstance(node, ast.If | ast.IfExp):
        yield lambda: _set(node, "test", ast.Constant(True), "if True")
        yield lambda: _set(node, "test", ast.Constant(False), "if False")
    elif isinstance(node, ast.Constant) and not _is_text(node, parents) and not _is_form(parent):
        yield from _constants(node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        if not _is_log(node.value):
            yield lambda: _replace(node, ast.Pass(), parent)
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield lambda: _set(node, "value", ast.Constant(None), "return None")
    elif isinstance(node, ast.Raise | ast.Continue | ast.Break):
        yield lambda: _replace(node, ast.Pass(), parent)
    elif isinstance(node, ast.Dict) and len(node.keys) > 1 and not _in_log(node, parents):
        for index in range(min(len(node.keys), 8)):
            yield lambda i=index: _drop_key(node, i)


def _boolean(node: ast.BoolOp) -> str:
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return _line(node)


def _set(node: ast.AST, name: str, value: object, what: str = "") -> str:
    setattr(node, name, value)
    return what or _line(node)


def _drop_key(node: ast.Dict, index: int) -> str:
    del node.keys[index], node.values[index]
    return _line(node)


def _constants(node: ast.Constant):  # type: ignore[no-untyped-def]
    value = node.value
    if isinstance(value, bool):
        yield lambda: _set(node, "value", not value, str(not value))
    elif isinstance(value, int | float):
        yield lambda: _set(node, "value", value + 1, str(value + 1))
    elif isinstance(value, str) and value:
        yield lambda: _set(node, "value", "XX" + value, "another text")
    elif value == "":
        yield lambda: _set(node, "value", "XX", "a text")


def _replace(node: ast.AST, by: ast.AST, parent: ast.AST | None) -> str:
    for _name, value in ast.iter_fields(parent) if parent else ():
        if isinstance(value, list) and any(each is node for each in value):
            value[next(i for i, each in enumerate(value) if each is node)] = by
    if parent:
        for name, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, name, by)
    return "nothing" if isinstance(by, ast.Pass) else _line(by)


def _is_text(node: ast.Constant, parents: dict[ast.AST, ast.AST]) -> bool:
    """Docstrings, words for people (in errors and the log), and annotations."""
    if not isinstance(node.value, str):
        return node.value is None or node.value is Ellipsis
    return (
        isinstance(parents.get(node), ast.Expr)
        or _in_log(node, parents)
        or _in_annotation(node, parents)
    )


def _is_form(parent: ast.AST | None) -> bool:
    """How a dataclass is made, which nothing here relies on."""
    return isinstance(parent, ast.keyword) and parent.arg in {"frozen", "slots"}


def _in_log(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    now: ast.AST | None = node
    while now is not None:
        if isinstance(now, ast.Raise) or (isinstance(now, ast.Call) and _is_log(now)):
            return True
        now = parents.get(now)
    return False


def _in_annotation(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    now, above = node, parents.get(node)
    while above is not None:
        if isinstance(above, ast.AnnAssign | ast.arg) and above.annotation is now:
            return True
        if isinstance(above, ast.FunctionDef) and above.returns is now:
            return True
        now, above = above, parents.get(above)
    return False


def _is_log(call: ast.Call) -> bool:
    return ast.unparse(call.func).startswith("log.")
