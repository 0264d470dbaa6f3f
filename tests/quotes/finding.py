"""Every quote in the project that names where it stands.

Three forms are quotes: ``rfc6121("3.1.2", quote="...")`` at a test; a paragraph of a page that begins with ``>`` and
ends with ``— §3.1.2``; and a text in double quotes, in a page, a docstring, a comment or a vector, with ``(§3.1.2)`` or
``, §3.1.2`` behind it. An RFC other than 6121 and a XEP are named before the section. A text in double quotes with one
of the key words of RFC 2119 in it is a quote too, of whichever document.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from tests.sources import comments, may_be_in_a_comment, statements

ROOT: Final = Path(__file__).parents[2]

_SOURCE: Final = r"(?:(RFC \d+|XEP-\d+),? )?(?:§|section )((?:\d+|[A-Z])(?:\.\d+)*)"
_AT_THE_END: Final = re.compile(rf"^(.*?)\s+— {_SOURCE}$")
_IN_QUOTATION_MARKS: Final = re.compile(
    rf'(?<![\w=])"(?!\s)([^"]{{10,700}}?)(?<!\s)"(?!\w)(?:(?:[.,;:]?\s*\(|,\s*){_SOURCE})?'
)
_KEY_WORD: Final = re.compile(r"\b(?:MUST|SHOULD|MAY)\b")
_CITES: Final = re.compile(r"rfc6121\(|§|section|\b(?:MUST|SHOULD|MAY)\b")
"""What stands wherever there is a quote: the name of a section, or a key word."""
_COMMENT_WITH_QUOTE: Final = re.compile(r'#[^\n]*"')
_CODE: Final = re.compile(r"```.*?```|``.*?``|`[^`]*`", re.DOTALL)


class Quote(NamedTuple):
    """A text and the section in which it is said to stand."""

    file: str
    text: str
    document: str | None
    section: str | None


def quotes() -> Iterator[Quote]:
    for path in _tracked():
        text = (ROOT / path).read_text(encoding="utf-8")
        if path.endswith(".md"):
            yield from _in_page(path, text)
        elif path.endswith(".py"):
            yield from _in_module(path, text)
        else:
            yield from _in_vector(path, text)
    yield from _in_requirements()


def _tracked() -> list[str]:
    files = ["*.py", "*.md", "conformance/vectors/*.json"]
    listed = subprocess.run(["git", "ls-files", "-z", *files], cwd=ROOT, capture_output=True, check=True)
    return [each for each in listed.stdout.decode().split("\0") if each]


def _in_page(path: str, text: str) -> Iterator[Quote]:
    for paragraph in re.split(r"\n\s*\n", _CODE.sub(lambda code: code[0].replace('"', "'"), text)):
        if paragraph.startswith(">"):
            line = re.sub(r"\s*\n> ?", " ", paragraph.removeprefix(">")).strip()
            if found := _AT_THE_END.match(line):
                yield _quote(path, found)
        yield from _cited(path, paragraph)


def _in_module(path: str, text: str) -> Iterator[Quote]:
    if not _CITES.search(text):
        return
    tree = ast.parse(text)
    marked = {number for number, line in enumerate(text.split("\n"), 1) if "rfc6121(" in line}
    for node in [tree, *statements(tree)]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield from _cited(path, ast.get_docstring(node) or "")
        for call in _calls(node, marked) if marked and isinstance(node, ast.stmt) else ():
            if isinstance(call.func, ast.Name) and call.func.id == "rfc6121":
                yield from _marked(path, call, tree)
    if _COMMENT_WITH_QUOTE.search(text) and may_be_in_a_comment(text, lambda comment: bool(_CITES.search(comment))):
        for comment in _comments(text):
            yield from _cited(path, comment)


def _calls(statement: ast.stmt, lines: set[int]) -> Iterator[ast.Call]:
    """Yield the calls in a statement that begin on one of the lines, without those in the statements that it holds."""
    for part in ast.iter_child_nodes(statement):
        if isinstance(part, ast.expr) and any(part.lineno <= each <= (part.end_lineno or 0) for each in lines):
            yield from [node for node in ast.walk(part) if isinstance(node, ast.Call)]


def _marked(path: str, call: ast.Call, tree: ast.Module) -> Iterator[Quote]:
    section, quote = [*call.args, *(each.value for each in call.keywords)]
    if isinstance(quote, ast.Name):
        quote = next(_values(tree, quote.id), quote)
    if isinstance(section, ast.Constant) and isinstance(quote, ast.Constant):
        yield Quote(path, str(quote.value), "rfc6121", str(section.value))


def _values(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    """Return what is assigned to a name of the module."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets):
            yield node.value


def _comments(text: str) -> Iterator[str]:
    """Return the comments of a module; those on consecutive lines are one."""
    found = comments(text)
    lines = [each.string.lstrip("# ") for each in found[:1]]
    for before, comment in pairwise(found):
        if comment.start[0] != before.start[0] + 1:
            yield "\n".join(lines)
            lines = []
        lines.append(comment.string.lstrip("# "))
    yield "\n".join(lines)


def _cited(path: str, text: str) -> Iterator[Quote]:
    for found in _IN_QUOTATION_MARKS.finditer(" ".join(text.split())):
        if found[3] is not None or _KEY_WORD.search(found[1]):
            yield _quote(path, found)


def _quote(path: str, found: re.Match[str]) -> Quote:
    text, source, section = found.groups()
    if section is None:
        return Quote(path, text, None, None)
    return Quote(path, text, (source or "RFC 6121").lower().replace(" ", ""), section)


def _in_vector(path: str, text: str) -> Iterator[Quote]:
    content = json.loads(text)
    for note in (content.get("title"), content.get("note")) if isinstance(content, dict) else ():
        yield from _cited(path, note or "")


def _in_requirements() -> Iterator[Quote]:
    path = "conformance/requirements.json"
    for each in json.loads((ROOT / path).read_text(encoding="utf-8")):
        elsewhere = re.match(r"RFC (\d+) ([\d.]+): (.*)", each["quote_anchor"])
        document, section, text = elsewhere.groups() if elsewhere else (None, each["section"], each["quote_anchor"])
        yield Quote(path, text, f"rfc{document or each['id'].partition('-')[0]}", section)
