"""Message carbons (XEP-0280), around the plain machine."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from tests.rfc6121.conversation import AT, JULIET, ROMEO, account, iq
from xmpp_im_core.carbon_copies import CARBONS, FORWARD
from xmpp_im_core.element import Element, element
from xmpp_im_core.extensions import carbons
from xmpp_im_core.extensions.carbons import Carbons
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server import (
    Account,
    Deliver,
    Event,
    FanOut,
    Inbound,
    OfflineLoaded,
    Outbound,
    SessionEnded,
    SessionId,
    State,
    Transition,
)
from xmpp_im_core.server.accounts.machine import PLAIN, Beside
from xmpp_im_core.stanza import CLIENT, Message, Stanza, from_element, payload

MACHINE = carbons(PLAIN, remembered=2)
Extended = Beside[Carbons, State]


def romeo(
    *, available: Iterable[str] = ("a", "b", "c"), enabled: Iterable[str] = (), connected: Iterable[str] = ()
) -> Extended:
    plain = account(ROMEO, {JULIET: "Both"}, available=available, connected=connected)
    return Beside("carbons", Carbons(tuple([SessionId(each, 1) for each in sorted(enabled)])), plain)


def step(state: Extended, event: Event, policy: Policy = DEFAULT) -> Transition[Extended]:
    return MACHINE.reduce(state, event, policy)


def asks(resource: str, name: str, type: str = "set", to: str | None = None) -> Outbound:
    return Outbound(AT, "seq", SessionId(resource, 1), iq(type, element(name, CARBONS), to=to))


def message(type: str | None, *children: Element, from_: str | None, to: str | None, id: str = "m1") -> Message:
    body = children or (element("body", CLIENT, {}, ["Wherefore?"]),)
    return Message(
        None if to is None else parse_address(to),
        None if from_ is None else parse_address(from_),
        id,
        type,
        None,
        payload(*body),
    )


def received(type: str | None, *children: Element, from_: str = f"{JULIET}/balcony", to: str = ROMEO) -> Inbound:
    return Inbound(AT, "seq", message(type, *children, from_=from_, to=to))


def sent(type: str | None, *children: Element, by: str = "a", to: str = JULIET, id: str = "m1") -> Outbound:
    return Outbound(AT, "seq", SessionId(by, 1), message(type, *children, from_=None, to=to, id=id))


def copies(transition: Transition[Extended]) -> list[tuple[str, str, Stanza]]:
    """Return each copy: the direction, the resource, and the message inside."""
    found: list[tuple[str, str, Stanza]] = []
    for effect in transition.effects:
        if isinstance(effect, Deliver) and isinstance(effect.stanza, Message):
            for direction in ("received", "sent"):
                wrapper = effect.stanza.payload.first(direction, CARBONS)
                forwarded = wrapper.first("forwarded", FORWARD) if wrapper is not None else None
                inner = forwarded.first("message", CLIENT) if forwarded is not None else None
                if inner is not None:
                    assert effect.stanza.from_jid is not None
                    assert effect.stanza.from_jid.full == ROMEO, "a copy comes from the user's own bare JID"
                    found += [(direction, each.resource, from_element(inner)) for each in effect.sessions]
    return found


def told(transition: Transition[Extended]) -> list[str]:
    return [resource for _, resource, _ in copies(transition)]


# --- §4, §5: enabling and disabling -----------------------------------------------------------------------


def test_a_resource_enables_and_disables_for_itself_alone() -> None:
    enabled = step(romeo(), asks("b", "enable"))
    again = step(enabled.state, asks("b", "enable"))
    disabled = step(again.state, asks("b", "disable"))

    assert enabled.state.own.enabled == again.state.own.enabled == (SessionId("b", 1),)
    assert disabled.state.own.enabled == ()
    for each in (enabled, again, disabled):
        (answer,) = each.effects
        assert isinstance(answer, Deliver)
        assert (answer.stanza.type, answer.sessions) == ("result", (SessionId("b", 1),))


def test_the_request_may_be_addressed_to_the_own_bare_jid() -> None:
    assert step(romeo(), asks("b", "enable", to=ROMEO)).state.own.enabled == (SessionId("b", 1),)


@pytest.mark.parametrize(("name", "type"), [("enable", "get"), ("toggle", "set")])
def test_anything_else_in_the_namespace_is_a_bad_request(name: str, type: str) -> None:
    refused = step(romeo(), asks("b", name, type))

    (answer,) = refused.effects
    assert isinstance(answer, Deliver)
    assert answer.stanza.error is not None
    assert answer.stanza.error.condition.value == "bad-request"
    assert refused.state == romeo()


def test_a_request_that_somebody_else_sends_to_the_account_enables_nothing() -> None:
    asked = Inbound(AT, "seq", iq("set", element("enable", CARBONS), from_=f"{JULIET}/balcony", to=ROMEO))

    assert step(romeo(), asked).state.own.enabled == ()


def test_a_session_that_has_ended_is_forgotten() -> None:
    ended = step(romeo(enabled="ab"), SessionEnded(AT, "seq", SessionId("b", 1)))

    assert ended.state.own.enabled == (SessionId("a", 1),)


# --- §7: received messages --------------------------------------------------------------------------------


def test_the_other_enabled_resources_get_a_copy_of_a_message_to_a_full_jid() -> None:
    arrived = received("chat", to=f"{ROMEO}/a")

    delivered = step(romeo(enabled="ab"), arrived)

    assert copies(delivered) == [("received", "b", arrived.stanza)]
    assert isinstance(delivered.effects[0], Deliver)
    assert delivered.effects[0].stanza is arrived.stanza, "the original comes first, as it stands"


def test_a_resource_that_got_the_original_gets_no_copy() -> None:
    assert told(step(romeo(enabled="abc"), received("chat"))) == []


def test_a_copy_of_what_the_user_sent_to_the_own_account_does_not_come_back_to_its_sender() -> None:
    arrived = received("chat", from_=f"{ROMEO}/c", to=f"{ROMEO}/a")

    assert told(step(romeo(enabled="abc"), arrived)) == ["b"]


def test_what_was_stored_is_copied_when_it_is_delivered() -> None:
    loaded = OfflineLoaded(AT, "seq", SessionId("a", 1), (("1", message("chat", from_=JULIET, to=ROMEO)),))

    assert told(step(romeo(enabled="abc"), loaded)) == ["b", "c"]


def test_what_is_only_stored_is_not_copied() -> None:
    nobody = romeo(available=(), connected=("a",), enabled="a")

    assert told(step(nobody, received("chat"))) == []


def test_what_a_blocked_entity_sends_is_not_copied() -> None:
    state = romeo(enabled="ab")
    assert isinstance(state.inner, Account)
    blocked = Beside("carbons", state.own, state.inner.blocking((JULIET,)))

    assert told(step(blocked, received("chat", to=f"{ROMEO}/a"))) == []


# --- §8: sent messages ------------------------------------------------------------------------------------


def test_the_other_resources_see_what_one_of_them_sends() -> None:
    spoken = step(romeo(enabled="abc"), sent("chat"))

    assert [(direction, resource) for direction, resource, _ in copies(spoken)] == [("sent", "b"), ("sent", "c")]
    (_, _, inside), *_ = copies(spoken)
    assert inside.from_jid is not None
    assert inside.from_jid.full == f"{ROMEO}/a"


def test_the_sender_need_not_have_enabled_carbons() -> None:
    assert told(step(romeo(enabled="b"), sent("chat"))) == ["b"]


def test_what_is_refused_is_not_copied() -> None:
    malformed = Outbound(AT, "seq", SessionId("a", 1), message("chat", from_=None, to="a@b@c"))

    assert told(step(romeo(enabled="abc"), malformed)) == []


# --- §6.1: which messages ---------------------------------------------------------------------------------

BODY = element("body", CLIENT, {}, ["Wherefore?"])
MUC = "http://jabber.org/protocol/muc#user"
ELIGIBLE = {
    "chat": ("chat", BODY),
    "chat without body": ("chat", element("x", "urn:example")),
    "normal with body": (None, BODY),
    "receipt": (None, element("received", "urn:xmpp:receipts")),
    "chat state": ("normal", element("composing", "http://jabber.org/protocol/chatstates")),
    "marker": (None, element("displayed", "urn:xmpp:chat-markers:0")),
    "invitation": (None, element("x", "jabber:x:conference")),
    "mediated invitation": (None, element("x", MUC, {}, [element("invite", MUC)])),
}
NOT_ELIGIBLE = {
    "groupchat": ("groupchat", BODY),
    "headline": ("headline", BODY),
    "error": ("error", BODY),
    "normal without anything of instant messaging": (None, element("x", "urn:example")),
    "private": ("chat", element("private", CARBONS)),
    "no-copy": ("chat", element("no-copy", "urn:xmpp:hints")),
}


@in_one_test(("type", "child"), ELIGIBLE.values(), ids=ELIGIBLE.keys())
def test_instant_messages_are_copied(type: str | None, child: Element) -> None:
    assert told(step(romeo(enabled="ab"), sent(type, child))) == ["b"]
    assert told(step(romeo(enabled="ab"), received(type, child, to=f"{ROMEO}/a"))) == ["b"]


@in_one_test(("type", "child"), NOT_ELIGIBLE.values(), ids=NOT_ELIGIBLE.keys())
def test_other_messages_are_not_copied(type: str | None, child: Element) -> None:
    assert told(step(romeo(enabled="ab"), sent(type, child))) == []
    assert told(step(romeo(enabled="ab"), received(type, child, to=f"{ROMEO}/a"))) == []


def test_a_private_message_in_a_room_is_not_copied_when_received() -> None:
    assert told(step(romeo(enabled="ab"), received("chat", element("x", MUC), to=f"{ROMEO}/a"))) == []


def test_an_error_is_copied_where_it_answers_a_message_that_was() -> None:
    spoken = step(romeo(enabled="ab"), sent("chat", id="m1"))

    assert told(step(spoken.state, received("error", to=f"{ROMEO}/a"))) == ["b"]
    other = Inbound(AT, "seq", message("error", from_=JULIET, to=f"{ROMEO}/a", id="m2"))
    assert told(step(spoken.state, other)) == []


def test_only_the_last_messages_are_remembered() -> None:
    state = romeo(enabled="ab")
    for n in range(5):
        state = step(state, sent("chat", id=f"m{n}")).state

    assert state.own.sent == ((JULIET, "m3"), (JULIET, "m4"))


# --- the equation -----------------------------------------------------------------------------------------

RESOURCES = st.sets(st.sampled_from("abcdef"))


@given(RESOURCES, RESOURCES, st.sampled_from("abcdef"))
def test_copies_go_to_the_enabled_less_the_delivered_less_the_origin(
    available: set[str], enabled: set[str], target: str
) -> None:
    state = romeo(available=available, connected=enabled - available, enabled=enabled)
    for origin in (f"{JULIET}/balcony", f"{ROMEO}/f"):
        done = step(state, received("chat", from_=origin, to=f"{ROMEO}/{target}"))
        delivered = {
            each.resource
            for effect in done.effects
            if isinstance(effect, Deliver) and isinstance(effect.stanza, Message) and effect.stanza.to is not None
            for each in effect.sessions
        }

        expected = enabled - delivered - ({"f"} if origin == f"{ROMEO}/f" else set()) if delivered else set()
        assert sorted(told(done)) == sorted(expected)
        assert not any(isinstance(effect, FanOut) for effect in done.effects)
