"""Stanzas: a header over a shared payload, and the errors of RFC 6120 §8.3."""

from __future__ import annotations

import sys
from typing import Any

import attrs
import pytest
from hypothesis import given

from tests.one_test import in_one_test
from xmpp_im_core.element import ATTRIBUTE_SIZE, TEXT_SIZE, XML_LANG, Element, element, size
from xmpp_im_core.jid import Malformed, address_of, parse_address, parse_jid
from xmpp_im_core.stanza import (
    CLIENT,
    IQ,
    STANZA_SIZE,
    STANZAS,
    USUAL_TYPE,
    Condition,
    ErrorType,
    Message,
    NotAStanza,
    Payload,
    Presence,
    Stanza,
    StanzaError,
    error_reply,
    from_element,
    may_be_answered,
    payload,
    read_error,
    read_priority,
    result_reply,
    stanza_error,
    to_bare,
    to_element,
    write_error,
)
from xmpp_im_core.testing.value_strategies import stanzas

ROMEO = parse_address("romeo@example.net/orchard")
JULIET = parse_address("Juliet@example.com/balcony")
BODY = element("body", CLIENT, {}, ["Art thou not Romeo, and a Montague?"])
MESSAGE = Message(ROMEO, JULIET, "m1", "chat", "en", payload(BODY))


# --- the header and the payload -----------------------------------------------------------------------------


def test_a_stamp_makes_a_new_header_over_the_same_payload() -> None:
    stamped = MESSAGE.stamped(to=address_of(parse_jid("nurse@example.com")), from_=ROMEO, lang="cs")

    assert stamped == Message(parse_address("nurse@example.com"), ROMEO, "m1", "chat", "cs", payload(BODY))
    assert stamped.payload is MESSAGE.payload


def test_a_stamp_leaves_what_it_does_not_name() -> None:
    assert MESSAGE.stamped() == MESSAGE


def test_addresses_are_compared_prepared_and_sent_as_written() -> None:
    assert MESSAGE.from_jid == parse_jid("juliet@example.com/balcony")
    assert to_element(MESSAGE).get("from") == "Juliet@example.com/balcony"


def test_a_malformed_address_has_no_jid_and_is_kept() -> None:
    message = from_element(element("message", CLIENT, {"to": "juliet@@example.com", "from": "@"}))

    assert (message.to_jid, message.from_jid) == (None, None)
    assert to_element(message).get("to") == "juliet@@example.com"


def test_the_bare_form_of_an_address() -> None:
    malformed = parse_address("@")

    assert to_bare(JULIET) == parse_address("juliet@example.com")
    assert to_bare(parse_address("Juliet@example.com")) == parse_address("Juliet@example.com")
    assert to_bare(malformed) is malformed
    assert to_bare(None) is None
    assert MESSAGE.from_bare == parse_address("juliet@example.com")


def test_a_payload_is_asked_for_its_children() -> None:
    other = element("body", "urn:other")
    content = payload("O", BODY, "", " ", other)

    assert content.children == ("O", BODY, " ", other)
    assert content.elements == (BODY, other)
    assert content.first("body") == BODY
    assert content.first("body", "urn:other") == other
    assert content.first("subject") is None
    assert content.all("body") == (BODY,)


def test_the_size_of_a_stanza_is_that_of_the_whole_stanza() -> None:
    to, sender = parse_address("juliet@example.com"), parse_address("romeo@example.net/orchard")
    small = Message(to, sender, None, None, None, payload(BODY))

    assert small.size() == STANZA_SIZE + 4 * (len("juliet@example.com") + len("romeo@example.net/orchard")) + size(BODY)
    for larger, more in {
        Message(to, sender, "i" * 100, None, None, payload(BODY)): 100,
        Message(to, sender, None, "t" * 100, None, payload(BODY)): 100,
        Message(to, sender, None, None, "l" * 100, payload(BODY)): 100,
        Message(to, sender, None, None, None, payload(BODY), (("a", "v" * 100),)): ATTRIBUTE_SIZE + 101,
        Message(to, sender, None, None, None, payload(BODY, "x" * 100)): TEXT_SIZE + 100,
        Message(to, Malformed("@" * 125, "no JID"), None, None, None, payload(BODY)): 400,
    }.items():
        assert larger.size() == small.size() + more


