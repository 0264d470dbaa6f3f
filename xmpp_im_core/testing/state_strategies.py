"""Hypothesis strategies for the states of an account.

All JIDs come from the few in ``ENTITIES``, so the sender of a stanza is often a contact, a session or a recipient of
directed presence. The states have the invariants of every state that a server can reach: there is a request exactly if
the state is pending in, tuples are sorted, and each resource has one session.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from hypothesis import strategies as st

from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element, element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID, address_of, parse_jid
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.roster import Contact, Roster, RosterHead, SharedItem, roster_of
from xmpp_im_core.server.state import (
    Account,
    LastUnavailable,
    Moved,
    NoAccount,
    Notice,
    Session,
    SessionId,
    State,
    Unloaded,
)
from xmpp_im_core.server.subscriptions.resending import first_due
from xmpp_im_core.stanza import CLIENT, Presence, payload
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.testing.draw import Draw, choose, several

JULIET: Final = parse_jid("juliet@capulet.example")
"""The default owner of the accounts that the strategies make."""

OTHER_USER: Final = parse_jid("nurse@capulet.example")
"""Another user of the same domain."""

ENTITIES: Final = (
    "romeo@montague.example",
    "nurse@capulet.example",
    "tybalt@capulet.example",
    "benvolio@montague.example",
    "mercutio@verona.example",
    "Ægidius@verona.example".lower(),
    "montague.example",
)
"""The bare JIDs of all other entities."""

RESOURCES: Final = ("balcony", "chamber", "orchard", "Mobile ☎")

NOON: Final = datetime(2026, 7, 12, 12, 0, tzinfo=UTC)

ADDRESSES: Final = (*ENTITIES, *[f"{bare}/{resource}" for bare in ENTITIES[:3] for resource in RESOURCES[:2]])
"""Bare and full JIDs of other entities."""

_TIMES: Final = (
    NOON,
    *[NOON + timedelta(hours=6 * n, microseconds=n % 2) for n in range(-40, 41, 4)],
    (NOON + timedelta(days=8)).astimezone(timezone(timedelta(hours=5, minutes=30))),
    (NOON - timedelta(days=8)).astimezone(timezone(timedelta(hours=-9))),
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)


def times() -> st.SearchStrategy[datetime]:
    """Aware datetimes in several time zones: most near ``NOON``, a few at the limits of ``datetime``."""
    return st.sampled_from(_TIMES)


def draw_time(draw: Draw) -> datetime:
    """Draw one of :func:`times`."""
    return choose(draw, _TIMES)


# --- presence ---------------------------------------------------------------------------------------------


def _client(name: str, text: str) -> Element:
    return element(name, CLIENT, {}, [text])


PRESENCE_PAYLOADS: Final = tuple(
    payload(*content)
    for content in (
        (),
        (_client("show", "away"),),
        (_client("priority", "1"),),
        (_client("priority", "-1"),),
        (_client("show", "dnd"), _client("status", "forget to think of her"), _client("priority", "7")),
        (_client("priority", "  +5\n"),),
        (_client("priority", "1000"),),
        (_client("show", "sleeping"), _client("show", "xa")),
        (element("c", "http://jabber.org/protocol/caps", {"hash": "sha-1", "node": "n", "ver": "v"}),),
        ("\n  ", _client("status", '<wooing> & "sighing"'), element("x", "", {"a": "]]>"}, [element("y", CLIENT)])),
    )
)
"""Payloads of presence stanzas, unusual ones included."""


def _broadcast(draw: Draw, sender: JID, type: str | None = None) -> Presence:
    """Presence as a session broadcasts it: with the full JID as 'from', and without 'to'."""
    id = choose(draw, (None, "p1", "p2"))
    lang = choose(draw, (None, "en", "it"))
    return Presence(None, address_of(sender), id, type, lang, choose(draw, PRESENCE_PAYLOADS))


def _approval(draw: Draw, to: JID) -> Presence:
    """A contact's decision that the user has not received yet."""
    from_ = address_of(parse_jid(choose(draw, ENTITIES)))
    return Presence(address_of(to), from_, None, choose(draw, ("subscribed", "unsubscribe", "unsubscribed")))


def _request(draw: Draw, sender: str, to: JID) -> Presence:
    """A subscription request as the roster keeps it: complete, from bare JID to bare JID."""
    from_ = address_of(parse_jid(sender))
    id = choose(draw, (None, "s1"))
    return Presence(address_of(to), from_, id, "subscribe", None, choose(draw, PRESENCE_PAYLOADS))


# --- contacts and rosters -----------------------------------------------------------------------------------

_STATES: Final = tuple(Subscription)
_NAMES: Final = ("", "Romeo", "☾ “Nurse” & <son>")
_GROUPS: Final = ((), ("Friends",), ("Lovers", "Friends"), ("a\u2028b",))
_BOOLEANS: Final = (False, True)


def _contact(draw: Draw, jid: str, owner: JID) -> Contact:
    state = choose(draw, _STATES)
    # A request uses up a pre-approval, so the two never occur together.
    approved = not state.pending_in and choose(draw, _BOOLEANS)
    must_be_listed = state.to or state.from_ or state.pending_out or approved
    listed = must_be_listed or choose(draw, _BOOLEANS)
    return Contact(
        jid=jid,
        state=state,
        listed=listed,
        name=choose(draw, _NAMES) if listed else "",
        groups=choose(draw, _GROUPS) if listed else (),
        approved=approved,
        request=_request(draw, jid, owner) if state.pending_in else None,
        asked=draw_time(draw) if state.pending_out else None,
        # A contact that is not listed has a version only if it once was; without a request it is a tombstone.
        version=choose(draw, (0, 1)) if not listed and state.pending_in else 1,
    )


