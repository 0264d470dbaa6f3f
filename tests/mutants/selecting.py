"""Which vectors and tests run which lines of the core: only those can tell a mutant of a line."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cache
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Final

from attrs import field, frozen

from tests.mutants.changes import Mutant
from tests.mutants.drawing import ROOT, modules, source_of

Line = tuple[str, int]
"""A module and a line of it."""
_IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*")
_HELPER: Final = re.compile(r"^from (tests\.[\w.]+) import", re.MULTILINE)
_WORD: Final = re.compile(r"[a-z]{3,}")
_LONGEST: Final = 1000
"""No module has so many lines."""
_FUNCTIONS: Final = (ast.FunctionDef, ast.Lambda)


@frozen
class Ran:
    """What one vector, or test, ran when nothing was changed."""

    seconds: float
    """How much CPU time it took."""
    lines: Mapping[str, int]
    """For each module a number whose bit n is set where line n ran."""

    def runs(self, lines: Mapping[str, int]) -> bool:
        """Whether it ran one of these lines."""
        return any(self.lines.get(module, 0) & bits for module, bits in lines.items())

    def distance(self, module: str) -> float:
        """Return how long it takes, and longer where less of what it runs is of the module."""
        size = sum(bits.bit_count() for bits in self.lines.values())
        return self.seconds * (1 + size) / (1 + self.lines.get(module, 0).bit_count())


@frozen
class Recording:
    """What the vectors, or the tests, ran."""

    ran: Mapping[str, Ran]
    rank: Mapping[str, int] = field(init=False)
    """The place of each in an order in which neighbours run different code."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "rank", {id: n for n, id in enumerate(varied(self.ran))})

    def touching(self, mutant: Mutant, uses: Uses, at_import: bool = False) -> list[str]:
        """Return those that run what a mutant changes; where nobody can say, all.

        In turn the one whose name shares the most words with the mutant, the nearest one, and the one that runs most
        that those before it have not run.

        :param at_import: whether the function of the mutant runs when the core is imported, which is not recorded.
        """
        lines: Iterable[Line] = [(mutant.module, n) for n in range(mutant.lines[0], mutant.lines[1] + 1)]
        names: Set[str] = frozenset()
        if mutant.function is None:
            names = uses.made_from(mutant.names)
            lines = uses.of(names)
        wanted = bits_of(lines)
        found = [id for id, ran in self.ran.items() if ran.runs(wanted) or names & words_of_test(id)]
        if not found and (mutant.function is None or at_import):
            found = list(self.ran)
        words = words_of(mutant.id)
        alike = sorted(found, key=lambda each: (-len(words & words_of(each)), self.rank[each]))
        nearest = sorted(found, key=lambda each: (self.ran[each].distance(mutant.module), each))
        different = sorted(found, key=lambda each: self.rank[each])
        turns = zip(alike, nearest, different, strict=True)
        return list(dict.fromkeys(each for turn in turns for each in turn))

    def within(self, seconds: float) -> Recording:
        """Return it without those that take longer."""
        return Recording({id: ran for id, ran in self.ran.items() if ran.seconds <= seconds})

    def cost(self, chosen: Iterable[str]) -> float:
        """Return how long these took."""
        return sum(self.ran[each].seconds for each in chosen)


@cache
def _identifiers(file: Path) -> frozenset[str]:
    """Return the identifiers in the file of a test, and in the modules of the tests that it imports from."""
    text = file.read_text(encoding="utf-8")
    helpers = [ROOT / f"{name.replace('.', '/')}.py" for name in _HELPER.findall(text)]
    texts = [text, *[each.read_text(encoding="utf-8") for each in helpers if each.is_file()]]
    return frozenset(_IDENTIFIER.findall("\n".join(texts)))


def words_of_test(id: str) -> frozenset[str]:
    """Return the identifiers that a test may look up in the core itself, such as a table. A vector has none."""
    return _identifiers(ROOT / id.partition("::")[0]) if id.startswith("tests/") else frozenset()


@cache
def words_of(text: str) -> frozenset[str]:
    """Return the words of a text, in lower case and without a plural's ending."""
    return frozenset(word.removesuffix("s") for word in _WORD.findall(text.lower()))


def varied(ran: Mapping[str, Ran]) -> Iterator[str]:
    """Yield the ids, next always the one that runs the most lines that none before it has run.

    When none is left that runs another line, what has run is forgotten.
    """
    left = _all_bits(ran)
    while left:
        covered = 0
        heap = [(-bits.bit_count(), id) for id, bits in left.items()]
        heapify(heap)
        while heap:
            _, id = heappop(heap)
            new = (left[id] & ~covered).bit_count()
            if heap and -new > heap[0][0]:  # another one may run more
                if new:
                    heappush(heap, (-new, id))
            elif new or not covered:
                covered |= left.pop(id)
                yield id


def _all_bits(ran: Mapping[str, Ran]) -> dict[str, int]:
    """Return for each id one number whose bits are the lines of all modules."""
    places: dict[str, int] = {}
    found: dict[str, int] = {}
    for id, each in sorted(ran.items()):
        found[id] = 0
        for module, bits in each.lines.items():
            found[id] |= bits << places.setdefault(module, _LONGEST * len(places))
    return found


def bits_of(lines: Iterable[Line]) -> dict[str, int]:
    """Return lines as ``Ran`` holds them."""
    bits: dict[str, int] = {}
    for module, line in lines:
        bits[module] = bits.get(module, 0) | 1 << line
    return bits


@frozen
class Uses:
    """Where the core uses a name that a module or class gives a value."""

    lines: Mapping[str, set[Line]] = field(factory=lambda: defaultdict(set))
    """The lines of functions that mention a name, or an attribute of that name."""
    passed_on: Mapping[str, set[str]] = field(factory=lambda: defaultdict(set))
    """The names whose values are made from it outside of functions, and the functions that mention it."""
    at_import: set[str] = field(factory=set)
    """The names that are mentioned outside of functions: among them those of functions that run at import."""

    @classmethod
    def in_core(cls) -> Uses:
        """Look through all modules."""
        uses = cls()
        for module in modules():
            uses._look_at(ast.parse(source_of(module)), module)
        return uses

    def made_from(self, names: Iterable[str]) -> frozenset[str]:
        """Return these names with those of all values that are made from them when the core is imported."""
        left, seen = set(names), set[str]()
        while left:
            name = left.pop()
            seen.add(name)
            left |= (self.passed_on.get(name, set()) & self.at_import) - seen
        return frozenset(seen)

    def of(self, names: Iterable[str]) -> set[Line]:
        """Return the lines that use one of these names."""
        return {line for name in names for line in self.lines.get(name, ())}

    def _look_at(self, node: ast.AST, module: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _FUNCTIONS):
                for name, line in _mentioned(child):
                    self.lines[name].add((module, line))
                    if isinstance(child, ast.FunctionDef):
                        self.passed_on[name].add(child.name)
            elif isinstance(child, ast.Assign | ast.AnnAssign):
                targets = child.targets if isinstance(child, ast.Assign) else [child.target]
                made = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
                for name, _ in _mentioned(child):
                    self.passed_on[name].update(made)
                    self.at_import.add(name)
                self.at_import.update(made)
                self._look_at(child, module)
            else:
                self._look_at(child, module)


def _mentioned(node: ast.AST) -> Iterator[tuple[str, int]]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id, each.lineno
        elif isinstance(each, ast.Attribute):
            yield each.attr, each.lineno
