"""The syntax of a client's presence (RFC 6121 §4.7.2): what is refused, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.one_test import Test, in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    after,
    child,
    following,
    outbound,
    presence,
    received_message,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.element import XML_LANG, Element, element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server import Account, Inbound, Outbound, SessionBound, SessionId, reduce
from xmpp_im_core.stanza import CLIENT, Presence, payload

FULL = f"{JULIET}/balcony"


def juliet() -> Account:
    return account(JULIET, {ROMEO: "Both"}, available=("balcony",))


def shows(*texts: str) -> list[Element]:
    return [child("show", text) for text in texts]


def status(text: str, lang: str | None = None) -> Element:
    return element("status", CLIENT, {} if lang is None else {XML_LANG: lang}, [text])


def mixed(name: str, text: str) -> Element:
    return element(name, CLIENT, {}, [text, element("b", "urn:example:x")])


REFUSED = {
    "two shows": shows("away", "xa"),
    "the same show twice": shows("away", "away"),
    "an unknown show": shows("online"),
    "an empty show": shows(""),
    "a show in capitals": shows("Away"),
    "a show with a space of another kind": shows("\u00a0away"),
    "mixed content in show": [mixed("show", "away")],
    "two priorities": [child("priority", "1"), child("priority", "1")],
    "priority 128": [child("priority", "128")],
    "priority -129": [child("priority", "-129")],
    "priority 1.0": [child("priority", "1.0")],
    "priority high": [child("priority", "high")],
    "an empty priority": [child("priority")],
    "a priority in other digits": [child("priority", "١")],
    "mixed content in priority": [mixed("priority", "1")],
    "two statuses without language": [status("Here"), status("There")],
    "two statuses in one language": [status("Here", "en"), status("There", "EN")],
    "mixed content in status": [mixed("status", "Here")],
}
ACCEPTED = {
    "nothing": [],
    **{show: shows(show) for show in ("away", "chat", "dnd", "xa")},
    "a show in white space": shows("\n\taway \r\n"),
    **{f"priority {number}": [child("priority", number)] for number in ("-128", "-1", "0", "127", "+1", " 5 ")},
    "one status": [status("Here")],
    "an empty status": [status("")],
    "two statuses in two languages": [status("Here"), status("Zde", "cs")],
    "another element of the content namespace": [child("nick", "Juliet")],
    "foreign elements of the same names": [
        *[element(name, "urn:example:x", {}, ["bogus"]) for name in ("show", "show", "priority", "priority")],
    ],
}


def table(cases: dict[str, list[Element]]) -> Callable[[Test], Test]:
    return in_one_test("children", cases.values(), ids=cases)


@rfc6121("4.7.2.1", quote="MUST NOT contain more than one <show/> element")
@rfc6121("4.7.2.2", quote="only if each instance possesses an 'xml:lang' attribute with a distinct language value")
@rfc6121("4.7.2.3", quote="MUST be an integer between -128 and +127")
@pytest.mark.parametrize("to", [None, ROMEO, "lobby@chat.example.com/Juliet"])
@table(REFUSED)
def test_a_client_that_breaks_the_syntax_gets_bad_request_and_nothing_changes(
    children: list[Element], to: str | None
) -> None:
    step = reduce(juliet(), outbound("available", to, *children, by="balcony", id="pres1"))

    assert told(step) == [f"deliver error bad-request from {to} to balcony"]
    assert stanzas(step)[0].id == "pres1"
    assert (step.state, step.store) == (juliet(), ())


@rfc6121("4.7.2.1", quote="The XML character data MUST be one of")
@rfc6121("4.7.2.2", quote="Multiple instances of the <status/> element MAY be included")
@table(ACCEPTED)
def test_valid_presence_is_broadcast_unchanged(children: list[Element]) -> None:
    step = reduce(juliet(), outbound("available", None, *children, by="balcony"))

    assert stanzas(step)[0] == presence("available", FULL, None, *children)


@rfc6121("4.7.2.2", quote="by inheritance from the 'xml:lang' value of an element farther up in the XML hierarchy")
@pytest.mark.parametrize(("inherited", "accepted"), [("en", False), ("cs", True), (None, True)])
def test_a_status_without_language_has_that_of_the_stanza(inherited: str | None, accepted: bool) -> None:
    content = payload(status("Here"), status("Present", "en"))

    step = reduce(juliet(), Outbound(AT, "seq", SessionId("balcony", 1), Presence(lang=inherited, payload=content)))

    assert told(step)[0].startswith("send presence" if accepted else "deliver error bad-request")


@rfc6121("4.7.2.2", quote="only if each instance possesses an 'xml:lang' attribute with a distinct language value")
@pytest.mark.parametrize(("stated", "accepted"), [("", True), ("en", False), (None, False)])
def test_a_status_that_states_no_language_inherits_none(stated: str | None, accepted: bool) -> None:
    content = payload(status("Here", stated), status("Present"))

    step = reduce(juliet(), Outbound(AT, "seq", SessionId("balcony", 1), Presence(lang="en", payload=content)))

    assert told(step)[0].startswith("send presence" if accepted else "deliver error bad-request")


@rfc6121("4.7.2.2", quote="which from the sender's perspective can include the XML stream header")
def test_a_stanza_without_language_has_that_of_its_stream() -> None:
    bound = following(account(JULIET), SessionBound(AT, "seq", SessionId("balcony", 1), "en"))
    content = payload(status("Here"), status("Present", "en"))

    step = reduce(bound, Outbound(AT, "seq", SessionId("balcony", 1), Presence(payload=content)))

    assert told(step) == ["deliver error bad-request from None to balcony"]


MISPLACED = {
    "show": shows("away"),
    "an unknown show": shows("offline"),
    "priority": [child("priority", "1")],
    "priority high": [child("priority", "high")],
    "mixed content in status": [mixed("status", "Busy")],
    "all of them": [*shows("away", "xa"), child("priority", "1"), child("priority", "2"), mixed("status", "Busy")],
}


@rfc6121("4.5.2", quote="then the server MUST broadcast the full XML of the presence")
@pytest.mark.parametrize("to", [None, ROMEO, "lobby@chat.example.com/Juliet"])
@table(MISPLACED)
def test_unavailable_presence_is_never_refused_and_is_sent_without_extra_children(
    children: list[Element], to: str | None
) -> None:
    """§4.7.2 binds the sender; a refusal would leave the user online to everybody."""
    caps = element("c", "http://jabber.org/protocol/caps", {"ver": "q07IKJEyjvHSyhy//CH0CxmKi8w="})
    foreign = element("show", "urn:example:x", {}, ["away"])

    step = reduce(juliet(), outbound("unavailable", to, caps, *children, foreign, by="balcony"))

    assert stanzas(step)[0] == presence("unavailable", FULL, to, caps, foreign)
    assert after(step).sessions[0].available is (to is not None)


@rfc6121("4.7.2.2", quote="only if each instance possesses an 'xml:lang' attribute with a distinct language value")
def test_the_first_status_in_a_language_is_passed_on() -> None:
    said = [status("Good night", "en"), status("Dobrou noc", "cs"), status("Bye", "EN"), status("Farewell")]
    leaving = Presence(None, None, "p1", "unavailable", "en", payload(*said))

    step = reduce(juliet(), Outbound(AT, "seq", SessionId("balcony", 1), leaving))

    assert stanzas(step)[0].payload == payload(*said[:2])


@rfc6121("4.7.2.2", quote='A presence stanza of type "unavailable" MAY also include a <status/> element')
def test_unavailable_presence_may_say_why() -> None:
    step = reduce(juliet(), outbound("unavailable", None, status("Busy IRL"), by="balcony"))

    assert stanzas(step)[0] == presence("unavailable", FULL, None, status("Busy IRL"))


@rfc6121("4.7.2.2", quote="MAY also be sent in a subscription-related presence stanza")
@table(REFUSED)
def test_subscription_stanzas_are_not_measured_by_it(children: list[Element]) -> None:
    step = reduce(account(JULIET, connected=("balcony",)), outbound("subscribe", ROMEO, *children, by="balcony"))

    assert told(step) == [f"route subscribe from {JULIET} to {ROMEO}"]
    assert stanzas(step)[0].payload == payload(*children)


@table(REFUSED | ACCEPTED)
def test_what_arrives_from_elsewhere_is_passed_on_as_it_is(children: list[Element]) -> None:
    arrived = presence("available", f"{ROMEO}/orchard", JULIET, *children)

    step = reduce(juliet(), Inbound(AT, "seq", arrived))

    assert told(step) == [f"deliver presence from {ROMEO}/orchard to balcony"]
    assert stanzas(step) == [arrived]


@rfc6121("4.7.2.3", quote="MUST consider the priority to be zero")
@in_one_test(
    ("text", "priority"), [(None, 0), ("0", 0), ("-0", 0), ("-1", -1), ("127", 127), ("-128", -128), (" 7\n", 7)]
)
def test_the_priority_is_what_the_element_says_and_without_it_zero(text: str | None, priority: int) -> None:
    children = [] if text is None else [child("priority", text)]

    given = following(account(JULIET, connected=("balcony",)), outbound("available", None, *children, by="balcony"))

    assert given.sessions[0].priority == priority
    delivered = told(reduce(given, received_message("chat", ROMEO, JULIET))) != []
    assert delivered is (priority >= 0)


@rfc6121("4.7.3", quote="an XML stanza MAY contain any child element that is qualified by a namespace other than")
def test_extended_content_goes_with_it() -> None:
    caps = element("c", "http://jabber.org/protocol/caps", {"ver": "q07IKJEyjvHSyhy//CH0CxmKi8w="})

    step = reduce(juliet(), outbound("available", None, caps, by="balcony"))

    assert after(step).sessions[0].presence == presence("available", FULL, None, caps)
    assert stanzas(step)[1] == presence("available", FULL, JULIET, caps)
    assert stanzas(step)[1].from_ == parse_address(FULL)