def draw_contact(draw: Draw, jid: str | None = None, owner: JID = JULIET) -> Contact:
    """Draw a contact of the owner: in the roster or not, in any of the nine states, or a tombstone.

    :param jid: the bare JID; by default one of ``ENTITIES``.
    """
    return _contact(draw, choose(draw, ENTITIES) if jid is None else jid, owner)


@st.composite
def contacts(draw: st.DrawFn, jid: str | None = None, owner: JID = JULIET) -> Contact:
    """A contact of the owner: in the roster or not, in any of the nine states, or a tombstone."""
    return draw_contact(draw, jid, owner)


_SHAREABLE: Final = tuple(state for state in Subscription if not (state.pending_in or state.pending_out))


def draw_shared(draw: Draw) -> tuple[SharedItem, ...]:
    """Draw shared items, sorted by JID."""
    return tuple(
        [SharedItem(jid, choose(draw, _SHAREABLE), choose(draw, _NAMES)) for jid in sorted(several(draw, ENTITIES, 2))]
    )


def _roster(draw: Draw, owner: JID) -> Roster:
    horizon = version = choose(draw, (0, 1, 2))
    numbered: dict[str, Contact] = {}
    for jid in several(draw, ENTITIES, 5):
        version += 1
        contact = _contact(draw, jid, owner)
        numbered[jid] = copied(contact, version=version) if contact.version else contact
    lineage = choose(draw, ("l1", "2026:a"))
    roster = roster_of(RosterHead(lineage, version + choose(draw, (0, 1, 2)), horizon), numbered)
    if choose(draw, (False, False, False, True)):
        roster = copied(roster, shared=FrozenMap((item.jid, item) for item in draw_shared(draw)))
    return roster


@st.composite
def rosters(draw: st.DrawFn, owner: JID = JULIET) -> Roster:
    """A roster. The versions of its contacts are distinct and not newer than the roster's version."""
    return _roster(draw, owner)


# --- sessions and accounts ------------------------------------------------------------------------------------


def draw_session(draw: Draw, resource: str, owner: JID) -> Session:
    """Draw a connected resource of the owner."""
    full = owner.with_resource(resource)
    presence = _broadcast(draw, full) if choose(draw, (True, True, False)) else None
    return Session(
        id=SessionId(resource, choose(draw, (0, 1, 2, 7))),
        address=address_of(full),
        lang=choose(draw, (None, "en")),
        interested=choose(draw, (True, False)),
        presence=presence,
        priority=0 if presence is None else presence.priority,
        directed=tuple(sorted(several(draw, ADDRESSES, 3))),
        attached=choose(draw, (True, True, False)),
    )


@st.composite
def sessions(draw: st.DrawFn, resource: str | None = None, owner: JID = JULIET) -> Session:
    """A connected resource of the owner: available or not, interested or not, attached or not."""
    return draw_session(draw, choose(draw, RESOURCES) if resource is None else resource, owner)


def _sessions(draw: Draw, owner: JID) -> tuple[Session, ...]:
    return tuple([draw_session(draw, resource, owner) for resource in sorted(several(draw, RESOURCES, 3))])


_BLOCKABLE: Final = (*ENTITIES, "romeo@montague.example/balcony", "capulet.example", "montague.example/balcony")


def _account(draw: Draw, jid: JID) -> Account:
    roster = _roster(draw, jid)
    account = Account(jid, roster, _sessions(draw, jid), offline=choose(draw, (0, 0, 2)))
    account = account.waking(first_due(account, DEFAULT))
    if choose(draw, _BOOLEANS):
        left = jid.with_resource(choose(draw, RESOURCES))
        account = account.left_at(LastUnavailable(_broadcast(draw, left, "unavailable"), draw_time(draw)))
    if choose(draw, (False, False, False, True)):
        account = copied(account, blocked=tuple(sorted(several(draw, _BLOCKABLE, 2))))
    if choose(draw, (False, False, False, True)):
        notices = [Notice(f"n{n}", _approval(draw, jid)) for n in range(choose(draw, (1, 2)))]
        account = account.noticing(tuple(notices))
    if choose(draw, (False, False, False, False, True)):
        account = copied(account, moved=Moved("xmpp:juliet@verona.example", choose(draw, _BOOLEANS)))
    return account


@st.composite
def accounts(draw: st.DrawFn, jid: JID = JULIET) -> Account:
    """An account with contacts, sessions, and sometimes a block list, notices, stored messages or a new address."""
    return _account(draw, jid)


@st.composite
def states(draw: st.DrawFn, jid: JID = JULIET) -> State:
    """Any state of an account; most are accounts."""
    return draw_state(draw, jid)


def draw_state(draw: Draw, jid: JID = JULIET) -> State:
    """Draw any state of an account; most are accounts."""
    kind = choose(draw, (Account,) * 8 + (Unloaded, NoAccount))
    if kind is Account:
        return _account(draw, jid)
    if kind is NoAccount:
        return NoAccount(jid, choose(draw, ((), (SessionId("balcony", 1), SessionId("chamber", 2)))))
    ended = tuple([session.id for session in _sessions(draw, jid)])
    return Unloaded(jid, _sessions(draw, jid), choose(draw, ((), (SessionId("balcony", 9),))), ended)
