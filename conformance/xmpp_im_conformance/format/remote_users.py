"""Whether users with accounts can play ``remote.example``, and which: it follows from the steps of a scenario.

The server of these users is no part of the scenario and follows RFC 6121 itself. So they can do what a client can send,
and see what their server delivers to a client; and that server must have no reason to send anything on its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import define, field

from xmpp_im_conformance.format.addresses import is_remote
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.steps.acts import RemoteSendStep, SendStep
from xmpp_im_conformance.format.steps.base import ScenarioStep
from xmpp_im_conformance.format.steps.looks import OneOfStep, RemoteReceiveStep
from xmpp_im_conformance.format.story import bare
from xmpp_im_conformance.format.worlds import REMOTE, NotApplicable, RemoteUsers
from xmpp_im_core.element import Element
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.stanza import CLIENT

SUBSCRIPTION: Final = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})
_USUAL: Final = "remote"
"""The resource of a user of whom the scenario names none."""


def _not_playable(why: str) -> NotApplicable:
    return NotApplicable(f"users with accounts cannot play {REMOTE}: {why}")


@define
class _Pair:
    """The subscriptions between a user of the server under test and one at the other server."""

    user_is_subscribed: bool = False
    user_asks: bool = False
    contact_is_subscribed: bool = False
    contact_asks: bool = False
    sent: list[str] = field(factory=list)
    """What the user has sent that the contact's server delivers, and no step has looked at yet."""

    def contact_sends(self, type: str) -> bool:
        """Note what the contact sends; return whether the contact's server routes it for sure (Appendix A.2)."""
        if type == "subscribe":
            routed = not (self.contact_is_subscribed or self.contact_asks)
            self.contact_asks = True
        elif type == "unsubscribe":
            routed = self.contact_is_subscribed or self.contact_asks
            self.contact_is_subscribed = self.contact_asks = False
        elif type == "subscribed":
            routed, self.user_is_subscribed, self.user_asks = self.user_asks, True, False
        else:
            routed = self.user_is_subscribed or self.user_asks
            self.user_is_subscribed = self.user_asks = False
        return routed

    def reaches_contact(self, type: str) -> bool:
        """Note what is sent to the contact; return whether the contact's server delivers it for sure (Appendix A.3)."""
        if type == "subscribe":
            delivered = not (self.user_is_subscribed or self.user_asks)
            self.user_asks = True
        elif type == "unsubscribe":
            delivered = self.user_is_subscribed or self.user_asks
            self.user_is_subscribed = self.user_asks = False
        elif type == "subscribed":
            delivered = self.contact_asks
            self.contact_is_subscribed, self.contact_asks = self.contact_is_subscribed or delivered, False
        else:
            delivered = self.contact_is_subscribed or self.contact_asks
            self.contact_is_subscribed = self.contact_asks = False
        return delivered


def remote_users(accounts: Mapping[str, Iterable[RosterItem]], steps: Iterable[ScenarioStep]) -> RemoteUsers:
    """Return the users that can play the other server.

    :raises NotApplicable: if none can.
    """
    return _Reading().read(accounts, steps)


