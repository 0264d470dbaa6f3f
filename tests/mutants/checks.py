"""What checks the arguments of a program: it does nothing but raise where they are wrong.

No stanza makes a program pass a wrong argument, so no vector can reach such a check.
"""

from __future__ import annotations

import ast
from typing import Final

from tests.mutants.operators import called

_WRONG_ARGUMENT: Final = ("ValueError", "TypeError", "wrong_type")
"""What is raised for a wrong argument. Other exceptions may be caught, and decide about a stanza."""


def is_check(node: ast.AST) -> bool:
    """Whether this is a check of arguments, with all that it holds."""
    if isinstance(node, ast.FunctionDef):
        return _returns_nothing(node) and any(map(_raises, node.body)) and all(map(_only_checks, node.body))
    return isinstance(node, ast.If) and not node.orelse and all(map(_is_refusal, node.body))


def drops_validator(old: ast.AST, new: ast.AST) -> bool:
    """Whether a change lets a field of a class take any value."""
    return _has_validator(old) and not _has_validator(new)


def _has_validator(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and any(each.arg == "validator" for each in node.keywords)


def _returns_nothing(function: ast.FunctionDef) -> bool:
    return isinstance(function.returns, ast.Constant) and function.returns.value is None


def _only_checks(node: ast.stmt) -> bool:
    """Whether a statement raises, calls what may raise, or chooses between such statements."""
    if isinstance(node, ast.If | ast.For):
        return all(map(_only_checks, [*node.body, *node.orelse]))
    return isinstance(node, ast.Expr) or _is_refusal(node)


def _raises(node: ast.stmt) -> bool:
    """Whether a statement raises, or calls a validator: a function that is given an attribute to name in its error."""
    for each in ast.walk(node):
        if isinstance(each, ast.Raise):
            return True
        if isinstance(each, ast.Call) and any(isinstance(a, ast.Name) and a.id == "attribute" for a in each.args):
            return True
    return False


def _is_refusal(node: ast.stmt) -> bool:
    return isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and called(node.exc) in _WRONG_ARGUMENT
