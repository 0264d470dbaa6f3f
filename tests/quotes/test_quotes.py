"""What is quoted stands where the quote says that it does."""

from __future__ import annotations

from collections import Counter
from functools import cache

from tests.one_test import in_one_test
from tests.quotes.documents import names, stands
from tests.quotes.finding import Quote, quotes
from tests.quotes.words import words


@cache
def every() -> tuple[Quote, ...]:
    return tuple(quotes())


def test_every_quote_stands_in_its_section() -> None:
    assert [each for each in every() if not stands(each.text, each.document, each.section)] == []


def test_quotes_of_every_form_are_found() -> None:
    of = Counter((each.file.partition("/")[0], (each.document or "")[:3]) for each in every())

    assert of["tests", "rfc"] > 500
    assert of["conformance", "rfc"] > 800
    assert of["docs", "rfc"] > 100
    assert of["docs", "xep"] > 0
    assert of["xmpp_im_core", "rfc"] > 0
    assert sum(len(words(each.text)) < 4 for each in every()) < 20


@in_one_test(
    ("text", "section", "expected"),
    [
        ("A user's client generates a subscription request by sending a presence stanza", "3.1.1", True),
        ("a user's client generates a subscription-request\n by sending", "3.1", True),
        ("A user's client generates ... a 'to' address of the potential contact's bare JID", "3.1.1", True),
        ("A user's client generates a subscription request by sending a presence stanza", "3.1.2", False),
        ("A user's client generates a subscription reply by sending a presence stanza", "3.1.1", False),
        ("A user's client generates a subscription request by sending presence", "3.1.1", False),
    ],
)
def test_a_quote_agrees_in_every_word(text: str, section: str, expected: bool) -> None:
    assert stands(text, "rfc6121", section) is expected


def test_the_hashes_of_every_document_that_is_quoted_are_here() -> None:
    assert {each.document for each in every()} <= {None, *names()}


def test_a_wrong_quote_would_be_found() -> None:
    wrong = Quote("docs/page.md", "servers MUST forward every stanza", "rfc6121", "3.1.1")
    assert not stands(wrong.text, wrong.document, wrong.section)
