"""The mutations of a module, in the order of its text."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Final

from attrs import evolve, field, frozen

from tests.mutants.checks import drops_validator, is_check
from tests.mutants.operators import OPERATORS, called, is_table, returns

_TEXT: Final = 100
_CONTEXT: Final = 30
_FOR_PEOPLE: Final = {"__repr__", "__str__"}
_WITHOUT_ORDER: Final = {"dict", "frozenset", "set", "FrozenMap"}
"""What makes the same of its items in any order."""
_BUT: Final = (ast.Import, ast.ImportFrom, ast.Assert, ast.JoinedStr, ast.Pass, ast.Global, ast.Nonlocal)


@frozen
class Mutant:
    """One change of one module."""

    module: str
    """Below ``xmpp_im_core``, as in ``server.contact_presence``."""
    place: str
    """The function or class that holds it; empty for the module itself."""
    what: str
    """What becomes what."""
    number: int
    """Which of the module's mutants it is, from 0."""
    lines: tuple[int, int]
    """The first and last line of the statement, or of the part of it that decides."""
    function: tuple[str, int] | None
    """The outermost function that holds it, by its qualified name and first line; None where none does."""
    names: frozenset[str] = frozenset()
    """Where no function holds it: what the statement gives a value to."""
    checks: bool = False
    """Whether it is in a check of a program's arguments, which no vector can reach."""

    @property
    def id(self) -> str:
        """What it is known by, wherever its line goes."""
        return f"{self.module} {self.place}: {self.what}" if self.place else f"{self.module}: {self.what}"


@frozen
class _Slot:
    """Where a node hangs in its tree."""

    parent: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


@frozen
class _Scope:
    """What surrounds a node."""

    place: tuple[str, ...] = ()
    function: tuple[str, int] | None = None
    returns: str = ""
    lines: tuple[int, int] = (1, 1)
    names: frozenset[str] = frozenset()
    checks: bool = False
    assigned: set[str] = field(factory=set)
    """The names that already have a value in this function."""


@frozen
class _Change:
    slot: _Slot
    old: ast.AST
    new: ast.AST
    scope: _Scope


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Yield the mutants of a module; two that read alike are told apart by a number."""
    seen: Counter[tuple[str, str]] = Counter()
    for number, change in enumerate(_changes(ast.parse(source))):
        scope = change.scope
        place, what = ".".join(scope.place), difference(ast.unparse(change.old), ast.unparse(change.new))
        seen[place, what] += 1
        if seen[place, what] > 1:
            what += f" #{seen[place, what]}"
        yield Mutant(module, place, what, number, scope.lines, scope.function, scope.names, scope.checks)


def mutated(source: str, number: int) -> ast.Module:
    """Return the tree of a module with one of its mutants, whose lines are those of the source."""
    tree = ast.parse(source)
    for n, change in enumerate(_changes(tree)):
        if n == number:
            for node in ast.walk(change.new):
                ast.copy_location(node, change.old if hasattr(change.old, "lineno") else change.slot.parent)
            change.slot.put(change.new)
            return ast.fix_missing_locations(tree)
    raise ValueError(f"the module has no mutant {number}")


def difference(old: str, new: str) -> str:
    """Say what becomes what; of long texts only where they differ."""
    old, new = " ".join(old.split()), " ".join(new.split())
    if max(len(old), len(new)) <= _TEXT:
        return f"{old} => {new}"
    shortest = min(len(old), len(new))
    begin = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    end = next((i for i in range(shortest - begin) if old[-1 - i] != new[-1 - i]), shortest - begin)
    begin, end = max(0, begin - _CONTEXT), max(0, end - _CONTEXT)
    return f"{_cut(old, begin, end)} => {_cut(new, begin, end)}"


def _cut(text: str, begin: int, end: int) -> str:
    middle = text[begin : len(text) - end]
    if len(middle) > 2 * _TEXT:
        middle = f"{middle[:_TEXT]}…{middle[-_TEXT:]}"
    return f"{'…' * bool(begin)}{middle}{'…' * bool(end)}"


# --- walking through a tree -------------------------------------------------------------------------------


def _changes(tree: ast.Module) -> Iterator[_Change]:
    """Yield the changes; while one is looked at the tree is as it was."""
    yield from _below(tree, _Scope())


def _below(node: ast.AST, scope: _Scope) -> Iterator[_Change]:
    for name, value in ast.iter_fields(node):
        if _is_skipped(node, name):
            continue
        inner = _defined_outside(node, name, scope)
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                slot = _Slot(node, name, index if isinstance(value, list) else None)
                yield from _at(child, slot, inner)


def _at(node: ast.AST, slot: _Slot, outer: _Scope) -> Iterator[_Change]:
    if isinstance(node, _BUT) or _is_for_people(node, slot) or _is_for_types(node):
        return
    scope = _inside(node, outer)
    _mark(node, scope)
    new = returns(node, scope.returns) if isinstance(node, ast.Return) else iter(())
    operator = OPERATORS.get(type(node))
    for each in (*new, *(() if operator is None else operator(node))):
        yield _Change(slot, node, each, evolve(scope, checks=True) if drops_validator(node, each) else scope)
    if isinstance(node, ast.Return) and _is_early(slot):
        yield _Change(slot, node, ast.Pass(), scope)
    if not isinstance(node, ast.Raise):  # what an exception says is for people
        yield from _below(node, scope)
    if isinstance(node, ast.Assign):
        scope.assigned.update(_names(node))


def _is_skipped(node: ast.AST, name: str) -> bool:
    """Whether a field of a node has no mutants: annotations, and what is told apart by its type only."""
    if name in ("annotation", "returns", "ctx", "op", "ops", "type_params"):
        return True
    if isinstance(node, ast.Call) and called(node) in ("rule", "Rule", "TypeVar", "cast", "compile"):
        return True
    if isinstance(node, ast.Call) and is_table(node):
        return True
    if isinstance(node, ast.AnnAssign):
        return name == "target" or ast.unparse(node.annotation) == "TypeAlias"
    return name in ("targets", "target", "args") and not isinstance(node, ast.Call | ast.FunctionDef | ast.Lambda)


def _is_for_people(node: ast.AST, slot: _Slot) -> bool:
    """Whether this is a docstring, ``__all__``, or a method that only says something."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in _names(node):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    return isinstance(node, ast.FunctionDef) and node.name in _FOR_PEOPLE


