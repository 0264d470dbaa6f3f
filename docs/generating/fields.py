"""The fields of both policies: their defaults, and their docstrings."""

from __future__ import annotations

import ast
import inspect
import re
from enum import Enum
from typing import Final

import attrs

from docs.generating.markdown import table
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.policy import Policy

_SOURCES: Final = re.compile(r"(?:RFC \d+ |XEP-\d+ )?§[\w.]+(?:, §[\w.]+)*|Appendix \w|XEP-\d+")


def of_the_service() -> str:
    """Return the table of ``Policy``."""
    return _table(Policy, "policy")


def of_the_client() -> str:
    """Return the table of ``ClientPolicy``."""
    return _table(ClientPolicy, "client")


def default(policy: type, name: str) -> str:
    """Return the default of a field as code; of a member of an enumeration, the name alone."""
    value = getattr(policy(), name)
    if isinstance(value, Enum):
        return value.name
    return repr(value).removeprefix("datetime.")


def values(policy: type, name: str) -> list[str]:
    """Return the values that a field may have, if it is an enumeration or a boolean."""
    value = getattr(policy(), name)
    if isinstance(value, Enum):
        return [member.name for member in type(value)]
    return ["True", "False"] if isinstance(value, bool) else []


def names(policy: type) -> list[str]:
    """Return the names of all fields, in their order."""
    return [field.name for field in attrs.fields(policy)]


def anchor(prefix: str, name: str) -> str:
    """Return the anchor of the text about a field; GitHub makes it from the heading."""
    return f"{prefix}-{name}" if prefix == "client" else name


def _table(policy: type, prefix: str) -> str:
    said = _docstrings(policy)
    rows = []
    for name in names(policy):
        sources, _, what = said[name].partition(": ")
        if not _SOURCES.match(sources):
            raise ValueError(f"the docstring of {name} does not begin with a section")
        others = [f"`{value}`" for value in values(policy, name) if value != default(policy, name)]
        rows.append(
            (
                f"[`{name}`](#{anchor(prefix, name)})",
                f"`{default(policy, name)}`",
                ", ".join(others),
                sources,
                what[:1].upper() + what[1:],
            )
        )
    return table(("Field", "Default", "Other values", "Section", "Meaning"), rows)


def _docstrings(policy: type) -> dict[str, str]:
    """Return the docstring below each field, on one line and with Markdown's marks for code."""
    (definition,) = ast.parse(inspect.getsource(policy)).body
    assert isinstance(definition, ast.ClassDef)
    said = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            said[field.target.id] = " ".join(ast.literal_eval(text.value).split()).replace("``", "`")
    return said
