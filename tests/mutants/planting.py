"""Putting a mutant in the place of the code that it was made from.

A function that is there already gets other code. What a module evaluates when it is imported cannot be changed
afterwards: such a mutant is planted by importing the module changed, in a process that has not imported it yet.
"""

from __future__ import annotations

import functools
import gc
import importlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final

from attrs import field, frozen

from tests.mutants.changes import Mutant, mutated
from tests.mutants.drawing import CORE, file_of, modules, source_of

_Key = tuple[str, str, int]
"""A function: its file, its qualified name, its first line."""


class CannotPlant(Exception):
    """The functions that are there cannot take the code, or had run before."""


def compiled(mutant: Mutant) -> CodeType:
    """Return the code of a module with a mutant."""
    return compile(mutated(source_of(mutant.module), mutant.number), str(file_of(mutant.module)), "exec")


def code_objects(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all that it holds."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_objects(constant)


# --- in functions that are there --------------------------------------------------------------------------


@frozen
class Functions:
    """The functions of the core that is imported."""

    found: dict[_Key, list[FunctionType]] = field(factory=lambda: defaultdict(list))
    run_at_import: frozenset[_Key] = frozenset()
    """Those that ran while the core was imported: what they made is there, whatever becomes of them."""
    caches: list[Any] = field(factory=list)

    @classmethod
    def imported(cls) -> Functions:
        """Import the core, and look which functions there are then.

        :raises RuntimeError: where the core had been imported before.
        """
        functions = cls(run_at_import=_import_core())
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and _is_core(each.__code__):
                functions.found[_key(each.__code__)].append(each)
            elif isinstance(each, functools._lru_cache_wrapper) and each.__module__.startswith("xmpp_im_core"):
                functions.caches.append(each)
        return functions

    def can_take(self, mutant: Mutant) -> bool:
        """Whether a mutant may be planted in a function that is there."""
        key = self._outermost(mutant)
        return key is not None and key in self.found and not self._ran(key)

    def ran_at_import(self, mutant: Mutant) -> bool:
        """Whether the function that holds a mutant ran while the core was imported."""
        key = self._outermost(mutant)
        return key is not None and self._ran(key)

    def plant(self, mutant: Mutant) -> list[tuple[FunctionType, CodeType]]:
        """Give the function that holds a mutant the mutant's code; return the functions, each with the code it had.

        :raises CannotPlant: where the function does not take it.
        """
        key = self._outermost(mutant)
        for code in code_objects(compiled(mutant)):
            if key is not None and _key(code) == key:
                before = [(function, function.__code__) for function in self.found[key]]
                for function, _ in before:
                    try:
                        function.__code__ = code
                    except ValueError as reason:  # the mutant uses fewer variables of the function around it
                        raise CannotPlant(str(reason)) from reason
                return before
        raise CannotPlant(f"no function is at {mutant.function}")

    def clear_caches(self) -> None:
        """Forget what cached functions have returned."""
        for cache in self.caches:
            cache.cache_clear()

    def _outermost(self, mutant: Mutant) -> _Key | None:
        return None if mutant.function is None else (str(file_of(mutant.module)), *mutant.function)

    def _ran(self, key: _Key) -> bool:
        """Whether a function, or one that it holds, ran while the core was imported."""
        file, name, _ = key
        return any(f == file and (n == name or n.startswith(f"{name}.<locals>")) for f, n, _ in self.run_at_import)


def _import_core() -> frozenset[_Key]:
    if "xmpp_im_core" in sys.modules:
        raise RuntimeError("the core has been imported before its functions could be watched")
    ran: set[_Key] = set()

    def watch(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and _is_core(frame.f_code):
            ran.add(_key(frame.f_code))

    sys.setprofile(watch)
    try:
        for module in modules():
            importlib.import_module(f"xmpp_im_core.{module}".removesuffix(".__init__"))
    finally:
        sys.setprofile(None)
    return frozenset(ran)


def _is_core(code: CodeType) -> bool:
    return code.co_filename.startswith(str(CORE))


def _key(code: CodeType) -> _Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


# --- in a module that is not there yet --------------------------------------------------------------------


class _Loader(SourceFileLoader):
    """Loads a module with a mutant in it."""

    mutant: Mutant

    def get_code(self, fullname: str) -> CodeType:
        return compiled(self.mutant)


@frozen
class _Finder(MetaPathFinder):
    """Finds one module of the core, changed."""

    mutant: Mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != f"xmpp_im_core.{self.mutant.module}".removesuffix(".__init__"):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        loader = _Loader(fullname, spec.origin)
        loader.mutant = self.mutant
        spec.loader = loader
        return spec


def import_changed(mutant: Mutant) -> None:
    """Let the core be imported with a mutant.

    :raises RuntimeError: where the core has been imported before.
    """
    if "xmpp_im_core" in sys.modules:
        raise RuntimeError("the core has been imported without the mutant")
    sys.meta_path.insert(0, _Finder(mutant))


PRELOADED: Final = ("attrs", "cattrs", "click", "defusedxml.ElementTree", "hypothesis", "idna", "jinja2", "jsonschema",
                    "precis_i18n", "pytest", "referencing", "rich.console")  # fmt: skip
"""What the core, the runner and the tests import of other projects: it is the same for all mutants."""