def _is_for_types(node: ast.AST) -> bool:
    """Whether this serves the type checker alone."""
    value = getattr(node, "value", None)
    return isinstance(node, ast.stmt) and isinstance(value, ast.Call) and called(value) in ("assert_never", "TypeVar")


def _is_early(slot: _Slot) -> bool:
    """Whether a return leaves a function before its end, in a branch that does more than return."""
    body = getattr(slot.parent, slot.field)
    return not isinstance(slot.parent, ast.FunctionDef) and not (isinstance(slot.parent, ast.If) and len(body) == 1)


def _names(node: ast.AST) -> frozenset[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    return frozenset(each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))


def _inside(node: ast.AST, scope: _Scope) -> _Scope:
    if is_check(node):
        scope = evolve(scope, checks=True)
    if isinstance(node, ast.stmt):
        scope = evolve(scope, lines=_deciding(node))
        if scope.function is None and isinstance(node, ast.Assign | ast.AnnAssign):
            scope = evolve(scope, names=_names(node))
    if isinstance(node, ast.ClassDef):
        return evolve(scope, place=(*scope.place, node.name))
    if not isinstance(node, ast.FunctionDef):
        return scope
    place = (*scope.place, node.name)
    first = min([node.lineno, *[each.lineno for each in node.decorator_list]])
    annotation = "" if node.returns is None else ast.unparse(node.returns)
    parameters = {each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    function = scope.function or (".".join(place), first)
    return evolve(scope, place=place, function=function, returns=annotation, assigned=parameters)


def _defined_outside(node: ast.AST, name: str, scope: _Scope) -> _Scope:
    """Return the scope of a field: decorators and defaults of a function are evaluated where it is defined."""
    if isinstance(node, ast.FunctionDef) and name in ("decorator_list", "args") and scope.function is not None:
        qualified = ".".join(scope.place)
        if scope.function[0] == qualified:
            return evolve(scope, function=None, names=frozenset({node.name}))
    return scope


def _deciding(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement, and of a compound one those before its body."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        return node.lineno, max(node.lineno, body[0].lineno - 1)
    return node.lineno, node.end_lineno or node.lineno


def _mark(node: ast.AST, scope: _Scope) -> None:
    """Mark what operators cannot see from the node: tuples of any length, assignments to a name that has a value."""
    if isinstance(node, ast.Call) and called(node) not in ("isinstance", "issubclass"):
        _mark_tuples(node.args)
        for each in node.args:
            each.without_order = called(node) in _WITHOUT_ORDER  # type: ignore[attr-defined]
    elif isinstance(node, ast.Return) and node.value is not None and scope.returns.endswith("...]"):
        value = node.value
        _mark_tuples([value.body, value.orelse] if isinstance(value, ast.IfExp) else [value])
    elif isinstance(node, ast.Assign) and scope.function is not None:
        node.again = _names(node) <= scope.assigned  # type: ignore[attr-defined]


def _mark_tuples(nodes: list[ast.expr]) -> None:
    for each in nodes:
        if isinstance(each, ast.Tuple):
            each.any_length = True  # type: ignore[attr-defined]
