"""The statements, docstrings and comments of a module, found without a look at every expression of it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from typing import Final


def statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield each statement, however deep: only statements and the parts of a statement hold any."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            parts = getattr(node, name, None)
            waiting += parts if isinstance(parts, list) else ()
        if isinstance(node, ast.stmt):
            yield node


def bare_texts(tree: ast.Module) -> Iterator[str]:
    """Yield the texts that stand alone: docstrings, and what is said of a constant below it."""
    for node in statements(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


_ON_ONE_LINE: Final = re.compile(r"""^[ \t]*[rRuU]?(["'])(.*)\1$""", re.MULTILINE)


def may_be_bare_texts(source: str) -> Iterator[str]:
    """Yield each text that may stand alone, and parts of the code: between three quotes, and lines in quotes."""
    yield from source.split('"""')
    for match in _ON_ONE_LINE.finditer(source):
        yield match[2]


def comments(source: str) -> list[tokenize.TokenInfo]:
    return [each for each in tokenize.generate_tokens(io.StringIO(source).readline) if each.type == tokenize.COMMENT]


def may_be_in_a_comment(source: str, wrong: Callable[[str], bool]) -> bool:
    """Whether there may be a comment for which this holds: no comment begins elsewhere than at one of the signs."""
    for line in source.split("\n"):
        at = line.find("#")
        while at >= 0:
            if wrong(line[at:]):
                return True
            at = line.find("#", at + 1)
    return False
