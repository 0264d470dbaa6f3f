"""What a server may do differently from this core and still obey the RFC.

Most of it is a field of the core's policy. For the rest the core has no policy: a stanza that a server may add or leave
out is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from attrs import evolve, field, frozen

from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element, element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import DEFAULT, MessagesToSeveral, Policy, PreApproval, UnmatchedFullJID
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.testing import (
    REMOTE,
    Act,
    Observation,
    RemovesItem,
    SendsAvailable,
    SendsMessage,
    SendsProbe,
    SendsSubscribe,
    SendsUnsubscribe,
    SendsUnsubscribed,
    SetsItem,
)


@frozen
class ModelAct:
    """An act, and the rosters that it changes, as the model has them."""

    act: Act
    before: FrozenMap[Element]
    after: FrozenMap[Element]
    interested: frozenset[str]
    """The clients that have asked for the roster (§2.2)."""


Overlooks: TypeAlias = Callable[[ModelAct, str, Element], bool]
"""Whether a stanza that somebody gets in a scene does not count."""


@frozen(eq=False)
class Choice:
    """Something that the RFC leaves to a server, and that differs from the core's default."""

    says: str
    """What the server does."""
    section: str
    """Where the RFC leaves it open."""
    policy: Mapping[str, Any] = field(factory=dict)
    """The policy under which the core does it, too: fields of several types."""
    overlooks: Overlooks | None = None


@frozen
class Choices:
    """The choices that a server is taken to have made; none: the core's defaults."""

    made: tuple[Choice, ...] = ()

    @property
    def policy(self) -> Policy:
        """The core's policy with these choices."""
        changes = {name: value for choice in self.made for name, value in choice.policy.items()}
        return evolve(DEFAULT, **changes)

    def counted(self, seen: Observation, scene: ModelAct) -> Observation:
        """Return what counts of an observation, in which all that is the same is written alike."""
        overlooking = [choice.overlooks for choice in self.made if choice.overlooks is not None]
        left = {
            at: tuple(
                [_plain(each) for each in stanzas if not any(overlooks(scene, at, each) for overlooks in overlooking)]
            )
            for at, stanzas in seen.received.items()
        }
        return Observation(FrozenMap({at: stanzas for at, stanzas in left.items() if stanzas}), seen.rosters)

    def __add__(self, choice: Choice) -> Choices:
        return Choices((*self.made, choice))


@lru_cache(10_000)
def _plain(stanza: Element) -> Element:
    """Write a stanza plainly: "normal" is the default type of a message (§5.2.2), and children have no order."""
    attributes = {
        name: value for name, value in stanza.attributes if (stanza.name, name, value) != ("message", "type", "normal")
    }
    return element(stanza.name, stanza.namespace, attributes, sorted(stanza.children, key=_written))


def _written(child: Element | str) -> bytes:
    return write_element(child) if isinstance(child, Element) else child.encode()


# --- stanzas more or less ---------------------------------------------------------------------------------


def _is_presence(stanza: Element, *types: str | None) -> bool:
    return stanza.name == "presence" and stanza.get("type") in types


def _is_push(stanza: Element) -> bool:
    return stanza.get("type") == "set" and stanza.first("query", ROSTER) is not None


def _is_bare_unavailable(stanza: Element) -> bool:
    return _is_presence(stanza, "unavailable") and "/" not in (stanza.get("from") or "/")


def _item(rosters: FrozenMap[Element], user: str, jid: str | None) -> Element | None:
    roster = rosters.get(user)
    items = () if roster is None else roster.elements
    return next((item for item in items if item.get("jid") == jid), None)


def _idle_push(scene: ModelAct, at: str, stanza: Element) -> bool:
    """A push of an item that is as it was, or of one that was not there and is not."""
    query = stanza.first("query", ROSTER)
    if query is None or not _is_push(stanza):
        return False
    user = at.partition("/")[0]
    jids = [item.get("jid") for item in query.elements]
    return all(_item(scene.before, user, jid) == _item(scene.after, user, jid) for jid in jids)


def _uninterested_push(scene: ModelAct, at: str, stanza: Element) -> bool:
    return at not in scene.interested and _is_push(stanza)


def _uninterested_notice(scene: ModelAct, at: str, stanza: Element) -> bool:
    """An approval, a cancellation or the like, for a client that has not asked for the roster."""
    is_notice = _is_presence(stanza, "subscribed", "unsubscribe", "unsubscribed")
    return is_notice and at not in scene.interested and at != REMOTE


def _request_again(scene: ModelAct, at: str, stanza: Element) -> bool:
    """An unanswered request of the user, sent again with initial presence."""
    is_request = _is_presence(stanza, "subscribe") and stanza.get("from") == scene.act.user
    return is_request and isinstance(scene.act, SendsAvailable)


