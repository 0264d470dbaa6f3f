"""Copies of messages that the user's other resources send and receive (XEP-0280), believed from one JID alone."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.client.content import read_content
from xmpp_im_core.client.effects import Tell, Transition, silence
from xmpp_im_core.client.notifications import Carbon, MessageReceived
from xmpp_im_core.client.state import Client
from xmpp_im_core.element import Element
from xmpp_im_core.jid import JID
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import CLIENT, Message, from_element

CARBONS: Final = "urn:xmpp:carbons:2"
FORWARD: Final = "urn:xmpp:forward:0"

_KINDS: Final = {carbon.value: carbon for carbon in Carbon}


def carbon_of(message: Message) -> Element | None:
    """Return the element that makes a message a carbon; ``<private/>`` and the like do not (XEP-0280 §9).

    The copy of an error comes in a message of type "error" too (XEP-0280 §6.1), but without an ``<error/>``.
    One that has is an error about a message of this client, and may repeat what that held (RFC 6120 §8.3.1).
    """
    if message.kind == "error" and message.error is not None:
        return None
    for child in message.payload.elements:
        if child.namespace == CARBONS and child.name in _KINDS:
            return child
    return None


def read_carbon(client: Client, wrapper: Element, sender: JID) -> Transition:
    """Tell of a copied message, which is not processed as if it had been sent to this resource (XEP-0297 §7).

    "any copies that do not meet this requirement MUST be ignored" (XEP-0280 §11): whom the copy itself names
    plays no part.
    """
    if sender != client.jid:
        return silence(client, rules.CARBON_FORGED)
    copied = _forwarded(wrapper)
    if copied is None:
        return silence(client, rules.CARBON_EMPTY)
    told = MessageReceived(copied, read_content(copied), _KINDS[wrapper.name])
    return Transition(client, (Tell(told, rules.CARBON_RECEIVED),))


def _forwarded(wrapper: Element) -> Message | None:
    forwarded = wrapper.first("forwarded", FORWARD)
    child = None if forwarded is None else forwarded.first("message", CLIENT)
    if child is None:
        return None
    stanza = from_element(child)
    assert isinstance(stanza, Message)
    return stanza