@given(stanzas())
def test_no_stanza_takes_more_memory_than_its_size(stanza: Stanza) -> None:
    assert stanza.size() >= memory(stanza)


def memory(value: Any) -> int:
    """Return what a value takes in memory by itself, each part of it counted as often as it is referred to."""
    own: int = sys.getsizeof(value)
    if value == ():  # the empty tuple is one object for all
        return 0
    if isinstance(value, tuple):
        return own + sum(memory(part) for part in value)
    if attrs.has(type(value)):
        return own + sum(memory(getattr(value, field.name)) for field in attrs.fields(type(value)))
    return own if isinstance(value, str) else 0


# --- elements to stanzas ------------------------------------------------------------------------------------


@given(stanzas())
def test_a_stanza_is_an_element_and_back(stanza: Stanza) -> None:
    assert from_element(to_element(stanza)) == stanza


def test_nothing_of_an_element_is_lost_in_a_stanza() -> None:
    root = element(
        "presence",
        CLIENT,
        {"to": "romeo@example.net", "type": "unheard-of", XML_LANG: "en", "{urn:x}y": "z", "extra": ""},
        ["a", element("status", CLIENT, {XML_LANG: "cs"}, ["Dvořím se Julii"]), "b"],
    )

    assert to_element(from_element(root)) == root


@in_one_test(
    ("name", "namespace"),
    [("message", "urn:other"), ("message", "jabber:server"), ("message", ""), ("query", CLIENT), ("Message", CLIENT)],
)
def test_an_element_that_only_looks_like_a_stanza_is_not_one(name: str, namespace: str) -> None:
    with pytest.raises(NotAStanza):
        from_element(element(name, namespace))


# --- types (RFC 6121 §5.2.2, RFC 6120 §8.2.3) ---------------------------------------------------------------


@in_one_test(
    ("type", "kind"),
    [
        (None, "normal"),
        ("normal", "normal"),
        ("chat", "chat"),
        ("groupchat", "groupchat"),
        ("headline", "headline"),
        ("error", "error"),
        ("unheard-of", "normal"),
        ("Chat", "normal"),
        ("", "normal"),
    ],
)
def test_a_message_of_no_known_type_is_normal(type: str | None, kind: str) -> None:
    assert Message(type=type).kind == kind


def test_a_request_has_exactly_one_child_element() -> None:
    query = element("query", "jabber:iq:roster")

    assert IQ(payload=payload(query)).request == query
    assert IQ(payload=payload(" ", query, "\n")).request == query
    assert IQ(payload=payload()).request is None
    assert IQ(payload=payload(query, query)).request is None


@in_one_test(
    ("text", "priority"),
    [
        ("0", 0),
        ("127", 127),
        ("-128", -128),
        ("+5", 5),
        ("-0", 0),
        ("007", 7),
        (" 1\n", 1),
        ("128", None),
        ("-129", None),
        ("", None),
        ("-", None),
        ("+-1", None),
        ("1.0", None),
        ("1 2", None),
        ("1_0", None),
        ("0x1", None),
        ("\u0661", None),  # ARABIC-INDIC DIGIT ONE, which Python's int() takes
        ("\u00b2", None),
        ("\u00a01", None),
        ("9" * 10_000, None),
    ],
)
def test_a_priority_is_an_integer_from_minus_128_to_127(text: str, priority: int | None) -> None:
    presence = Presence(payload=payload(element("priority", CLIENT, {}, [text])))

    assert read_priority(text) == priority
    assert presence.priority == (priority or 0)


def test_a_presence_without_priority_has_priority_0() -> None:
    assert Presence().priority == 0
    assert Presence(payload=payload(element("priority", "urn:other", {}, ["5"]))).priority == 0


# --- stanza errors (RFC 6120 §8.3) --------------------------------------------------------------------------

RECOMMENDED = {  # "the associated error type SHOULD be", RFC 6120 §8.3.3.1 to §8.3.3.22
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel modify",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify wait",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "auth cancel continue modify wait",
    "unexpected-request": "wait modify",
}


def test_the_conditions_are_those_of_section_8_3_3() -> None:
    assert {condition.value for condition in Condition} == set(RECOMMENDED)
    assert set(USUAL_TYPE) == set(Condition)


