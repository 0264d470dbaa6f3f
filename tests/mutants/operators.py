"""What a mutation does to one node of a program: each operator takes a node and gives the nodes that may replace it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, TypeVar

N = TypeVar("N", bound=ast.AST)

FALSE: Final = ast.Constant(False)

_OPPOSITES: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OTHER_OPERATORS: Final[Mapping[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_OTHER_FUNCTIONS: Final = {"any": "all", "all": "any", "min": "max", "max": "min"}
_STATE_METHODS: Final = (
    "with_",
    "without_",
    "becoming",
    "in_roster",
    "asking_",
    "stamped",
    "showing",
    "noted",
    "waking",
)
_CITATION: Final = re.compile(r"[\dAB][\d.]*-\d\d\b")


def _with(node: N, **fields: Any) -> N:
    """Return a copy of a node with other fields."""
    copy = deepcopy(node)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def _without(items: list[Any], index: int) -> list[Any]:
    return [*items[:index], *items[index + 1 :]]


def _swapped(items: list[Any]) -> Iterator[list[Any]]:
    """Yield the items with each pair of neighbours swapped that differ; where ``Ignored`` stands says nothing."""
    for i in range(len(items) - 1):
        pair = items[i : i + 2]
        if ast.dump(pair[0]) != ast.dump(pair[1]) and not any(_is_ignored(each) for each in pair):
            yield [*items[:i], items[i + 1], items[i], *items[i + 2 :]]


def _is_ignored(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and called(node) == "Ignored"


def _negated(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), node)


# --- expressions ------------------------------------------------------------------------------------------


def _compare(node: ast.Compare) -> Iterator[ast.expr]:
    for i, op in enumerate(node.ops):
        yield _with(node, ops=[*node.ops[:i], _OPPOSITES[type(op)](), *node.ops[i + 1 :]])
        compared = node.comparators[i]
        if isinstance(op, ast.In | ast.NotIn) and isinstance(compared, ast.Tuple):
            for k in range(len(compared.elts)):
                fewer = _with(compared, elts=_without(compared.elts, k))
                yield _with(node, comparators=[*node.comparators[:i], fewer, *node.comparators[i + 1 :]])


def _bool_op(node: ast.BoolOp) -> Iterator[ast.expr]:
    yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for i in range(len(node.values)):
        left = _without(node.values, i)
        yield left[0] if len(left) == 1 else _with(node, values=left)


def _unary_op(node: ast.UnaryOp) -> Iterator[ast.expr]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield node.operand


def _bin_op(node: ast.BinOp) -> Iterator[ast.expr]:
    if isinstance(node.op, ast.BitOr) and _is_type(node.left) and _is_type(node.right):
        yield from (node.left, node.right)
    elif type(node.op) in _OTHER_OPERATORS and not isinstance(node.left, ast.JoinedStr):
        yield _with(node, op=_OTHER_OPERATORS[type(node.op)]())


def _is_type(node: ast.expr) -> bool:
    """Whether an operand of ``|`` is a class, by the usual spelling."""
    if isinstance(node, ast.BinOp):
        return _is_type(node.left) and _is_type(node.right)
    return isinstance(node, ast.Name) and (node.id[0].isupper() or node.id in ("str", "int", "bytes", "bool"))


def _if_exp(node: ast.IfExp) -> Iterator[ast.expr]:
    yield from (node.body, node.orelse)


def _constant(node: ast.Constant) -> Iterator[ast.expr]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str) and not _CITATION.match(value):
        yield ast.Constant(f"{value}x")


def _sequence(node: ast.Tuple | ast.List | ast.Set) -> Iterator[ast.expr]:
    """Drop each element, and swap neighbours where their order may matter."""
    if isinstance(node, ast.Tuple) and not _may_be_shorter(node):
        return
    for i in range(len(node.elts)):
        left = _without(node.elts, i)
        if left or not isinstance(node, ast.Set):
            yield _with(node, elts=left)
    if not isinstance(node, ast.Set) and not getattr(node, "without_order", False):
        for elements in _swapped(node.elts):
            yield _with(node, elts=elements)


def _may_be_shorter(node: ast.Tuple) -> bool:
    """Whether a tuple may be one of any length: one with a ``*part``, or one that ``parts`` has marked."""
    return isinstance(node.ctx, ast.Load) and (
        getattr(node, "any_length", False) or any(isinstance(each, ast.Starred) for each in node.elts)
    )


def _dict(node: ast.Dict) -> Iterator[ast.expr]:
    for i in range(len(node.keys)):
        yield _with(node, keys=_without(node.keys, i), values=_without(node.values, i))


def _comprehension(node: ast.comprehension) -> Iterator[ast.comprehension]:
    for i in range(len(node.ifs)):
        yield _with(node, ifs=_without(node.ifs, i))
        if not isinstance(node.ifs[i], ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield _with(node, ifs=[*node.ifs[:i], _negated(node.ifs[i]), *node.ifs[i + 1 :]])


def _call(node: ast.Call) -> Iterator[ast.expr]:
    name = called(node)
    if name in ("rule", "Rule"):
        for i in range(2, len(node.args)):
            if _cites(node.args[i]):
                yield _with(node, args=_without(node.args, i))
        return
    if isinstance(node.func, ast.Name) and name in _OTHER_FUNCTIONS:
        yield _with(node, func=ast.Name(_OTHER_FUNCTIONS[name], ast.Load()))
    for i, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            yield _with(node, keywords=_without(node.keywords, i))
    if is_table(node):
        yield from _cells(node)
    if isinstance(node.func, ast.Attribute) and name.startswith(_STATE_METHODS):
        yield node.func.value


def called(node: ast.Call) -> str:
    """Return the name of the function or method that is called; nothing where it has none."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _cites(node: ast.expr) -> bool:
    """Whether an argument of a rule names requirements, and not a source that is for people alone."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_CITATION.match(node.value))


def is_table(node: ast.Call) -> bool:
    """Whether the arguments of a call are the rows of a table: several tuples of one length."""
    return len(_rows(node)) > 1 and len({len(row.elts) for row in _rows(node).values()}) == 1


def _rows(node: ast.Call) -> dict[int, ast.Tuple]:
    return {i: each for i, each in enumerate(node.args) if isinstance(each, ast.Tuple)}


def _cells(node: ast.Call) -> Iterator[ast.expr]:
    """Replace each cell of a table that is a name by the next other name of its column."""
    rows = _rows(node)
    for i, row in rows.items():
        below = [other for k, other in rows.items() if k > i] + [other for k, other in rows.items() if k < i]
        for column, cell in enumerate(row.elts):
            names = [other.elts[column] for other in below if isinstance(other.elts[column], ast.Name)]
            others = [name for name in names if isinstance(cell, ast.Name) and ast.dump(name) != ast.dump(cell)]
            if others:
                changed = _with(row, elts=[*row.elts[:column], others[0], *row.elts[column + 1 :]])
                yield _with(node, args=[*node.args[:i], changed, *node.args[i + 1 :]])


# --- statements -------------------------------------------------------------------------------------------


def _if(node: ast.If) -> Iterator[ast.stmt]:
    yield _with(node, test=FALSE)
    if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield _with(node, test=_negated(node.test))


def _while(node: ast.While) -> Iterator[ast.stmt]:
    yield _with(node, test=FALSE)


def _removed(node: ast.stmt) -> Iterator[ast.stmt]:
    yield ast.Pass()


def _expression(node: ast.Expr) -> Iterator[ast.stmt]:
    if isinstance(node.value, ast.Call | ast.Yield | ast.YieldFrom):
        yield ast.Pass()


def _assign(node: ast.Assign) -> Iterator[ast.stmt]:
    """Remove an assignment where what it names has a value without it."""
    if isinstance(node.targets[0], ast.Attribute | ast.Subscript) or getattr(node, "again", False):
        yield ast.Pass()


OPERATORS: Final[Mapping[type[ast.AST], Callable[[Any], Iterator[ast.AST]]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.UnaryOp: _unary_op,
    ast.BinOp: _bin_op,
    ast.IfExp: _if_exp,
    ast.Constant: _constant,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.comprehension: _comprehension,
    ast.Call: _call,
    ast.If: _if,
    ast.While: _while,
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AugAssign: _removed,
    ast.Continue: _removed,
    ast.Break: _removed,
    ast.Raise: _removed,
}
"""By the type of the node. A return is not here: it depends on the function, see ``returns``."""


def returns(node: ast.Return, annotation: str) -> Iterator[ast.stmt]:
    """Replace what a function returns by what its annotation allows besides."""
    value = node.value
    if annotation == "bool" and isinstance(value, ast.Call | ast.Name | ast.Attribute):
        yield _with(node, value=_negated(value))
    elif "| None" in annotation and not (isinstance(value, ast.Constant) or value is None):
        yield _with(node, value=ast.Constant(None))
    elif annotation.endswith("...]") and not (isinstance(value, ast.Tuple) and len(value.elts) < 2):
        yield _with(node, value=ast.Tuple([], ast.Load()))