def _silence_or_error(scene: ModelAct, at: str, stanza: Element) -> bool:
    """An error for a message to a resource that is not there, if the RFC allows silence as well (§8.5.4: S/E)."""
    act, is_error = scene.act, (stanza.name, stanza.get("type")) == ("message", "error")
    return is_error and isinstance(act, SendsMessage) and "/" in act.to and act.type != "chat"


def _presence_of_absent(scene: ModelAct, at: str, stanza: Element) -> bool:
    """Bare unavailable presence, which answers a probe where nobody is there."""
    return _is_bare_unavailable(stanza) and isinstance(scene.act, SendsAvailable | SendsProbe)


def _acknowledgement(scene: ModelAct, at: str, stanza: Element) -> bool:
    """Bare unavailable presence of the contact, sent to the sender of a subscription request."""
    return _is_bare_unavailable(stanza) and isinstance(scene.act, SendsSubscribe)


def _presence_once_more(scene: ModelAct, at: str, stanza: Element) -> bool:
    """Presence of the contact, for a user who asks for a subscription and has it."""
    act = scene.act
    if not isinstance(act, SendsSubscribe) or not _is_presence(stanza, None):
        return False
    item = _item(scene.before, act.contact, act.user)
    return item is not None and item.get("subscription") in ("from", "both")


def _refused_probe(scene: ModelAct, at: str, stanza: Element) -> bool:
    return _is_presence(stanza, "unsubscribed") and isinstance(scene.act, SendsProbe)


def _own_resource(scene: ModelAct, at: str, stanza: Element) -> bool:
    """Presence of the user's other resources, for one that has become available."""
    act, sender = scene.act, stanza.get("from") or ""
    of_other = stanza.name == "presence" and sender != at and sender.partition("/")[0] == act.user
    return of_other and isinstance(act, SendsAvailable) and at == act.client


def _answer_to_unsubscribe(scene: ModelAct, at: str, stanza: Element) -> bool:
    return _is_presence(stanza, "unsubscribed") and isinstance(scene.act, SendsUnsubscribe | RemovesItem)


def _idle_end(scene: ModelAct, at: str, stanza: Element) -> bool:
    """What ends a subscription, or a request, that the item which was removed did not have."""
    return _is_presence(stanza, "unsubscribe") and isinstance(scene.act, RemovesItem | SetsItem | SendsUnsubscribed)


CHOICES: Final[tuple[Choice, ...]] = (
    Choice("stores no messages for absent users", "8.5.2.2.1", {"offline_messages": False}),
    Choice("has no pre-approval", "3.4", {"pre_approval": PreApproval.UNSUPPORTED}),
    Choice("keeps a pre-approval that has been used", "3.4.2", {"pre_approval": PreApproval.KEPT}),
    Choice(
        "gives a chat message to all resources of non-negative priority",
        "8.5.2.1.1",
        {"chat_to_several": MessagesToSeveral.ALL},
    ),
    Choice(
        "gives a normal message to all resources of non-negative priority",
        "8.5.2.1.1",
        {"normal_to_several": MessagesToSeveral.ALL},
    ),
    Choice(
        "treats a normal message to a resource that is not there like a chat message",
        "8.5.3.2.1",
        {"unmatched_full_jid": UnmatchedFullJID.LENIENT},
    ),
    Choice("keeps approvals and cancellations for absent users", "3.1.6", {"notices": 1000}),
    Choice("acknowledges requests", "3.1.3", overlooks=_acknowledgement),
    Choice("sends presence to subscribers who ask again", "3.1.3", overlooks=_presence_once_more),
    Choice("pushes to resources that have not asked for the roster", "2.2", overlooks=_uninterested_push),
    Choice("tells them of approvals and cancellations", "2.2, 3.1.6", overlooks=_uninterested_notice),
    Choice("sends unanswered requests again", "3.1.2", overlooks=_request_again),
    Choice("answers messages to a missing resource differently", "8.1, 8.5.4", overlooks=_silence_or_error),
    Choice("pushes differently if nothing changes", "2.1.6, 3.1.2, A.2.1", overlooks=_idle_push),
    Choice("answers probes for absent users differently", "4.3.2", overlooks=_presence_of_absent),
    Choice("answers probes of unauthorised users differently", "4.3.2, 8.5.1", overlooks=_refused_probe),
    Choice("shows a new resource the other ones differently", "4.2.2, 4.3.1", overlooks=_own_resource),
    Choice("answers an unsubscribe differently", "3.3.3, A.3.2", overlooks=_answer_to_unsubscribe),
    Choice("ends requests differently when an item is removed", "2.5.2", overlooks=_idle_end),
)
