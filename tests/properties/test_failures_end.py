"""Every chain of failed deliveries ends, whatever the host reports and in whatever order (RFC 6121 §8.5)."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.element import element
from xmpp_im_core.extensions.carbons import Carbons, carbons
from xmpp_im_core.jid import address_of, parse_address
from xmpp_im_core.policy import DEFAULT, MessagesToSeveral, Policy
from xmpp_im_core.server.accounts.machine import PLAIN, Beside, Machine
from xmpp_im_core.server.effects import Deliver, FanOut, Route
from xmpp_im_core.server.events import Event, Inbound, SessionEnded, StoreFailed, Undelivered, Unroutable
from xmpp_im_core.server.state import Account, Session, SessionId
from xmpp_im_core.stanza import CLIENT, Message, Presence, payload
from xmpp_im_core.testing.event_strategies import events
from xmpp_im_core.testing.state_strategies import JULIET, NOON, RESOURCES, accounts

ROMEO = "romeo@montague.example/orchard"
POLICIES = (DEFAULT, Policy(chat_to_several=MessagesToSeveral.ALL), Policy(offline_messages=False))


class FailingHost:
    """A host on which nothing that is handed over arrives, and that reports each failure in one of several ways."""

    def __init__(self, machine: Machine[Any], state: object, policy: Policy, data: st.DataObject, limit: int) -> None:
        self.machine, self.state, self.policy, self.data = machine, state, policy, data
        self.limit, self.count = limit, 0
        self.ways = data.draw(st.sampled_from((("all",), ("each",), ("ends",), ("all", "each", "ends"))))
        self.storing_fails = data.draw(st.sampled_from(((False,), (True,), (False, True))))

    def feed(self, first: Event) -> None:
        waiting = deque([first])
        while waiting:
            event = waiting.popleft()
            self.count += 1
            assert self.count <= self.limit
            step = self.machine.reduce(self.state, event, self.policy)
            fails: bool = self.data.draw(st.sampled_from(self.storing_fails))
            if step.store and fails:
                assert not isinstance(event, StoreFailed), "what comes of a failure wants nothing stored"
                waiting.append(StoreFailed(NOON, f"failed{self.count}", event))
                continue
            self.state = step.state
            for n, effect in enumerate(step.effects):
                waiting += self.failures(f"{self.count}.{n}", effect)

    def failures(self, seq: str, effect: object) -> list[Event]:
        """Report what could not be delivered: at once for all sessions, one by one, or with their ends."""
        if isinstance(effect, Route | FanOut):
            recipients = effect.recipients if isinstance(effect, FanOut) else ()
            return [Unroutable(NOON, seq, effect, recipients=recipients)]
        if not isinstance(effect, Deliver):
            return []
        how = self.data.draw(st.sampled_from(self.ways))
        if how == "all":
            return [Undelivered(NOON, seq, effect, effect.sessions)]
        if how == "each":
            return [Undelivered(NOON, f"{seq}.{n}", effect, (id,)) for n, id in enumerate(effect.sessions)]
        return [SessionEnded(NOON, f"{seq}.{n}", id, (effect,)) for n, id in enumerate(effect.sessions)]


@given(st.data())
def test_every_chain_of_failures_ends_in_a_bounded_number_of_steps(data: st.DataObject) -> None:
    account = data.draw(accounts()).blocking(())
    for n, resource in enumerate(RESOURCES[: data.draw(st.integers(0, 3))]):
        account = account.with_session(available(account, SessionId(resource, n), n))
    message = Message(parse_address(JULIET.bare), parse_address(ROMEO), "m", "chat", None, payload("Adieu"))
    event = data.draw(st.one_of(st.just(Inbound(NOON, "e", message)), events(account)))
    machine, state = data.draw(st.sampled_from((plain, with_carbons)))(account)
    # Each session fails by itself or by its end, which tells each other session, and storing may fail each time.
    limit = 40 * (len(account.sessions) + 1) ** 2 + 100

    FailingHost(machine, state, data.draw(st.sampled_from(POLICIES)), data, limit).feed(event)


def available(account: Account, id: SessionId, priority: int) -> Session:
    """An available resource; the priorities differ, so that a message to the bare JID goes to one after another."""
    full = address_of(account.jid.with_resource(id.resource))
    children = payload(element("priority", CLIENT, {}, [str(priority)]))
    return Session(id, full, presence=Presence(None, full, payload=children), priority=priority)


def plain(account: Account) -> tuple[Machine[Any], object]:
    return PLAIN, account


def with_carbons(account: Account) -> tuple[Machine[Any], object]:
    return carbons(PLAIN), Beside("carbons", Carbons(tuple([session.id for session in account.sessions])), account)
