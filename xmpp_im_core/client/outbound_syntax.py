"""The syntax of outbound stanzas: what a client refuses to send (RFC 6121 §2.1, §2.6.2, §4.5.1, §4.7, §5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xmpp_im_core.client.content import may_be_parent
from xmpp_im_core.client.state import Client
from xmpp_im_core.element import XML_LANG, Element, language_key, language_of
from xmpp_im_core.jid import Malformed
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client as session_rules
from xmpp_im_core.rules import client_messages as message_rules
from xmpp_im_core.rules import client_presence as presence_rules
from xmpp_im_core.rules import client_roster as roster_rules
from xmpp_im_core.rules import client_subscriptions as subscription_rules
from xmpp_im_core.stanza import (
    IQ,
    IQ_TYPES,
    MESSAGE_TYPES,
    PRESENCE_TYPES,
    ROSTER,
    SUBSCRIPTION_TYPES,
    Message,
    Presence,
    Stanza,
    read_priority,
)

_SHOWS: Final = frozenset({"away", "chat", "dnd", "xa"})
_ITEM_ATTRIBUTES: Final = {
    "ask": roster_rules.SET_WITH_ASK,
    "approved": roster_rules.SET_WITH_APPROVED,
}


def fault(client: Client, stanza: Stanza) -> Rule | None:
    """Return the rule that a stanza breaks, or None if a client may send it."""
    if isinstance(stanza.to, Malformed):
        return session_rules.TO_MALFORMED
    if stanza.from_ is not None and not _own(client, stanza):
        return session_rules.FROM_FOREIGN
    if isinstance(stanza, Message):
        return message_fault(stanza)
    if isinstance(stanza, Presence):
        return presence_fault(stanza)
    assert isinstance(stanza, IQ)
    return iq_fault(client, stanza)


def _own(client: Client, stanza: Stanza) -> bool:
    return stanza.from_jid == client.jid or (client.bound is not None and stanza.from_jid == client.bound.jid)


# --- messages (§5.2) ----------------------------------------------------------------------------------------


def message_fault(message: Message) -> Rule | None:
    """Return the rule that a message breaks, or None."""
    if message.type is not None and message.type not in MESSAGE_TYPES:
        return message_rules.MESSAGE_TYPE_UNKNOWN
    content = message.payload
    if not _texts(content.all("body"), message.lang):
        return message_rules.BODY_MALFORMED
    if not _texts(content.all("subject"), message.lang):
        return message_rules.SUBJECT_MALFORMED
    if not _thread(content.all("thread")):
        return message_rules.THREAD_MALFORMED
    return None


def _texts(children: tuple[Element, ...], inherited: str | None) -> bool:
    """Whether each of these has another language, contains only text, and has no attribute except xml:lang."""
    languages = {language_key(language_of(child, inherited)) for child in children}
    return len(languages) == len(children) and all(_plain(child, XML_LANG) for child in children)


def _plain(child: Element, *attributes: str) -> bool:
    """Whether an element contains only text, and has no attributes except these."""
    return not child.elements and all(name in attributes for name, _ in child.attributes)


def _thread(threads: tuple[Element, ...]) -> bool:
    """Whether there is at most one thread, it contains only text, and its parent is another thread (§5.2.5)."""
    if not threads:
        return True
    thread, parent = threads[0], threads[0].get("parent")
    if len(threads) > 1 or thread.elements or not thread.text:
        return False
    return parent is None or may_be_parent(parent, thread.text)


# --- presence (§4.5.1, §4.7) --------------------------------------------------------------------------------


def presence_fault(presence: Presence) -> Rule | None:
    """Return the rule that presence breaks, or None."""
    if presence.type is not None and presence.type not in PRESENCE_TYPES:
        return presence_rules.PRESENCE_TYPE_UNKNOWN
    if presence.to is None and presence.type not in (None, "unavailable"):
        return (
            subscription_rules.SUBSCRIPTION_WITHOUT_TO
            if presence.type in SUBSCRIPTION_TYPES
            else presence_rules.PRESENCE_WITHOUT_TO
        )
    if presence.type == "error":
        return presence_rules.PRESENCE_ERROR_WITHOUT_ERROR if presence.payload.first("error") is None else None
    content = presence.payload
    shows, priorities = content.all("show"), content.all("priority")
    if presence.type == "unavailable" and (shows or priorities):
        return presence_rules.UNAVAILABLE_WITH_AVAILABILITY
    if len(shows) > 1 or any(show.text not in _SHOWS or not _plain(show) for show in shows):
        return presence_rules.SHOW_MALFORMED
    if not _texts(content.all("status"), presence.lang):
        return presence_rules.STATUS_MALFORMED
    if len(priorities) > 1 or any(read_priority(p.text) is None or not _plain(p) for p in priorities):
        return presence_rules.PRIORITY_MALFORMED
    return None


# --- IQs (§2.1, §2.6.2; RFC 6120 §8.2.3) ---------------------------------------------------------------------


def iq_fault(client: Client, iq: IQ) -> Rule | None:
    """Return the rule that an IQ breaks, or None."""
    if iq.type not in IQ_TYPES:
        return session_rules.IQ_MALFORMED_OUT
    if iq.type in ("result", "error"):
        return session_rules.IQ_MALFORMED_OUT if iq.id is None else None
    request = iq.request
    if request is None:
        return session_rules.IQ_MALFORMED_OUT
    if request.namespace != ROSTER:
        return None
    return _roster_get_fault(client, request) if iq.type == "get" else _roster_set_fault(request)


def _roster_get_fault(client: Client, query: Element) -> Rule | None:
    if query.first("item") is not None:
        return roster_rules.GET_WITH_ITEM
    if query.get("ver") is not None and client.next_ver() is None:
        return roster_rules.GET_WITH_VER_NOT_ADVERTISED
    return None


def _roster_set_fault(query: Element) -> Rule | None:
    items = list(query.all("item"))
    if len(items) != 1:
        return roster_rules.SET_WITHOUT_ONE_ITEM
    item = items[0]
    if not item.get("jid"):
        return roster_rules.SET_WITHOUT_JID
    for attribute, rule in _ITEM_ATTRIBUTES.items():
        if item.get(attribute) is not None:
            return rule
    if item.get("subscription") not in (None, "remove"):
        return roster_rules.SET_WITH_SUBSCRIPTION
    return group_fault([group.text for group in item.all("group")])


def group_fault(groups: Iterable[str]) -> Rule | None:
    """Return the rule that the groups of an item break, or None (§2.3.3)."""
    names = list(groups)
    return roster_rules.SET_WITH_BAD_GROUPS if "" in names or len(set(names)) < len(names) else None
