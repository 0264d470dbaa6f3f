"""What the live driver reads of a server although the core would refuse it, and where it finds the other server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance.live import driving, result
from tests.conformance.loopback import Connection, Loopback
from tests.conformance.stage import BALCONY
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_core.codec import NotWellFormed, StreamParser
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import Stanza, to_element

STRANGE: Final = "<message><body>Wherefore?</body><data xmlns='urn:example:a b {c'>t</data></message>"
HEADER: Final = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


def keeping(connection: Connection, stanza: Element) -> str | None:
    """Send back what ``security/strange-namespace`` sends, as a server does that keeps the namespace."""
    return STRANGE if stanza.name == "presence" else None


def steps(namespace: str) -> list[dict[str, Any]]:
    return [
        {"send": {"from": BALCONY, "xml": "<presence/>"}},
        {"receive": {"at": BALCONY, "xml": STRANGE.replace("urn:example:a b {c", namespace)}},
    ]


def test_a_namespace_that_is_no_uri_is_read_and_compared(tmp_path: Path) -> None:
    """A server may keep it (RFC 6120 §11.1 asks for well-formed XML only), so the scenario has to see it."""
    with driving(Loopback(answer=keeping)) as driver:
        kept = result(tmp_path, driver, *steps("urn:example:a b {c"))
        another = result(tmp_path, driver, *steps("urn:example:a b c"))

    assert kept.outcome is Outcome.PASSED, kept.detail
    assert another.outcome is Outcome.FAILED
    assert "urn:example:a b {c" in another.detail


def test_only_a_parser_that_is_asked_to_reads_it() -> None:
    strict, tolerant = StreamParser(), StreamParser(strange_namespaces=True)
    for parser in (strict, tolerant):
        parser.feed(HEADER.encode())

    (event,) = tolerant.feed(STRANGE.encode())
    assert isinstance(event, Stanza)
    assert to_element(event).elements[1].namespace == "urn:example:a b {c"
    with pytest.raises(NotWellFormed, match="is not a URI"):
        strict.feed(STRANGE.encode())
