"""What a server does otherwise, and is read all the same: each is counted, and the run says so at its end.

* It adds elements to stanzas (``may_add``). They are removed, unless the scenario itself has elements in the same
  namespace: then they are for the scenario to judge.
* It writes the ``code`` of XEP-0086 on errors.
* It asks its clients and components questions: they are answered.
* It has an internal error before a stream can be used: the stream is tried again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Final, TypeVar
from xml.sax.saxutils import quoteattr

from attrs import define, field

from xmpp_im_conformance.drivers.live.stream import StreamEnded
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.stanza import CLIENT, STANZAS

_T = TypeVar("_T")

MAY_ADD: Final = frozenset(
    {
        "http://jabber.org/protocol/caps",  # XEP-0115, in the name of a client that has sent none
        "http://jabber.org/protocol/nick",  # XEP-0172, in the name of a client that has sent none
        "jabber:x:delay",  # XEP-0091
        "urn:xmpp:delay",  # XEP-0203
        "urn:xmpp:idle:1",  # XEP-0319
        "urn:xmpp:occupant-id:0",  # XEP-0421
        "urn:xmpp:sid:0",  # XEP-0359
        "vcard-temp:x:update",  # XEP-0153
    }
)
"""The namespaces of what servers are known to add."""

INFO: Final = "http://jabber.org/protocol/disco#info"
ITEMS: Final = "http://jabber.org/protocol/disco#items"
PING: Final = "urn:xmpp:ping"
VERSION: Final = "jabber:iq:version"
_FEATURES: Final = "".join([f"<feature var='{each}'/>" for each in (INFO, ITEMS, VERSION, PING)])
_ANSWERS: Final = {
    (INFO, "query"): f"<query xmlns='{INFO}'><identity category='client' type='bot'/>{_FEATURES}</query>",
    (ITEMS, "query"): f"<query xmlns='{ITEMS}'/>",
    (VERSION, "query"): f"<query xmlns='{VERSION}'><name>xmpp-im-conformance</name><version>1</version></query>",
    (PING, "ping"): "",
}
_REFUSAL: Final = f"<error type='cancel'><service-unavailable xmlns='{STANZAS}'/></error>"


@define(eq=False)
class Tolerance:
    """What is tolerated of one server, and what was so far.

    :param domains: the server's names of the domains that it hosts.
    """

    may_add: Collection[str] = MAY_ADD
    domains: Collection[str] = ()
    remarks: Counter[str] = field(factory=Counter)
    """What the server does otherwise, in a few words, and how often it has done that."""
    separate_logins: bool = False
    """Whether nobody logs in on the connection on which the account was created: the server has failed to do that."""

    def read(self, stanza: Element, mentioned: Collection[str] | None) -> Element:
        """Return a stanza without what the server has added.

        :param mentioned: the namespaces of the scenario; None if they are not known, and nothing is removed.
        """
        if mentioned is None:
            return stanza
        kept = [*self._kept(stanza, mentioned)]
        if len(kept) == len(stanza.children) and all(map(_same, kept, stanza.children)):
            return stanza
        return element(stanza.name, stanza.namespace, dict(stanza.attributes), kept)

    def _kept(self, stanza: Element, mentioned: Collection[str]) -> Iterator[Element | str]:
        for child in stanza.children:
            if not isinstance(child, Element):
                yield child
            elif child.namespace in self.may_add and child.namespace not in mentioned:
                self.remarks[f"the server adds {child.namespace} to {stanza.name}"] += 1
            elif (child.name, child.namespace) == ("error", CLIENT) and child.get("code") is not None:
                self.remarks["the server writes a code on <error> (XEP-0086)"] += 1
                attributes = [(name, value) for name, value in child.attributes if name != "code"]
                yield element(child.name, child.namespace, dict(attributes), child.children)
            else:
                yield child

    def answer(self, stanza: Element, asked: str) -> str | None:
        """Return the answer to a question of the server itself. None if the stanza is none.

        :param asked: who has got it: ``clients`` or ``the component``.
        """
        payload = _question(stanza)
        if payload is None or not self._is_of_server(stanza, payload, asked):
            return None
        self.remarks[f"the server asks {asked} for {payload.namespace}, and is answered"] += 1
        answer = _ANSWERS.get((payload.namespace, payload.name))
        addresses = [("id", stanza.get("id")), ("from", stanza.get("to")), ("to", stanza.get("from"))]
        written = "".join([f" {name}={quoteattr(value)}" for name, value in addresses if value is not None])
        if answer is None:
            return f"<iq type='error'{written}>{_REFUSAL}</iq>"
        return f"<iq type='result'{written}>{answer}</iq>"

    def _is_of_server(self, stanza: Element, payload: Element, asked: str) -> bool:
        """Whether the sender is the server, or a service of it, or the account (which asks what a client is)."""
        if stanza.get("from") is None:
            return asked == CLIENTS
        sender = parse_address(stanza.get("from") or "")
        if not isinstance(sender, Address):
            return False
        if sender.jid.local is None:  # some parts of a server have names that are no domains
            return asked == COMPONENT_ASKED or any(
                sender.jid.domain == each or sender.jid.domain.endswith(f".{each}") for each in self.domains
            )
        own = (stanza.get("to") or "").partition("/")[0] == stanza.get("from")
        return asked == CLIENTS and own and payload.namespace == INFO

    async def again(self, doing: Callable[[], Awaitable[_T]]) -> _T:
        """Do something that makes a new stream usable; do it again if the server has an internal error meanwhile.

        :raises StreamEnded: if the server has the error each time, or ends the stream for another reason.
        """
        for pause in _PAUSES:
            try:
                return await doing()
            except StreamEnded as ended:
                if ended.condition != INTERNAL:
                    raise
                self.remarks[f"the server ends a new stream with {INTERNAL}, and is asked again"] += 1
                await asyncio.sleep(pause)
        return await doing()


INTERNAL: Final = "internal-server-error"
_PAUSES: Final = (0.05, 0.2, 0.8)
CLIENTS: Final = "clients"
COMPONENT_ASKED: Final = "the component"


def _question(stanza: Element) -> Element | None:
    payloads: Sequence[Element] = stanza.elements
    return payloads[0] if (stanza.name, stanza.get("type")) == ("iq", "get") and len(payloads) == 1 else None


def _same(one: Element | str, another: Element | str) -> bool:
    return one is another
