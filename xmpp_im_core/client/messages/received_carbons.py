"""Copies of messages that the user's other resources send and receive (XEP-0280)."""

from __future__ import annotations

from xmpp_im_core.carbon_copies import unwrap, wrapper_of
from xmpp_im_core.client.effects import Tell, Transition, silence
from xmpp_im_core.client.notifications import Carbon, message_received
from xmpp_im_core.client.state import Client
from xmpp_im_core.element import Element
from xmpp_im_core.jid import JID
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import Message


def carbon_of(message: Message) -> Element | None:
    """Return the element that makes a message a carbon, or None.

    The copy of an error comes in a message of type "error" too (XEP-0280 §6.1), but without an ``<error/>``.
    A message with an ``<error/>`` is about a message of this client, and may repeat its content (RFC 6120 §8.3.1).
    """
    wrapper = wrapper_of(message)
    if wrapper is not None and message.kind == "error" and message.error is not None:
        return None
    return wrapper


def read_carbon(client: Client, wrapper: Element, sender: JID) -> Transition:
    """Tell the application of a copied message. It is not processed as a message to this resource (XEP-0297 §7).

    Only a copy from the user's bare JID counts, whatever addresses the copied message has: "any copies that do not
    meet this requirement MUST be ignored" (XEP-0280 §11).
    """
    if sender != client.jid:
        return silence(client, rules.CARBON_FORGED)
    copied = unwrap(wrapper)
    if copied is None:
        return silence(client, rules.CARBON_EMPTY)
    told = message_received(copied, None, Carbon(wrapper.name))
    return Transition(client, (Tell(told, rules.CARBON_RECEIVED),))
