"""What changes an account's contacts, drawn more often than chance would have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import evolve
from hypothesis import strategies as st

from xmpp_im_core.element import element
from xmpp_im_core.jid import JID, address_of, parse_jid
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.server.events import AdministratorRemovedItem, AdministratorSetItem, Event, Outbound
from xmpp_im_core.server.state import Account, Session, SessionId
from xmpp_im_core.stanza import IQ, payload
from xmpp_im_core.subscription import NONE_IN, Subscription
from xmpp_im_core.testing.draw import choose
from xmpp_im_core.testing.event_strategies import events
from xmpp_im_core.testing.explorer import CARRIED, MOVES, Holds, arrived, holding, moved
from xmpp_im_core.testing.state_strategies import ENTITIES, JULIET, NOON, accounts

WATCHER: Final = SessionId("watcher", 1)


def with_watcher(account: Account) -> Account:
    """Return the account with one more resource, which is interested and not available."""
    return account.with_session(Session(WATCHER, address_of(JULIET.with_resource("watcher")), interested=True))


@st.composite
def somebody(draw: st.DrawFn) -> tuple[Account, JID]:
    """An account that blocks nobody, and somebody whose item is not the service's to show."""
    account = with_watcher(draw(accounts())).blocking(())
    return account, parse_jid(choose(draw, [jid for jid in ENTITIES if jid not in account.roster.shared]))


def meetings(account: Account, who: JID) -> Iterator[tuple[Account, Event]]:
    """Yield the account with whatever it may hold about somebody, and with each of these whatever then happens:
    what the user does about the contact, and what the contact sends.
    """
    held = [Holds(state, listed=True) for state in Subscription] + [Holds(), Holds(NONE_IN)]
    for holds in held:
        account = holding(account, who, holds)
        yield from [(account, moved(who, move, WATCHER)) for move in MOVES]
        yield from [(account, arrived(account, who, type)) for type in CARRIED]


@st.composite
def item_changes(draw: st.DrawFn, seq: str) -> Event:
    """An administrator sets or removes one of a few items."""
    jid = choose(draw, ENTITIES[:4])
    return (
        AdministratorRemovedItem(NOON, seq, jid)
        if choose(draw, (True, False))
        else AdministratorSetItem(NOON, seq, jid)
    )


def command(name: str, jid: str, seq: str, session: SessionId = WATCHER) -> Event:
    """Return the user's command to block or unblock."""
    item = element("item", BLOCKING, {"jid": jid})
    return Outbound(NOON, seq, session, IQ(None, None, "b", "set", None, payload(element(name, BLOCKING, {}, [item]))))


@st.composite
def changes(draw: st.DrawFn, account: Account, seq: str) -> Event:
    """Any event, or, more often, one that changes what is held about one of the contacts."""
    jid = choose(draw, [*ENTITIES, *account.roster.contacts, *account.roster.contacts])
    kind = choose(draw, ("any", "any", "set", "remove", "arrival", "arrival", "move", "move", "block", "unblock"))
    if kind == "set":
        return AdministratorSetItem(NOON, seq, jid, choose(draw, ("", "Nurse")))
    if kind == "remove":
        return AdministratorRemovedItem(NOON, seq, jid)
    if kind == "arrival":
        return evolve(arrived(account, parse_jid(jid), choose(draw, CARRIED)), seq=seq)
    if kind == "any" or not account.sessions:
        return draw(events(account, seq))
    session = choose(draw, account.sessions).id
    if kind == "move":
        return evolve(moved(parse_jid(jid), choose(draw, MOVES), session), seq=seq)
    return command(kind, choose(draw, (jid, parse_jid(jid).domain)), seq, session)
