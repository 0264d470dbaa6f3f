"""What a server may do differently from this core and still obey the RFC, where the core has no policy for it.

A stanza that a server may add or leave out is not compared if the explanation for it is given:
``smallest_difference(..., explanations=EXPLANATIONS)``. The choices that are fields of the core's policy need no
explanation: give the model the same policy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, TypeAlias

from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.record import record
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.testing.acts import (
    REMOTE,
    Act,
    Connects,
    Disconnects,
    GetsRoster,
    RemovesItem,
    SendsAvailable,
    SendsMessage,
    SendsProbe,
    SendsSubscribe,
    SendsUnsubscribe,
    SendsUnsubscribed,
    SetsItem,
)
from xmpp_im_core.testing.comparison import Observation


@record
class ModelAct:
    """An act, and the rosters before and after it, as the model has them."""

    act: Act
    before: FrozenMap[Element]
    after: FrozenMap[Element]
    interested: frozenset[str]
    """The clients that have asked for the roster (§2.2)."""


Overlooks: TypeAlias = Callable[[ModelAct, str, Element], bool]
"""Whether a stanza that this client, or ``REMOTE``, gets because of an act does not count."""


@record
class Explanation:
    """A stanza that a server may add or leave out."""

    says: str
    """What the server does, as a sentence without its subject."""
    section: str
    """The section of RFC 6121 that leaves it open."""
    overlooks: Overlooks


def counted(seen: Observation, scene: ModelAct, explanations: Collection[Explanation]) -> Observation:
    """Return an observation without the stanzas that the explanations overlook."""
    if not explanations:
        return seen
    left = {
        at: tuple([each for each in stanzas if not any(why.overlooks(scene, at, each) for why in explanations)])
        for at, stanzas in seen.received.items()
    }
    return Observation(FrozenMap({at: stanzas for at, stanzas in left.items() if stanzas}), seen.rosters)


def interested_after(interested: frozenset[str], act: Act) -> frozenset[str]:
    """Return the clients that have asked for the roster after an act, given those before it."""
    if isinstance(act, GetsRoster):
        return interested | {act.client}
    return interested - {act.client} if isinstance(act, Connects | Disconnects) else interested


# --- the stanzas ------------------------------------------------------------------------------------------


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
    if user not in scene.after:
        return False
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


EXPLANATIONS: Final[tuple[Explanation, ...]] = (
    Explanation("acknowledges requests", "3.1.3", _acknowledgement),
    Explanation("sends presence to subscribers who ask again", "3.1.3", _presence_once_more),
    Explanation("pushes to resources that have not asked for the roster", "2.2", _uninterested_push),
    Explanation("tells them of approvals and cancellations", "2.2, 3.1.6", _uninterested_notice),
    Explanation("sends unanswered requests again", "3.1.2", _request_again),
    Explanation("answers messages to a missing resource differently", "8.1, 8.5.4", _silence_or_error),
    Explanation("pushes differently if nothing changes", "2.1.6, 3.1.2, A.2.1", _idle_push),
    Explanation("answers probes for absent users differently", "4.3.2", _presence_of_absent),
    Explanation("answers probes of unauthorised users differently", "4.3.2, 8.5.1", _refused_probe),
    Explanation("shows a new resource the other ones differently", "4.2.2, 4.3.1", _own_resource),
    Explanation("answers an unsubscribe differently", "3.3.3, A.3.2", _answer_to_unsubscribe),
    Explanation("ends requests differently when an item is removed", "2.5.2", _idle_end),
)
"""All that is known: ``xmpp-im-conformance differ`` uses the same."""
