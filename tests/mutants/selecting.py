"""Which vectors and tests run which lines of the core: only those can tell a mutant of a line."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import field, frozen

from tests.mutants.changes import Mutant
from tests.mutants.drawing import modules, source_of

Line = tuple[str, int]
"""A module and a line of it."""
_FUNCTIONS: Final = (ast.FunctionDef, ast.Lambda)


@frozen
class Recording:
    """What ran when nothing was changed."""

    seconds: Mapping[str, float]
    """How long each vector, or test, took in CPU time."""
    by_line: Mapping[Line, frozenset[str]]

    def touching(self, mutant: Mutant, uses: Uses) -> list[str]:
        """Return those that run what a mutant changes, fastest first; where nobody can say, all."""
        lines: Iterable[Line] = [(mutant.module, n) for n in range(mutant.lines[0], mutant.lines[1] + 1)]
        if mutant.function is None:
            lines = uses.of(mutant.names)
        found = self._running(lines)
        if not found and mutant.function is None:
            found = set(self.seconds)
        return sorted(found, key=lambda each: (self.seconds[each], each))

    def _running(self, lines: Iterable[Line]) -> set[str]:
        return {each for line in lines for each in self.by_line.get(line, ())}

    def cost(self, chosen: Iterable[str]) -> float:
        """Return how long these took."""
        return sum(self.seconds[each] for each in chosen)


@frozen
class Uses:
    """Where the core uses a name that a module or class gives a value."""

    lines: Mapping[str, set[Line]] = field(factory=lambda: defaultdict(set))
    """The lines of functions that mention a name, or an attribute of that name."""
    passed_on: Mapping[str, set[str]] = field(factory=lambda: defaultdict(set))
    """The names whose values are made from it outside of functions."""

    @classmethod
    def in_core(cls) -> Uses:
        """Look through all modules."""
        uses = cls()
        for module in modules():
            uses._look_at(ast.parse(source_of(module)), module)
        return uses

    def of(self, names: Iterable[str]) -> set[Line]:
        """Return the lines that use one of these names, or what is made from it."""
        left, seen, found = set(names), set[str](), set[Line]()
        while left:
            name = left.pop()
            seen.add(name)
            found |= self.lines.get(name, set())
            left |= self.passed_on.get(name, set()) - seen
        return found

    def _look_at(self, node: ast.AST, module: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _FUNCTIONS):
                for name, line in _mentioned(child):
                    self.lines[name].add((module, line))
            elif isinstance(child, ast.Assign | ast.AnnAssign):
                targets = child.targets if isinstance(child, ast.Assign) else [child.target]
                made = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
                for name, _ in _mentioned(child):
                    self.passed_on[name].update(made)
                self._look_at(child, module)
            else:
                self._look_at(child, module)


def _mentioned(node: ast.AST) -> Iterator[tuple[str, int]]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id, each.lineno
        elif isinstance(each, ast.Attribute):
            yield each.attr, each.lineno
