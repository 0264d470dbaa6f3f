"""What a server does not offer is not used: it is free to end the stream of a client that uses it all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.conformance.live import driving, result
from tests.conformance.loopback import Connection, Loopback
from tests.conformance.stage import BALCONY, JULIET, receive, send
from xmpp_im_conformance.drivers.live import channel
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_core.element import Element

SM: Final = "urn:xmpp:sm:3"
OFFER: Final = f"<sm xmlns='{SM}'/>"
PRESENCE: Final = (send("<presence/>"), receive(f"<presence from='{BALCONY}' to='{JULIET}'/>"))


def enables(connection: Connection, element: Element) -> str | None:
    return f"<enabled xmlns='{SM}' id='sm1' resume='true'/>" if element.name == "enable" else None


def test_stream_management_that_is_not_offered_is_not_enabled(tmp_path: Path) -> None:
    server = Loopback(negotiates=enables)
    with driving(server) as driver:
        found = result(tmp_path, driver, *PRESENCE, {"detach": BALCONY})

    assert (found.outcome, found.detail) == (
        Outcome.NOT_APPLICABLE,
        "the server does not offer stream management (XEP-0198)",
    )
    assert "enable" not in {name for name, _ in server.heard}


def test_stream_management_that_is_offered_is_enabled(tmp_path: Path) -> None:
    server = Loopback(negotiates=enables, offers=OFFER)
    with driving(server) as driver:
        found = result(tmp_path, driver, *PRESENCE, {"detach": BALCONY})

    assert found.outcome is Outcome.PASSED, found.detail
    assert "enable" in {name for name, _ in server.heard}


def test_a_session_is_not_resumed_where_that_is_not_offered_any_more(tmp_path: Path) -> None:
    server = Loopback(offers=OFFER)

    def withdraws(connection: Connection, element: Element) -> str | None:
        if element.name == "enable":
            server.offers = ""
        return enables(connection, element)

    server.negotiates = withdraws
    with driving(server) as driver:
        found = result(tmp_path, driver, *PRESENCE, {"detach": BALCONY}, {"resume": BALCONY})

    assert found.outcome is Outcome.NOT_APPLICABLE
    assert "resume" not in {name for name, _ in server.heard}


def test_a_request_for_the_count_is_not_answered_if_nothing_is_counted(tmp_path: Path) -> None:
    server = Loopback(answer=lambda connection, stanza: f"<r xmlns='{SM}'/>" if stanza.name == "message" else None)
    with driving(server) as driver:
        found = result(tmp_path, driver, *PRESENCE, send("<message/>"))

    assert found.outcome is Outcome.PASSED, found.detail
    assert "a" not in {name for name, _ in server.heard}


def test_a_pre_approval_is_not_sent_where_that_is_not_offered(tmp_path: Path) -> None:
    accounts = {JULIET: {"roster": [{"jid": "romeo@montague.example", "approved": True}]}}
    server = Loopback()
    with driving(server) as driver:
        found = result(tmp_path, driver, {"flush": [BALCONY]}, accounts=accounts)

    assert (found.outcome, found.detail) == (Outcome.NOT_APPLICABLE, "the server does not offer 'preapproval'")
    assert "presence" not in {name for name, _ in server.heard}


# --- a server that talks and talks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("<message/>", "the server has sent more than 50 stanzas in one step"),
        (f"<r xmlns='{SM}'/>", "the server has sent more than 50 elements that are no stanzas"),
    ],
    ids=["stanzas", "other elements"],
)
def test_more_than_any_vector_causes_is_a_failure_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, why: str
) -> None:
    monkeypatch.setattr(channel, "MOST_UNTAKEN", 50)
    monkeypatch.setattr(channel, "MOST_OTHERS", 50)
    server = Loopback(answer=lambda connection, stanza: said * 60 if stanza.name == "message" else None)
    with driving(server) as driver:
        found = result(tmp_path, driver, *PRESENCE, send("<message/>"))

    assert found.outcome is Outcome.FAILED
    assert why in found.detail
