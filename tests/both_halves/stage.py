"""Romeo, Juliet and theirs, each at a client, and what they say to each other over their servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from xmpp_im_core.client import Approve, SetItem, Subscribe
from xmpp_im_core.client.notifications import Notification
from xmpp_im_core.codec import parse_element, write_element
from xmpp_im_core.element import XML_LANG, Element, element
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.stanza import to_element
from xmpp_im_core.testing.network import Network
from xmpp_im_core.testing.network_hosts import NetworkClient
from xmpp_im_core.testing.pipes import TranscriptLine

VERONA: Final = ("montague.example", "capulet.example")
ROMEO: Final = parse_jid("romeo@montague.example")
JULIET: Final = parse_jid("juliet@capulet.example")
NURSE: Final = parse_jid("nurse@capulet.example")
ORCHARD: Final = parse_jid("romeo@montague.example/orchard")
BALCONY: Final = parse_jid("juliet@capulet.example/balcony")
CHAMBER: Final = parse_jid("juliet@capulet.example/chamber")

N = TypeVar("N", bound=Notification)
S = TypeVar("S")


def subscribes(network: Network[S], user: NetworkClient, contact: NetworkClient) -> None:
    """Let a user subscribe to a contact, who approves."""
    user.wants(Subscribe, contact.jid)
    network.settle()
    contact.wants(Approve, user.jid)
    network.settle()


def befriend(network: Network[S], one: NetworkClient, other: NetworkClient) -> None:
    """Let two users subscribe to each other."""
    subscribes(network, one, other)
    subscribes(network, other, one)


def names(network: Network[S], user: NetworkClient, jid: JID, name: str, *groups: str) -> None:
    """Let a user give a contact a name, and put it into groups."""
    user.wants(SetItem, jid, name, groups)
    network.settle()


def told(client: NetworkClient, kind: type[N]) -> list[N]:
    """Return what a client has told its user, of one kind."""
    return [each for each in client.told if isinstance(each, kind)]


def available(client: NetworkClient, jid: JID) -> list[str]:
    """Return the resources of somebody that a client shows as available, the best first."""
    return [resource.name for resource in client.client.resources(jid.bare)]


# --- comparing what was said with the RFC's text ------------------------------------------------------------


def lines(said: Iterable[TranscriptLine]) -> list[str]:
    """Return what was said as the RFC shows it, whatever the order between different readers."""
    return sorted(line(each.source, each.target, to_element(each.stanza)) for each in said)


def line(source: str, target: str, stanza: Element | str) -> str:
    """Return a stanza, and who writes it to whom, without what the RFC's examples leave open.

    That is: the ids, which are the sender's to choose; the language, as no stream here has one; the 'from' of
    a client's stanza, which its server stamps; and the order of roster items, which means nothing.
    """
    read = parse_element(stanza) if isinstance(stanza, str) else stanza
    left_out = {"id", XML_LANG, "from"} if "/" in source else {"id", XML_LANG}
    attributes = {name: value for name, value in read.attributes if name not in left_out}
    plain = element(read.name, read.namespace, attributes, [_plain(child) for child in read.elements])
    return f"{source} -> {target}: {write_element(plain).decode()}"


def _plain(child: Element) -> Element:
    """Return an element without the whitespace that lays out examples, its own children sorted."""
    if not child.elements:
        return child
    inside = sorted([_plain(each) for each in child.elements], key=repr)
    return element(child.name, child.namespace, dict(child.attributes), inside)
