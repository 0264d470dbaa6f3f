"""Who may see a user's presence (RFC 6121 §4.3.2, §4.6, §8.1, §11).

Broadcasts, the answers to probes, IQs to resources (§8.5.3.1), last activity, and the choice between silence and an
error (§8.1) all use this module, so that they cannot disagree.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import Enum
from typing import Final

from xmpp_im_core.jid import JID
from xmpp_im_core.server.state import Account, Session


class Visibility(Enum):
    """The reason why an entity may see the presence of a resource, or that it may not."""

    NONE = "none"
    DIRECTED = "directed"
    """The resource has sent directed presence to it in this session (§4.6)."""
    SUBSCRIBED = "subscribed"
    """It is subscribed: "from" or "both" (§4.2.2)."""
    SELF = "self"
    """It is the user: self-presence is implicit (§4.2.2)."""


INVISIBLE: Final = Visibility.NONE
DIRECTED: Final = Visibility.DIRECTED
SUBSCRIBED: Final = Visibility.SUBSCRIBED
SELF: Final = Visibility.SELF


def visibility(account: Account, entity: JID, session: Session | None) -> Visibility:
    """Return the reason why an entity may see the presence of a session, or of any session if none is given.

    A subscription counts before directed presence (§4.6.1, §4.6.6). A blocked entity sees nothing. If only some
    resources of a contact are blocked, the contact sees only directed presence. The bare JID of the entity counts: its
    server probes from the bare JID, and any of its resources may answer.
    """
    if entity.bare == account.jid.bare:
        return SELF
    blocks = account.blocked  # few users block anyone: then nothing asks the empty list
    if blocks and is_blocked(account, entity):
        return INVISIBLE
    if account.roster.state_of(entity.bare).from_ and not (blocks and is_withheld(account, entity)):
        return SUBSCRIBED
    if session is not None:
        return DIRECTED if _listed(session, entity.bare) else INVISIBLE
    return DIRECTED if any(each.directed and _listed(each, entity.bare) for each in account.sessions) else INVISIBLE


def is_blocked(account: Account, entity: JID) -> bool:
    """Whether the block list matches an entity. The user's own resources are never blocked (XEP-0191 §5)."""
    return bool(account.blocked) and entity.bare != account.jid.bare and matches(account.blocked, entity)


def is_withheld(account: Account, entity: JID) -> bool:
    """Whether the user's presence is withheld from an entity because it, or one of its resources, is blocked.

    Presence to a bare JID reaches all its resources (§8.5.2.1.2), so it is withheld if one of them is blocked.
    """
    if not account.blocked or entity.bare == account.jid.bare:
        return False
    return matches(account.blocked, entity) or reaches(account.blocked, entity.bare)


def lists(directed: tuple[str, ...], bare: str) -> bool:
    """Whether a sorted list of JIDs holds a bare JID or a full JID of it."""
    return holds(directed, bare) or reaches(directed, bare)


def reaches(blocked: tuple[str, ...], bare: str) -> bool:
    """Whether a sorted list of JIDs holds a full JID of this bare JID: presence to the bare JID would reach it."""
    behind = f"{bare}/"
    place = bisect_left(blocked, behind)
    return place < len(blocked) and blocked[place].startswith(behind)


def matches(blocked: tuple[str, ...], entity: JID) -> bool:
    """Whether a sorted list of JIDs matches an entity: by its full JID, bare JID or domain (XEP-0191 §6).

    A domain with a resourcepart is a full JID too, and matches only itself. In a sorted list, the JIDs that begin with
    the bare JID stand together. So for an entity that is not blocked, one search tells that neither its bare JID nor
    its full JID is listed.
    """
    bare = entity.bare
    place = bisect_left(blocked, bare)
    begins = place < len(blocked) and blocked[place].startswith(bare)
    return (begins and (blocked[place] == bare or holds(blocked, entity.full))) or holds(blocked, entity.domain)


def holds(sorted_jids: tuple[str, ...], jid: str) -> bool:
    """Whether a sorted list holds a JID. It uses binary search, since every stanza from anyone may ask."""
    place = bisect_left(sorted_jids, jid)
    return place < len(sorted_jids) and sorted_jids[place] == jid


def _listed(session: Session, bare: str) -> bool:
    return lists(session.directed, bare)
