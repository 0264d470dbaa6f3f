"""Whatever users do, on both sides and at once: when all is quiet, each client shows what its server knows.

Users act on several clients while stanzas are under way on every stream; any of them may be read next. Streams
are closed, or break, and clients come back with the roster that they had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from tests.both_halves.stage import NURSE, ROMEO, VERONA, available
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
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.roster import Contact
from xmpp_im_core.server import State, Visibility, visibility
from xmpp_im_core.subscription import subscription_state
from xmpp_im_core.testing.hosts import ClientHost
from xmpp_im_core.testing.world import World

JULIET: Final = parse_jid("juliet@capulet.example")
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


class Verona:
    """Everybody, at clients that are numbered as ``PLACES`` are."""

    def __init__(self) -> None:
        self.world: World[State] = World(*VERONA)
        self.clients = [self.world.enter(place, policy=QUIET) for place in PLACES]

    def act(self, number: int, act: Callable[[ClientHost, JID], object], contact: JID) -> None:
        """Let a user act at a client; one that has no stream gets a new one first."""
        client = self.clients[number]
        if not client.open:
            client = self.world.connect(PLACES[number], client.client, QUIET)
            self.clients[number] = client
            client.wants(GetRoster)
            client.wants(SetPresence)
        if contact != client.client.jid:
            act(client, contact)

    def arrives(self, choice: int) -> None:
        """Let one stanza arrive, on whichever stream."""
        links = self.world.under_way()
        if links:
            self.world.move(links[choice % len(links)])

    def breaks(self, number: int) -> None:
        """Break a stream."""
        if self.clients[number].open:
            self.world.lose(self.clients[number])


ACTS: Final[tuple[Callable[[ClientHost, JID], object], ...]] = (
    lambda user, contact: user.wants(Subscribe, contact),
    lambda user, contact: user.wants(Approve, contact),
    lambda user, contact: user.wants(Deny, contact),
    lambda user, contact: user.wants(Unsubscribe, contact),
    lambda user, contact: user.wants(SetItem, contact, "a name"),
    lambda user, contact: user.wants(SetItem, contact, groups=("Verona",)),
    lambda user, contact: user.wants(RemoveItem, contact),
    lambda user, _: user.wants(SetPresence, Show.AWAY),
    lambda user, _: user.wants(GoUnavailable),
    lambda user, contact: user.wants(SendMessage, contact, (Text("Soft!"),)),
    lambda user, _: user.wants(GetRoster),
    lambda user, _: user.close(),
)

PLACE: Final = st.integers(0, len(PLACES) - 1)
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(PLACE, st.sampled_from(range(len(ACTS))), st.sampled_from(USERS)),
        st.integers(0, 30),
        st.tuples(PLACE),
    ),
    max_size=60,
)


def played(steps: list[tuple[int, int, JID] | int | tuple[int]]) -> Verona:
    """Play these steps, and let all be quiet at the end."""
    verona = Verona()
    for step in steps:
        if isinstance(step, int):
            verona.arrives(step)
        elif len(step) == 1:
            verona.breaks(step[0])
        else:
            number, act, contact = step
            verona.act(number, ACTS[act], contact)
    verona.world.settle()
    return verona


def shown(contact: Contact) -> Item:
    """Return a contact as a roster item shows it, which says nothing of a request of theirs (§A.1)."""
    state = subscription_state(contact.state.subscription, contact.state.pending_out)
    return Item(contact.jid, state, contact.name, tuple(sorted(contact.groups)), contact.approved)


@given(STEPS)
def test_each_client_shows_the_roster_that_its_server_has(
    steps: list[tuple[int, int, JID] | int | tuple[int]],
) -> None:
    verona = played(steps)

    for client in verona.clients:
        if client.open:
            contacts = verona.world.account(client.jid.bare).roster.contacts.values()
            listed = {contact.jid: shown(contact) for contact in contacts if contact.listed}
            assert dict(client.client.roster.items) == listed


@given(STEPS)
def test_each_client_shows_who_is_available_and_lets_its_user_see_it(
    steps: list[tuple[int, int, JID] | int | tuple[int]],
) -> None:
    verona = played(steps)

    for client in verona.clients:
        if client.client.presence is None:
            continue
        for contact in USERS:
            account = verona.world.account(contact.bare)
            seen = [
                session.id.resource
                for session in account.sessions
                if session.available and visibility(account, client.client.jid, session) is not Visibility.NONE
            ]
            assert sorted(available(client, contact)) == seen


@given(STEPS)
def test_each_client_knows_the_requests_that_wait_for_its_user(
    steps: list[tuple[int, int, JID] | int | tuple[int]],
) -> None:
    verona = played(steps)

    for client in verona.clients:
        if client.client.presence is not None:
            contacts = verona.world.account(client.jid.bare).roster.contacts.values()
            waiting = {contact.jid for contact in contacts if contact.state.pending_in}
            assert set(client.client.requests) == waiting