@define
class _Reading:
    """What is known of the users after some of the steps."""

    pairs: defaultdict[tuple[str, str], _Pair] = field(factory=lambda: defaultdict(_Pair))
    """By the bare JIDs of the user and the contact."""
    resources: defaultdict[str, set[str]] = field(factory=lambda: defaultdict(set))
    looks: str = ""
    """What only an available client sees."""
    speaks: str = ""
    """What lets the server of an available client send its presence."""

    def read(self, accounts: Mapping[str, Iterable[RosterItem]], steps: Iterable[ScenarioStep]) -> RemoteUsers:
        for account, items in accounts.items():
            for item in items:
                if is_remote(item.jid):
                    self._arranged(account, item)
        for step in steps:
            self._step(step)
        if self.looks and self.speaks:
            raise _not_playable(
                f"a user has to be available to see {self.looks}, and would send presence at {self.speaks}"
            )
        return RemoteUsers(tuple(self._sessions()), bool(self.looks))

    def _sessions(self) -> Iterator[str]:
        for account, resources in self.resources.items():
            if len(resources) > 1:
                raise _not_playable(f"{account} has several resources")
            yield f"{account}/{next(iter(resources), _USUAL)}"

    def _arranged(self, account: str, item: RosterItem) -> None:
        if item.approved:
            raise _not_playable("a pre-approval is answered before the other server sees it")
        self._user(item.jid)
        self.pairs[account, item.jid] = _Pair(
            user_is_subscribed=item.subscription in ("to", "both"),
            user_asks=item.ask,
            contact_is_subscribed=item.subscription in ("from", "both"),
            contact_asks=item.pending_in is not None,
        )
        if item.subscription in ("to", "both"):
            self.speaks = f"the subscription of {account}"

    def _user(self, jid: str) -> str:
        """Note a user at the other server; return the bare JID."""
        account, _, resource = jid.partition("/")
        if "@" not in account or "{" in jid:
            raise _not_playable(f"{jid or 'what has no address'} is no user who could have an account")
        if any(one != account and one.lower() == account.lower() for one in self.resources):
            raise _not_playable(f"{account} is the same account in another case")
        known = self.resources[account]
        if resource:
            known.add(resource)
        return account

    def _step(self, step: ScenarioStep) -> None:
        if isinstance(step, RemoteSendStep):
            self._remote_sends(read_xml(step.xml))
        elif isinstance(step, RemoteReceiveStep):
            for expected in step.expected:
                self._remote_sees(expected)
        elif isinstance(step, SendStep):
            self._user_sends(step)
        elif isinstance(step, OneOfStep) and step.plays_remote:
            raise _not_playable("there are alternatives of what the other server sees")

    def _remote_sends(self, stanza: Element) -> None:
        sender, to, type = stanza.get("from") or "", stanza.get("to") or "", stanza.get("type")
        account = self._user(sender)
        if stanza.namespace != CLIENT or is_remote(to) or not isinstance(parse_address(to), Address):
            raise _not_playable("the users' own server would answer what they send")
        if stanza.name == "presence" and type in SUBSCRIPTION:
            if "/" in sender or "/" in to:
                raise _not_playable(f"the server of {account} makes the addresses of {type!r} bare")
            if not self.pairs[bare(to), account].contact_sends(type):
                raise _not_playable(f"the server of {account} need not route {type!r}")
            if type in ("subscribed", "unsubscribed"):
                self.speaks = f"{type!r}"
        elif "/" not in sender:
            raise _not_playable("what a client sends has its full JID in 'from'")
        elif stanza.name == "presence" and type not in (None, "unavailable"):
            raise _not_playable(f"no client sends presence of type {type!r}")

    def _remote_sees(self, stanza: Element) -> None:
        if stanza.namespace != CLIENT:
            raise _not_playable("it is not said which kind of stanza the other server sees")
        to, type = stanza.get("to") or "", stanza.get("type")
        account, user = self._user(to), bare(stanza.get("from") or "")
        if stanza.name == "presence" and type in SUBSCRIPTION:
            pair = self.pairs[user, account]
            if type in pair.sent:
                pair.sent.remove(type)
            elif not pair.reaches_contact(type):
                raise _not_playable(f"the server of {account} need not deliver {type!r}")
            if type == "subscribe":
                self.looks = "requests"
        elif stanza.name == "presence":
            if type not in (None, "unavailable"):
                raise _not_playable(f"no client is shown presence of type {type!r}")
            self.looks = "presence"
        else:
            self._delivered(stanza)

    def _user_sends(self, step: SendStep) -> None:
        stanza = read_xml(step.xml)
        to, type, user = stanza.get("to"), stanza.get("type"), bare(step.jid)
        if to is None:
            if stanza.name == "presence" and type is None and any(self._subscriptions(user)):
                raise _not_playable("the contact's server answers the probe of a subscribed user")
        elif is_remote(to):
            self._user_sends_there(stanza, user, self._user(to))

    def _user_sends_there(self, stanza: Element, user: str, account: str) -> None:
        type, pair = stanza.get("type"), self.pairs[user, account]
        if stanza.name == "presence" and type in SUBSCRIPTION:
            if type == "subscribe" and pair.user_is_subscribed:
                raise _not_playable("the contact's server answers a request that was approved before")
            if type == "subscribed" and not pair.contact_asks:
                raise _not_playable("a pre-approval is answered before the other server sees it")
            if type == "unsubscribe" and pair.user_is_subscribed:
                self.speaks = f"{type!r}"
            if pair.reaches_contact(type):
                pair.sent.append(type)
        elif stanza.name == "presence" and type not in (None, "unavailable"):
            raise _not_playable(f"the contact's server answers presence of type {type!r}")
        elif stanza.name != "presence":
            self._delivered(stanza)

    def _delivered(self, stanza: Element) -> None:
        """Note a message or request, which a server delivers for sure if the user is available."""
        if stanza.name == "iq" and stanza.get("type") in ("get", "set"):
            raise _not_playable("a server may keep requests of strangers from its users (RFC 6121 §8.5.3.1)")
        kind = "groupchat" if stanza.get("type") == "groupchat" else stanza.name
        if "/" not in (stanza.get("to") or "") and (kind != "message" or stanza.get("type") == "error"):
            raise _not_playable(f"{kind} to a bare JID is answered by the user's server")
        self.looks = f"{kind} stanzas"

    def _subscriptions(self, user: str) -> Iterator[bool]:
        return (pair.user_is_subscribed for (one, _), pair in self.pairs.items() if one == user)
