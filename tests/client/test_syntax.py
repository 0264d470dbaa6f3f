"""What a client never sends, whatever it is handed (RFC 6121 §2.1, §2.6.2, §4.5.1, §4.7, §5.2)."""

from __future__ import annotations

import pytest

from tests.client.stage import (
    BOTH_FEATURES,
    ORCHARD,
    Scene,
    changed_nothing,
    elements,
    rules_of,
    sent,
    stanza,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client.notifications import OrderRefused
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client as session_rules
from xmpp_im_core.rules import client_messages as message_rules
from xmpp_im_core.rules import client_presence as presence_rules
from xmpp_im_core.rules import client_roster as roster_rules
from xmpp_im_core.rules import client_subscriptions as subscription_rules


def roster_set(item: str) -> str:
    return f"<iq type='set' id='a'><query xmlns='jabber:iq:roster'>{item}</query></iq>"


R = "jid='romeo@montague.example'"
TO = "to='romeo@montague.example'"

REFUSED: list[tuple[Rule, str]] = [
    (roster_rules.GET_WITH_ITEM, f"<iq type='get' id='a'><query xmlns='jabber:iq:roster'><item {R}/></query></iq>"),
    (roster_rules.GET_WITH_VER_NOT_ADVERTISED, "<iq type='get' id='a'><query xmlns='jabber:iq:roster' ver='v'/></iq>"),
    (roster_rules.SET_WITHOUT_ONE_ITEM, roster_set("")),
    (roster_rules.SET_WITHOUT_ONE_ITEM, roster_set(f"<item {R}/><item jid='nurse@capulet.example'/>")),
    (roster_rules.SET_WITHOUT_JID, roster_set("<item/>")),
    (roster_rules.SET_WITHOUT_JID, roster_set("<item jid='@'/>")),
    (roster_rules.SET_WITH_ASK, roster_set(f"<item {R} ask='subscribe'/>")),
    (roster_rules.SET_WITH_APPROVED, roster_set(f"<item {R} approved='true'/>")),
    (roster_rules.SET_WITH_SUBSCRIPTION, roster_set(f"<item {R} subscription='both'/>")),
    (roster_rules.SET_WITH_BAD_GROUPS, roster_set(f"<item {R}><group/></item>")),
    (roster_rules.SET_WITH_BAD_GROUPS, roster_set(f"<item {R}><group>A</group><group>A</group></item>")),
    (session_rules.IQ_MALFORMED_OUT, "<iq type='foo' id='a'><x xmlns='urn:x'/></iq>"),
    (session_rules.IQ_MALFORMED_OUT, "<iq type='get' id='a'/>"),
    (session_rules.IQ_MALFORMED_OUT, "<iq type='set' id='a'><x xmlns='urn:x'/><x xmlns='urn:x'/></iq>"),
    (session_rules.IQ_MALFORMED_OUT, f"<iq type='result' {TO}/>"),
    (subscription_rules.SUBSCRIPTION_WITHOUT_TO, "<presence type='subscribe'/>"),
    (presence_rules.PRESENCE_WITHOUT_TO, "<presence type='probe'/>"),
    (presence_rules.PRESENCE_TYPE_UNKNOWN, "<presence type='available'/>"),
    (presence_rules.PRESENCE_ERROR_WITHOUT_ERROR, f"<presence type='error' {TO}/>"),
    (presence_rules.PROBE_REFUSED, f"<presence type='probe' {TO}/>"),
    (presence_rules.UNAVAILABLE_WITH_AVAILABILITY, "<presence type='unavailable'><show>away</show></presence>"),
    (presence_rules.UNAVAILABLE_WITH_AVAILABILITY, "<presence type='unavailable'><priority>0</priority></presence>"),
    (presence_rules.SHOW_MALFORMED, "<presence><show>away</show><show>dnd</show></presence>"),
    (presence_rules.SHOW_MALFORMED, "<presence><show>available</show></presence>"),
    (presence_rules.SHOW_MALFORMED, "<presence><show/></presence>"),
    (presence_rules.SHOW_MALFORMED, "<presence><show a='b'>away</show></presence>"),
    (presence_rules.SHOW_MALFORMED, "<presence><show>away<b xmlns='urn:x'/></show></presence>"),
    (presence_rules.STATUS_MALFORMED, "<presence><status>a</status><status>b</status></presence>"),
    (
        presence_rules.STATUS_MALFORMED,
        "<presence xml:lang='en'><status>a</status><status xml:lang='EN'>b</status></presence>",
    ),
    (presence_rules.STATUS_MALFORMED, "<presence><status a='b'>a</status></presence>"),
    (presence_rules.STATUS_MALFORMED, "<presence><status>a<b xmlns='urn:x'/></status></presence>"),
    (presence_rules.PRIORITY_MALFORMED, "<presence><priority>1</priority><priority>1</priority></presence>"),
    (presence_rules.PRIORITY_MALFORMED, "<presence><priority>128</priority></presence>"),
    (presence_rules.PRIORITY_MALFORMED, "<presence><priority>-129</priority></presence>"),
    (presence_rules.PRIORITY_MALFORMED, "<presence><priority>high</priority></presence>"),
    (presence_rules.PRIORITY_MALFORMED, "<presence><priority a='b'>1</priority></presence>"),
    (message_rules.MESSAGE_TYPE_UNKNOWN, f"<message {TO} type='foo'/>"),
    (message_rules.BODY_MALFORMED, f"<message {TO}><body>a</body><body>b</body></message>"),
    (message_rules.BODY_MALFORMED, f"<message {TO}><body a='b'>a</body></message>"),
    (message_rules.BODY_MALFORMED, f"<message {TO}><body>a<b xmlns='urn:x'/></body></message>"),
    (message_rules.SUBJECT_MALFORMED, f"<message {TO}><subject>a</subject><subject>b</subject></message>"),
    (message_rules.SUBJECT_MALFORMED, f"<message {TO}><subject>a<b xmlns='urn:x'/></subject></message>"),
    (message_rules.THREAD_MALFORMED, f"<message {TO}><thread>a</thread><thread>b</thread></message>"),
    (message_rules.THREAD_MALFORMED, f"<message {TO}><thread/></message>"),
    (message_rules.THREAD_MALFORMED, f"<message {TO}><thread parent='a'>a</thread></message>"),
    (message_rules.THREAD_MALFORMED, f"<message {TO}><thread parent='b c'>a</thread></message>"),
    (message_rules.THREAD_MALFORMED, f"<message {TO}><thread>a<b xmlns='urn:x'/></thread></message>"),
    (session_rules.FROM_FOREIGN, f"<message from='romeo@montague.example' {TO}/>"),
    (session_rules.FROM_FOREIGN, f"<message from='@' {TO}/>"),
    (session_rules.TO_MALFORMED, "<message to='@'/>"),
]


@in_one_test(("rule", "xml"), REFUSED)
def test_an_order_that_breaks_the_rules_is_refused_with_its_rule(rule: Rule, xml: str) -> None:
    scene = Scene()
    before = scene.client

    step = scene.hands_over(xml)

    assert told(step) == [OrderRefused(stanza(xml))]
    assert rules_of(step) == [rule]
    assert changed_nothing(before, step)


SENT = [
    "<presence><show>xa</show><status>a</status><status xml:lang='cs'>b</status><priority>-128</priority></presence>",
    "<presence><priority>127</priority><c xmlns='urn:x'/></presence>",
    "<presence type='unavailable'><status>Good night</status></presence>",
    f"<presence type='error' {TO}><error type='cancel'/></presence>",
    f"<message {TO}/>",
    f"<message {TO} type='normal'><body>a</body><body xml:lang='cs'>b</body><x xmlns='urn:x'><y a='b'/>t</x></message>",
    f"<message {TO} type='chat'><thread>a</thread></message>",
    f"<message {TO} type='headline'><thread parent='b'>a</thread></message>",
    f"<message {TO} type='error'><error type='cancel'/></message>",
    "<iq type='set' id='a'><x xmlns='urn:x'><y/></x></iq>",
    "<iq type='get' id='a'><query xmlns='jabber:iq:roster'/></iq>",
    roster_set(f"<item {R}/>"),
    roster_set(f"<item {R} subscription='remove'/>"),
    f"<message from='juliet@capulet.example/balcony' {TO}/>",
]


@in_one_test("xml", SENT)
def test_a_valid_order_is_sent_unchanged(xml: str) -> None:
    assert sent(Scene().hands_over(xml)) == elements(xml)


def test_a_roster_get_that_was_handed_over_is_one_like_any_other() -> None:
    scene = Scene(features=BOTH_FEATURES)
    scene.hands_over("<iq type='get' id='mine'><query xmlns='jabber:iq:roster' ver=''/></iq>")

    step = scene.server(
        "<iq type='result' id='mine'><query xmlns='jabber:iq:roster' ver='v'>"
        "<item jid='romeo@montague.example'/></query></iq>"
    )

    assert (list(step.state.roster.items), step.state.next_ver()) == (["romeo@montague.example"], "v")


@pytest.mark.parametrize("type", ["subscribe", "unsubscribe", "unsubscribed"])
def test_a_subscription_stanza_that_was_handed_over_goes_to_the_bare_jid_with_an_id(type: str) -> None:
    step = Scene().hands_over(f"<presence to='{ORCHARD}' type='{type}'><status>I will be mild</status></presence>")

    assert sent(step) == elements(
        f"<presence to='romeo@montague.example' type='{type}' id='s1-{type}'><status>I will be mild</status></presence>"
    )


def test_a_recipient_of_directed_presence_may_probe_its_full_jid() -> None:
    scene = Scene()
    scene.server(f"<presence from='{ORCHARD}'/>")
    probe = f"<presence to='{ORCHARD}' type='probe'/>"

    assert sent(scene.hands_over(probe)) == elements(probe)
    assert rules_of(scene.hands_over("<presence to='romeo@montague.example' type='probe'/>")) == [
        presence_rules.PROBE_REFUSED
    ]
