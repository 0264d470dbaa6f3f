"""The prose of the project is plain English: words and turns that made sentences hard to read do not come back.

Block quotations, code and quoted words are exempt: they are not the project's own sentences.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.one_test import in_one_test
from tests.sources import bare_texts, comments, may_be_bare_texts, may_be_in_a_comment
from tests.test_docs import PAGES, ROOT
from tests.test_rules import EVERY_RULE

AVOIDED: Final = {
    "an inversion": re.compile(
        r"\b(?:Asked|Counted|Kept|Meant|Owed|Routed|Sent|Shown|Stored|Taken|Told) (?:is|are|was)\b"
    ),
    "beside, for besides": re.compile(r"\bbeside\b"),
    "earns": re.compile(r"\bearn(?:s|ed)?\b"),
    "else, for otherwise": re.compile(
        r"\b(?!(?:some|any|every|no)(?:body|one|thing|where)\b|(?:no )?one\b|or\b|what\b|who\b)"
        r"[\w'-]+,? else(?=[,.;:)]|$)",
        re.IGNORECASE,
    ),
    "fares": re.compile(r"\bfares?\b"),
    "for ever": re.compile(r"\bfor ever\b"),
    "no more": re.compile(r"\bno more(?=[,.;:)]|$)"),
    "of its own": re.compile(
        r"\bof (?:its|their|his|her|your|one's|the \w+'s) own(?=[,.;:)]|$| (?:and|for|in|that|to|which)\b)"
    ),
    "takes leave": re.compile(r"\btak(?:e|es|ing) leave\b"),
    "that is none": re.compile(r"\b(?:what|which|that|who) (?:is|are) none\b"),
    "whoever": re.compile(r"\bwho(?:m)?ever\b", re.IGNORECASE),
}
"""What is not written, by name."""

_BLOCK: Final = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_QUOTATION: Final = re.compile(r"^>.*$|\"[^\"\n]+\"|“[^”]+”|`[^`]+`|^ *<!--.*-->$", re.MULTILINE)


def prose(text: str) -> str:
    """Return the sentences of a text, without code and quotations."""
    text = _QUOTATION.sub("", _BLOCK.sub("", text))
    return re.sub(r"\s+", " ", text)


def found(text: str) -> Iterator[str]:
    """Yield what should not be in a text, each with the words around it."""
    text = prose(text)
    for name, pattern in AVOIDED.items():
        for match in pattern.finditer(text):
            yield f"{name}: ...{text[max(match.start() - 40, 0) : match.end() + 20]}..."


@in_one_test("page", PAGES, ids=str)
def test_a_page_is_in_plain_english(page: Path) -> None:
    assert [*found((ROOT / page).read_text(encoding="utf-8"))] == []


def test_the_sentences_of_the_rules_are_in_plain_english() -> None:
    assert [f"{rule}: {each}" for rule in EVERY_RULE for each in found(rule.says)] == []


CODE: Final = (
    "benchmarks",
    "conformance",
    "docs",
    "examples",
    "fuzz",
    "interop",
    "tests",
    "xmpp_im_core",
    "xmpp_im_host",
)


def wrong_in_comments(source: str) -> Iterator[str]:
    """Yield what should not be in the docstrings and the comments of a module."""
    if any(any(found(text)) for text in may_be_bare_texts(source)):
        for text in bare_texts(ast.parse(source)):
            yield from found(text)
    if may_be_in_a_comment(source, lambda comment: any(found(comment.lstrip("# ")))):
        for comment in comments(source):
            yield from found(comment.string.lstrip("# "))


@pytest.mark.parametrize("folder", CODE)
def test_docstrings_and_comments_are_in_plain_english(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))

    assert modules
    assert [
        f"{module.relative_to(ROOT)}: {each}"
        for module in modules
        for each in wrong_in_comments(module.read_text(encoding="utf-8"))
    ] == []


def test_what_is_avoided_is_found_in_docstrings_and_comments() -> None:
    source = '"""Whoever asks."""\nif x:\n    """It is for\n    ever."""\n    y = "#"  # no more, and whoever\n'

    names = sorted(each.partition(":")[0] for each in wrong_in_comments(source))
    assert names == ["for ever", "no more", "whoever", "whoever"]
    assert [*wrong_in_comments("x = 1  # whatever\ny = '# whoever'\n")] == []


@in_one_test(
    ("name", "text"),
    [
        ("an inversion", "Asked is whether the user may know."),
        ("beside, for besides", "Nothing beside the roster is kept."),
        ("earns", "It earns an error."),
        ("else, for otherwise", "It is answered where the sender may know, and dropped else."),
        ("fares", "It fares as any other."),
        ("for ever", "It stays for ever."),
        ("no more", "So much is held and no more."),
        ("of its own", "It has a thread of its own."),
        ("takes leave", "Presence that takes leave of a contact."),
        ("that is none", "An address that is none is refused."),
        ("whoever", "Whoever asks is answered."),
    ],
)
def test_what_is_avoided_is_found(name: str, text: str) -> None:
    assert [each.partition(":")[0] for each in found(text)] == [name]


@in_one_test(
    "text",
    [
        "> Whoever asks is answered.",
        "`for ever`",
        'The RFC says "for ever".',
        "no more than ten",
        "everything else",
        "besides",
    ],
)
def test_quotations_code_and_other_uses_are_not(text: str) -> None:
    assert [*found(text)] == []
