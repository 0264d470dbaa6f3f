"""Whatever users do, on both sides and at once: when all is quiet, each client shows what its server knows.

Users act on several clients while stanzas are under way on every stream; any of them may be read next. Streams
are closed, or break, and clients come back with the roster that they had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hypothesis import given, note
from hypothesis import strategies as st

from tests.both_halves.stage import JULIET, NURSE, ROMEO, VERONA, available, befriend
from xmpp_im_core.client import (
    Approve,
    ChatPresence,
    ClientPolicy,
    Deny,
    GetRoster,
    GoUnavailable,
    Item,
    RemoveItem,
    SendMessage,
    SetItem,
    SetPresence,
    Show,
    Subscribe,
    Text,
    Unsubscribe,
)
from xmpp_im_core.jid import JID
from xmpp_im_core.roster import Contact
from xmpp_im_core.server import State, Visibility, visibility
from xmpp_im_core.subscription import subscription_state
from xmpp_im_core.testing.network import Network
from xmpp_im_core.testing.network_hosts import NetworkClient

USERS: Final = (ROMEO, JULIET, NURSE)
PLACES: Final = (
    "romeo@montague.example/orchard",
    "romeo@montague.example/garden",
    "juliet@capulet.example/balcony",
    "juliet@capulet.example/chamber",
    "nurse@capulet.example/kitchen",
)
QUIET: Final = ClientPolicy(chat_presence=ChatPresence.NOBODY)
"""What is seen of others is then theirs to say by a subscription alone."""


ACTS: Final[Mapping[str, Callable[[NetworkClient, JID], object]]] = {
    "subscribe": lambda user, contact: user.wants(Subscribe, contact),
    "approve": lambda user, contact: user.wants(Approve, contact),
    "deny": lambda user, contact: user.wants(Deny, contact),
    "unsubscribe": lambda user, contact: user.wants(Unsubscribe, contact),
    "name": lambda user, contact: user.wants(SetItem, contact, "a name"),
    "group": lambda user, contact: user.wants(SetItem, contact, groups=("Verona",)),
    "remove": lambda user, contact: user.wants(RemoveItem, contact),
    "go away": lambda user, contact: user.wants(SetPresence, Show.AWAY),
    "go unavailable": lambda user, contact: user.wants(GoUnavailable),
    "say": lambda user, contact: user.wants(SendMessage, contact, (Text("Soft!"),)),
    "get the roster": lambda user, contact: user.wants(GetRoster),
    "close": lambda user, contact: user.close(),
}


class Verona:
    """Everybody, at clients that are numbered as ``PLACES`` are."""

    def __init__(self) -> None:
        self.network: Network[State] = Network(*VERONA)
        self.clients = [self.network.enter(place, policy=QUIET) for place in PLACES]

    def act(self, number: int, act: str, contact: JID) -> None:
        """Let a user act at a client; one that has no stream gets a new one first."""
        client = self.clients[number]
        if not client.open:
            client = self.network.connect(PLACES[number], client.client, QUIET)
            self.clients[number] = client
            client.wants(GetRoster)
            client.wants(SetPresence)
        if contact != client.client.jid:
            ACTS[act](client, contact)

    def arrives(self, choice: int) -> None:
        """Let one stanza arrive, on whichever stream."""
        pipes = self.network.under_way()
        if pipes:
            self.network.move(pipes[choice % len(pipes)])

    def breaks(self, number: int) -> None:
        """Break a stream."""
        if self.clients[number].open:
            self.network.lose(self.clients[number])

    def settles(self) -> None:
        """Let everything arrive."""
        self.network.settle()


NUMBER: Final = st.integers(0, len(PLACES) - 1)
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(st.just("act"), NUMBER, st.sampled_from(sorted(ACTS)), st.sampled_from(USERS)),
        st.tuples(st.just("arrives"), st.integers(0, 30)),
        st.tuples(st.just("settles")),
        st.tuples(st.just("breaks"), NUMBER),
    ),
    max_size=50,
)


@st.composite
def evenings(draw: st.DrawFn) -> Verona:
    """Draw what happens in Verona on an evening, until all is quiet; some begin it as friends."""
    verona = Verona()
    for one, other in draw(st.sets(st.sampled_from([(0, 2), (0, 4), (2, 4)]))):
        befriend(verona.network, verona.clients[one], verona.clients[other])
    for step, *details in draw(STEPS):
        note(f"{step} {details}")
        getattr(verona, step)(*details)
    verona.network.settle()
    return verona


def shown(contact: Contact) -> Item:
    """Return a contact as a roster item shows it, which says nothing of a request of theirs (§A.1)."""
    state = subscription_state(contact.state.subscription, contact.state.pending_out)
    return Item(contact.jid, state, contact.name, tuple(sorted(contact.groups)), contact.approved)


def contacts_of(verona: Verona, client: NetworkClient) -> list[Contact]:
    return list(verona.network.account(client.jid.bare).roster.contacts.values())


@given(evenings())
def test_each_client_shows_the_roster_that_its_server_has(verona: Verona) -> None:
    for client in verona.clients:
        if client.open:
            listed = {each.jid: shown(each) for each in contacts_of(verona, client) if each.listed}
            assert dict(client.client.roster.items) == listed


@given(evenings())
def test_each_client_shows_who_is_available_and_lets_its_user_see_it(verona: Verona) -> None:
    for client in verona.clients:
        for contact in USERS:
            account = verona.network.account(contact.bare)
            seen = [
                session.id.resource
                for session in account.sessions
                if session.available and visibility(account, client.client.jid, session) is not Visibility.NONE
            ]
            assert sorted(available(client, contact)) == (seen if client.client.presence is not None else [])


@given(evenings())
def test_each_client_knows_every_request_that_waits_for_its_user(verona: Verona) -> None:
    for client in verona.clients:
        if client.client.presence is not None:
            waiting = {each.jid for each in contacts_of(verona, client) if each.state.pending_in}
            # It may know more: no stanza tells a resource that another one has denied a request (§3.1.5).
            assert waiting <= set(client.client.requests)
