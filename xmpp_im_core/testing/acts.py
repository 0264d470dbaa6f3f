"""What users' clients do: acts, each of them one stanza or the coming and going of a session.

An act is plain data. It says what a client does, not how it is told to a server: any implementation can be
driven by it, through :meth:`Act.stanza` or through the XML of :func:`xml_of`.
"""

from __future__ import annotations

from typing import ClassVar, Final

from attrs import frozen

from xmpp_im_core.codec import write_stanza
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import Address, Malformed, parse_address
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.stanza import CLIENT, IQ, Message, Presence, Stanza, payload

PING: Final = "urn:xmpp:ping"
REMOTE: Final = "remote.example"
"""The domain of another server, in traces as in conformance vectors."""


@frozen
class Act:
    """Something that a client does."""

    client: str
    """The full JID of its session; or of a user of ``REMOTE``, whose stanza arrives from that server."""

    @property
    def user(self) -> str:
        """The bare JID of the account."""
        return self.client.partition("/")[0]

    @property
    def is_remote(self) -> bool:
        """Whether a user of another server does it."""
        return self.user.endswith(f"@{REMOTE}")

    def stanza(self) -> Stanza | None:
        """Return what the client sends; None where the act is no stanza."""
        return None


# --- sessions ---------------------------------------------------------------------------------------------


@frozen
class Connect(Act):
    """A resource is bound; its client sends nothing yet."""


@frozen
class Disconnect(Act):
    """The stream ends, with or without a closing tag."""

    clean: bool = True


# --- the roster (RFC 6121 §2) -----------------------------------------------------------------------------


@frozen
class GetRoster(Act):
    """The client asks for the roster, and is interested from now on."""

    def stanza(self) -> Stanza:
        """Return the roster get."""
        return IQ(None, None, "get", "get", None, payload(element("query", ROSTER)))


@frozen
class SetItem(Act):
    """The client adds or updates a roster item."""

    contact: str
    name: str = ""
    groups: tuple[str, ...] = ()

    def stanza(self) -> Stanza:
        """Return the roster set."""
        attributes = {"jid": self.contact, **({"name": self.name} if self.name else {})}
        return _roster_set("set", attributes, [element("group", ROSTER, {}, [group]) for group in self.groups])


@frozen
class RemoveItem(Act):
    """The client removes a roster item."""

    contact: str

    def stanza(self) -> Stanza:
        """Return the roster set."""
        return _roster_set("remove", {"jid": self.contact, "subscription": "remove"}, [])


def _roster_set(id: str, attributes: dict[str, str], groups: list[Element]) -> Stanza:
    query = element("query", ROSTER, {}, [element("item", ROSTER, attributes, groups)])
    return IQ(None, None, id, "set", None, payload(query))


# --- subscriptions (RFC 6121 §3) --------------------------------------------------------------------------


@frozen
class SubscriptionAct(Act):
    """The client sends one of the four subscription stanzas to a contact's bare JID."""

    TYPE: ClassVar[str]

    contact: str

    def stanza(self) -> Stanza:
        """Return the presence stanza."""
        return Presence(parse_address(self.contact), type=self.TYPE)


@frozen
class Subscribe(SubscriptionAct):
    """The user asks for a subscription to the contact's presence."""

    TYPE: ClassVar[str] = "subscribe"


@frozen
class Subscribed(SubscriptionAct):
    """The user approves the contact's request, or pre-approves one."""

    TYPE: ClassVar[str] = "subscribed"


@frozen
class Unsubscribe(SubscriptionAct):
    """The user ends the own subscription, or takes the request back."""

    TYPE: ClassVar[str] = "unsubscribe"


@frozen
class Unsubscribed(SubscriptionAct):
    """The user denies the contact's request, or ends the contact's subscription."""

    TYPE: ClassVar[str] = "unsubscribed"


@frozen
class Probe(SubscriptionAct):
    """The server of a user of ``REMOTE`` asks for the contact's presence; clients leave that to theirs."""

    TYPE: ClassVar[str] = "probe"


# --- presence (RFC 6121 §4) -------------------------------------------------------------------------------


@frozen
class Available(Act):
    """The client sends initial or subsequent presence; with ``to`` directed presence."""

    show: str = ""
    priority: int = 0
    to: str | None = None

    def stanza(self) -> Stanza:
        """Return the presence stanza."""
        show = [element("show", CLIENT, {}, [self.show])] if self.show else []
        priority = [element("priority", CLIENT, {}, [str(self.priority)])] if self.priority else []
        return Presence(_address(self.to), payload=payload(*show, *priority))


@frozen
class Unavailable(Act):
    """The client sends unavailable presence, to everybody or to one entity."""

    to: str | None = None

    def stanza(self) -> Stanza:
        """Return the presence stanza."""
        return Presence(_address(self.to), type="unavailable")


# --- messages and IQs (RFC 6121 §5, §8) -------------------------------------------------------------------


@frozen
class SendMessage(Act):
    """The client sends a message to a bare or full JID."""

    to: str
    type: str = "chat"
    body: str = "Wherefore art thou?"

    def stanza(self) -> Stanza:
        """Return the message stanza."""
        body = element("body", CLIENT, {}, [self.body])
        return Message(_address(self.to), type=self.type, payload=payload(body))


@frozen
class Ping(Act):
    """The client sends a request to another client's full JID; nobody answers it but a server."""

    to: str

    def stanza(self) -> Stanza:
        """Return the IQ stanza."""
        return IQ(_address(self.to), None, "ping", "get", None, payload(element("ping", PING)))


def _address(text: str | None) -> Address | Malformed | None:
    return None if text is None else parse_address(text)


def arriving(act: Act) -> Stanza | None:
    """Return what arrives where a user of another server does this.

    Subscription stanzas and probes come from the bare JID, as their server has stamped them (RFC 6121 §3.1.2).
    """
    stanza = act.stanza()
    sender = act.user if isinstance(act, SubscriptionAct) else act.client
    return None if stanza is None else stanza.stamped(from_=parse_address(sender))


def xml_of(act: Act) -> str | None:
    """Return what the client, or the other server, writes to its stream; None where the act is no stanza."""
    stanza = arriving(act) if act.is_remote else act.stanza()
    return None if stanza is None else write_stanza(stanza).decode()