@in_one_test("condition", Condition, ids=lambda condition: condition.value)
def test_each_condition_has_a_type_that_is_recommended_for_it(condition: Condition) -> None:
    assert stanza_error(condition).type.value in RECOMMENDED[condition.value].split()
    assert stanza_error(condition, ErrorType.WAIT).type is ErrorType.WAIT


ERRORS = [
    stanza_error(Condition.ITEM_NOT_FOUND),
    stanza_error(Condition.FORBIDDEN, ErrorType.CANCEL, "Not thou"),
    StanzaError(Condition.GONE, ErrorType.CANCEL, None, "example.com", "xmpp:romeo@afterlife.example.net"),
    StanzaError(
        Condition.UNDEFINED_CONDITION, ErrorType.MODIFY, application=(element("too-many-parameters", "urn:app"),)
    ),
]


@in_one_test("error", ERRORS, ids=lambda error: error.condition.value)
def test_an_error_is_written_and_read(error: StanzaError) -> None:
    assert read_error(write_error(error)) == error
    assert Message(type="error", payload=payload(write_error(error))).error == error


def test_a_stanza_without_an_error_element_reports_none() -> None:
    assert Message(type="error", payload=payload(BODY)).error is None


UNDEFINED = StanzaError(Condition.UNDEFINED_CONDITION, ErrorType.CANCEL)


@in_one_test(
    ("children", "attributes", "read"),
    [
        ([], {}, UNDEFINED),
        ([], {"type": "unheard-of", "code": "404"}, UNDEFINED),
        ([element("unheard-of", STANZAS)], {"type": "cancel"}, UNDEFINED),
        ([element("text", STANZAS)], {"type": "wait"}, StanzaError(UNDEFINED.condition, ErrorType.WAIT, "")),
        (
            [element("forbidden", "urn:other")],
            {},
            StanzaError(UNDEFINED.condition, ErrorType.CANCEL, application=(element("forbidden", "urn:other"),)),
        ),
    ],
)
def test_an_imperfect_error_is_still_read(
    children: list[Element], attributes: dict[str, str], read: StanzaError
) -> None:
    assert read_error(element("error", CLIENT, attributes, children)) == read


@in_one_test(
    ("stanza", "answered"),
    [
        (Message(), True),
        (Message(type="error"), False),
        (Presence(type="subscribe"), True),
        (Presence(type="error"), False),
        (IQ(type="get"), True),
        (IQ(type="set"), True),
        (IQ(type="result"), False),
        (IQ(type="error"), False),
        (Message(type="result"), True),  # a result is a result among IQs only
    ],
)
def test_an_error_never_answers_an_error_or_a_result(stanza: Stanza, answered: bool) -> None:
    assert may_be_answered(stanza) is answered


def test_an_error_stanza_swaps_the_addresses_and_mirrors_the_id() -> None:
    error = stanza_error(Condition.SERVICE_UNAVAILABLE)

    assert error_reply(MESSAGE, error) == Message(JULIET, ROMEO, "m1", "error", None, payload(write_error(error)))


def test_an_error_stanza_leaves_out_a_malformed_address() -> None:
    # "unless doing so would ... force the sender of the error stanza to include a malformed JID" (RFC 6120 §8.3.1)
    presence = Presence(parse_address("ch@r@cters@muc.example.com/JulieC"), JULIET, "y2bs71v4")
    error = stanza_error(Condition.JID_MALFORMED)

    assert error_reply(presence, error) == Presence(
        JULIET, None, "y2bs71v4", "error", None, payload(write_error(error))
    )


@pytest.mark.parametrize(("request_", "id"), [(IQ(type="get"), ""), (Message(), None), (Presence(), None)])
def test_the_error_for_an_iq_has_an_id_even_if_empty(request_: Stanza, id: str | None) -> None:
    # "(or be empty if the generated stanza did not include an 'id' attribute)" (RFC 6120 §8.3.1)
    assert error_reply(request_, UNDEFINED).id == id


def test_a_result_answers_from_where_the_request_went() -> None:
    query = element("query", "jabber:iq:roster")

    assert result_reply(IQ(ROMEO, JULIET, "r1", "get"), query) == IQ(
        JULIET, ROMEO, "r1", "result", None, Payload((query,))
    )
