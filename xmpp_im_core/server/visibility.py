"""Who may see a user's presence: the one predicate that everything asks (RFC 6121 §4.3.2, §4.6, §8.1, §11).

Broadcast, the answers to probes, the IQ gate of §8.5.3.1, last activity and the choice between silence and
error of §8.1 all ask here, so that they cannot disagree.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import Enum
from typing import Final

from xmpp_im_core.jid import JID
from xmpp_im_core.server.state import Account, Session


class Visibility(Enum):
    """Why an entity may see the presence of a resource, if it may."""

    NONE = "none"
    DIRECTED = "directed"
    """The resource has sent it directed presence in this session (§4.6)."""
    SUBSCRIBED = "subscribed"
    """It is subscribed: "from" or "both" (§4.2.2)."""
    SELF = "self"
    """It is the user: self-presence is implicit (§4.2.2)."""


NONE: Final = Visibility.NONE
DIRECTED: Final = Visibility.DIRECTED
SUBSCRIBED: Final = Visibility.SUBSCRIBED
SELF: Final = Visibility.SELF


def visibility(account: Account, entity: JID, session: Session | None) -> Visibility:
    """Tell why an entity may see the presence of a session; without one, that of the account as a whole.

    Subscription comes before directed presence (§4.6.1, §4.6.6); a blocked entity sees nothing, and a contact in part
    blocked sees what was sent to it alone. An entity is judged by its bare JID: its server probes with that, and
    answers come from any of its resources.
    """
    if entity.bare == account.jid.bare:
        return SELF
    if is_blocked(account, entity):
        return NONE
    if account.roster.state_of(entity.bare).from_ and not is_withheld(account, entity):
        return SUBSCRIBED
    if session is not None:
        return DIRECTED if _listed(session, entity.bare) else NONE
    return DIRECTED if any(_listed(each, entity.bare) for each in account.sessions) else NONE


def is_blocked(account: Account, entity: JID) -> bool:
    """Whether the block list matches an entity; one of the user's own resources is never blocked (XEP-0191 §5)."""
    return bool(account.blocked) and entity.bare != account.jid.bare and matches(account.blocked, entity)


def is_withheld(account: Account, entity: JID) -> bool:
    """Whether the user's presence is withheld from an entity because it, or one of its resources, is blocked.

    Presence to a bare JID reaches each of its resources (§8.5.2.1.2), so one blocked resource keeps it from all.
    """
    if not account.blocked or entity.bare == account.jid.bare:
        return False
    return matches(account.blocked, entity) or reaches(account.blocked, entity.bare)


def lists(directed: tuple[str, ...], bare: str) -> bool:
    """Whether a sorted list of JIDs holds a bare JID or a full JID of it."""
    return holds(directed, bare) or reaches(directed, bare)


def reaches(blocked: tuple[str, ...], bare: str) -> bool:
    """Whether a sorted list of JIDs holds a resource of this bare JID, which presence to the bare JID would reach."""
    behind = f"{bare}/"
    place = bisect_left(blocked, behind)
    return place < len(blocked) and blocked[place].startswith(behind)


def matches(blocked: tuple[str, ...], entity: JID) -> bool:
    """Whether a sorted list of JIDs matches an entity: by its full JID, bare JID or domain (XEP-0191 §6).

    A domain with a resourcepart is a full JID too, and matches that alone.
    """
    return any(holds(blocked, form) for form in (entity.full, entity.bare, entity.domain))


def holds(sorted_jids: tuple[str, ...], jid: str) -> bool:
    """Whether a sorted list holds a JID: found by halving, since anybody's stanza may ask."""
    place = bisect_left(sorted_jids, jid)
    return place < len(sorted_jids) and sorted_jids[place] == jid


def _listed(session: Session, bare: str) -> bool:
    return lists(session.directed, bare)
