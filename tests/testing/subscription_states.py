"""An implementation that has subscription states (RFC 6121 §3, §A) and nothing more: no presence, no stanzas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import define, field

from xmpp_im_core.element import Element, element
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.testing import Act, Observation, observation
from xmpp_im_core.testing.acts import SubscriptionAct


@define
class State:
    """How a user stands to a contact."""

    to: bool = False
    from_: bool = False
    asked: bool = False
    is_asked: bool = False
    approved: bool = False
    listed: bool = False

    def item(self, contact: str) -> Element:
        subscription = {(False, False): "none", (True, False): "to", (False, True): "from", (True, True): "both"}
        attributes = {"jid": contact, "subscription": subscription[self.to, self.from_]}
        attributes |= {"ask": "subscribe"} if self.asked else {}
        return element("item", ROSTER, attributes | ({"approved": "true"} if self.approved else {}))


@define
class SubscriptionStates:
    """The states of all users to all contacts."""

    users: tuple[str, ...]
    loses: frozenset[str] = frozenset()
    """The types of stanzas that are lost on the way to a user: a bug."""
    states: dict[tuple[str, str], State] = field(factory=dict)

    def feed(self, act: Act) -> None:
        if not isinstance(act, SubscriptionAct):
            return
        if act.is_remote:
            self.arrives(act.TYPE, act.user, act.contact)
        else:
            self.leaves(act.TYPE, act.user, act.contact)

    def observe(self) -> Observation:
        rosters = {user: self.roster(user) for user in self.users}
        return observation({}, rosters)

    def roster(self, user: str) -> list[Element]:
        return [
            state.item(contact) for (owner, contact), state in self.states.items() if owner == user and state.listed
        ]

    def state(self, user: str, contact: str) -> State:
        return self.states.setdefault((user, contact), State())

    def leaves(self, type: str, user: str, contact: str) -> None:
        """A user sends a stanza (§A.2), which is routed if the table says so."""
        state = self.state(user, contact)
        is_routed = _OUTBOUND[type](state)
        if is_routed and contact in self.users and type not in self.loses:
            self.arrives(type, user, contact)

    def arrives(self, type: str, sender: str, user: str) -> None:
        """A stanza arrives for a user (§A.3), whose server may answer it."""
        if user in self.users:
            answer = _INBOUND[type](self.state(user, sender))
            if answer and sender in self.users:
                self.arrives(answer, user, sender)


def _subscribe(state: State) -> bool:
    state.listed = True
    state.asked = state.asked or not state.to
    return True


def _unsubscribe(state: State) -> bool:
    state.to = state.asked = False
    return True


def _subscribed(state: State) -> bool:
    if not state.is_asked:
        # A pre-approval (§3.4), unless the contact has a subscription already.
        state.approved = state.approved or not state.from_
        state.listed = state.listed or state.approved
        return False
    state.is_asked, state.from_, state.listed = False, True, True
    return True


def _unsubscribed(state: State) -> bool:
    is_routed = state.is_asked or state.from_
    state.is_asked = state.from_ = state.approved = False
    return is_routed


def _is_asked(state: State) -> str:
    if state.from_:
        return "subscribed"
    if state.approved:
        state.approved, state.from_ = False, True
        return "subscribed"
    state.is_asked = True
    return ""


def _loses_subscriber(state: State) -> str:
    state.is_asked = state.from_ = False
    return ""


def _is_approved(state: State) -> str:
    state.to, state.asked = state.to or state.asked, False
    return ""


def _is_cancelled(state: State) -> str:
    state.to = state.asked = False
    return ""


_OUTBOUND: Final[Mapping[str, Callable[[State], bool]]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "subscribed": _subscribed,
    "unsubscribed": _unsubscribed,
}
_INBOUND: Final[Mapping[str, Callable[[State], str]]] = {
    "subscribe": _is_asked,
    "unsubscribe": _loses_subscriber,
    "subscribed": _is_approved,
    "unsubscribed": _is_cancelled,
    "probe": lambda state: "",
}
