"""Acts: what clients do. An act is one stanza, or the beginning or end of a session.

An act is plain data that says what a client does, so it can drive any implementation: through :meth:`Act.stanza`, or
through the XML of :func:`xml_of`.
"""

from __future__ import annotations

from typing import ClassVar, Final

from xmpp_im_core.codec import write_stanza
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import Address, Malformed, parse_address
from xmpp_im_core.record import record
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.stanza import CLIENT, IQ, Message, Presence, Stanza, payload

PING: Final = "urn:xmpp:ping"
REMOTE: Final = "remote.example"
"""The domain of another server, in traces and in conformance vectors."""


@record
class Act:
    """Something that a client does."""

    client: str
    """The full JID of the session. If it is at ``REMOTE``, the stanza arrives from that server."""

    @property
    def user(self) -> str:
        """The bare JID of the account."""
        return self.client.partition("/")[0]

    @property
    def is_remote(self) -> bool:
        """Whether a user of ``REMOTE`` does it."""
        return self.user.endswith(f"@{REMOTE}")

    def stanza(self) -> Stanza | None:
        """Return the stanza that the client sends; None if the act is not a stanza."""
        return None


# --- sessions ---------------------------------------------------------------------------------------------


@record
class Connects(Act):
    """The server binds a resource. The client sends nothing yet."""


@record
class Disconnects(Act):
    """The stream ends."""

    clean: bool = True
    """Whether the client closes the stream with a closing tag; otherwise the connection breaks."""


# --- the roster (RFC 6121 §2) -----------------------------------------------------------------------------


@record
class GetsRoster(Act):
    """The client requests the roster, and gets roster pushes from then on (§2.2)."""

    def stanza(self) -> Stanza:
        """Return the roster get."""
        return IQ(None, None, "get", "get", None, payload(element("query", ROSTER)))


@record
class SetsItem(Act):
    """The client adds or updates a roster item."""

    contact: str
    name: str = ""
    groups: tuple[str, ...] = ()

    def stanza(self) -> Stanza:
        """Return the roster set."""
        attributes = {"jid": self.contact, **({"name": self.name} if self.name else {})}
        return _roster_set("set", attributes, [element("group", ROSTER, {}, [group]) for group in self.groups])


@record
class RemovesItem(Act):
    """The client removes a roster item."""

    contact: str

    def stanza(self) -> Stanza:
        """Return the roster set."""
        return _roster_set("remove", {"jid": self.contact, "subscription": "remove"}, [])


def _roster_set(id: str, attributes: dict[str, str], groups: list[Element]) -> Stanza:
    query = element("query", ROSTER, {}, [element("item", ROSTER, attributes, groups)])
    return IQ(None, None, id, "set", None, payload(query))


# --- subscriptions (RFC 6121 §3) --------------------------------------------------------------------------


@record
class SubscriptionAct(Act):
    """The client sends presence of one type to a contact's bare JID."""

    TYPE: ClassVar[str]

    contact: str
    """The bare JID."""

    def stanza(self) -> Stanza:
        """Return the presence stanza."""
        return Presence(parse_address(self.contact), type=self.TYPE)


@record
class SendsSubscribe(SubscriptionAct):
    """The user asks for a subscription to the contact's presence."""

    TYPE: ClassVar[str] = "subscribe"


@record
class SendsSubscribed(SubscriptionAct):
    """The user approves the contact's request, or pre-approves one."""

    TYPE: ClassVar[str] = "subscribed"


@record
class SendsUnsubscribe(SubscriptionAct):
    """The user ends the subscription to the contact's presence, or withdraws the request for one."""

    TYPE: ClassVar[str] = "unsubscribe"


@record
class SendsUnsubscribed(SubscriptionAct):
    """The user denies the contact's request, or cancels the contact's subscription."""

    TYPE: ClassVar[str] = "unsubscribed"


@record
class SendsProbe(SubscriptionAct):
    """The server of a user of ``REMOTE`` asks for the contact's presence. Local clients do not send probes."""

    TYPE: ClassVar[str] = "probe"


# --- presence (RFC 6121 §4) -------------------------------------------------------------------------------


@record
class SendsAvailable(Act):
    """The client sends initial or subsequent presence, or directed presence."""

    show: str = ""
    priority: int = 0
    to: str | None = None
    """For directed presence: the bare or full JID."""

    def stanza(self) -> Stanza:
        """Return the presence stanza."""
        show = [element("show", CLIENT, {}, [self.show])] if self.show else []
        priority = [element("priority", CLIENT, {}, [str(self.priority)])] if self.priority else []
        return Presence(_address(self.to), payload=payload(*show, *priority))


@record
class SendsUnavailable(Act):
    """The client sends unavailable presence."""

    to: str | None = None
    """The bare or full JID of the only recipient; None to broadcast."""

    def stanza(self) -> Stanza:
        """Return the presence stanza."""
        return Presence(_address(self.to), type="unavailable")


# --- messages and IQs (RFC 6121 §5, §8) -------------------------------------------------------------------


@record
class SendsMessage(Act):
    """The client sends a message to a bare or full JID."""

    to: str
    type: str = "chat"
    body: str = "Wherefore art thou?"

    def stanza(self) -> Stanza:
        """Return the message stanza."""
        body = element("body", CLIENT, {}, [self.body])
        return Message(_address(self.to), type=self.type, payload=payload(body))


@record
class SendsPing(Act):
    """The client sends an IQ request to another client's full JID. Clients do not answer it; a server may."""

    to: str

    def stanza(self) -> Stanza:
        """Return the IQ stanza."""
        return IQ(_address(self.to), None, "ping", "get", None, payload(element("ping", PING)))


def _address(text: str | None) -> Address | Malformed | None:
    return None if text is None else parse_address(text)


def arriving(act: Act) -> Stanza | None:
    """Return the stanza that arrives from another server if a user there does this; None if the act is not a stanza.

    Subscription stanzas and probes have the bare JID as 'from', because that server stamps it (RFC 6121 §3.1.2).
    """
    stanza = act.stanza()
    sender = act.user if isinstance(act, SubscriptionAct) else act.client
    return None if stanza is None else stanza.stamped(from_=parse_address(sender))


def xml_of(act: Act) -> str | None:
    """Return the XML that the client, or the other server, writes to its stream; None if the act is not a stanza."""
    stanza = arriving(act) if act.is_remote else act.stanza()
    return None if stanza is None else write_stanza(stanza).decode()
