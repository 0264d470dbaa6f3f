"""Juliet's client on the balcony: what her server sends it, what she wants of it, and what it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from xmpp_im_core.client import (
    Bound,
    Client,
    ClientPolicy,
    Decision,
    Event,
    Features,
    Inbound,
    Item,
    Outbound,
    RosterCache,
    Send,
    SessionBound,
    Tell,
    Transition,
    reduce,
)
from xmpp_im_core.client.effects import Ignored
from xmpp_im_core.client.notifications import Notification
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.rules import Rule
from xmpp_im_core.stanza import IQ, Message, Presence, Stanza, to_element

JULIET: Final = parse_jid("juliet@capulet.example")
BALCONY: Final = parse_jid("juliet@capulet.example/balcony")
ROMEO: Final = parse_jid("romeo@montague.example")
ORCHARD: Final = parse_jid("romeo@montague.example/orchard")
GARDEN: Final = parse_jid("romeo@montague.example/garden")
NURSE: Final = parse_jid("nurse@capulet.example")
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
BOTH_FEATURES: Final = Features(roster_versioning=True, pre_approval=True)

E = TypeVar("E", bound=Event)
N = TypeVar("N", bound=Notification)


def stanza(xml: str) -> Message | Presence | IQ:
    return parse_stanza(xml)


def presence(xml: str) -> Presence:
    read = parse_stanza(xml)
    assert isinstance(read, Presence)
    return read


def message(xml: str) -> Message:
    read = parse_stanza(xml)
    assert isinstance(read, Message)
    return read


def roster_of(*items: Item, ver: str | None = None) -> RosterCache:
    return RosterCache(FrozenMap({item.jid: item for item in items}), ver, received=True)


class Scene:
    """A client under way. Each event is a second after the one before, and its ``seq`` counts them."""

    def __init__(
        self,
        roster: RosterCache = RosterCache(),  # noqa: B008  # a frozen value
        features: Features = Features(),  # noqa: B008  # a frozen value
        policy: ClientPolicy = ClientPolicy(),  # noqa: B008  # a frozen value
        bound: bool = True,
        lang: str | None = None,
    ) -> None:
        self.client = Client(JULIET, roster)
        self.policy = policy
        self.events: list[Event] = []
        if bound:
            self.take(SessionBound(NOON, "bind", Bound(BALCONY, features, lang)))

    def stamp(self) -> tuple[datetime, str]:
        count = len(self.events)
        return NOON + timedelta(seconds=count), f"s{count}"

    def take(self, event: Event) -> Transition:
        self.events.append(event)
        step = reduce(self.client, event, self.policy)
        self.client = step.state
        return step

    def server(self, *stanzas: str, decision: Decision = Decision.ASK) -> Transition:
        """Let these stanzas arrive; the result is that of the last one."""
        steps = [self.take(Inbound(*self.stamp(), stanza(each), decision)) for each in stanzas]
        return steps[-1]

    def hands_over(self, xml: str) -> Transition:
        return self.take(Outbound(*self.stamp(), stanza(xml)))

    def item(self, jid: JID) -> Item:
        return self.client.roster.items[jid.full]


def sent(step: Transition) -> list[Element]:
    return [to_element(effect.stanza) for effect in step.effects if isinstance(effect, Send)]


def told(step: Transition) -> list[Notification]:
    return [effect.notification for effect in step.effects if isinstance(effect, Tell)]


def rules_of(step: Transition) -> list[Rule]:
    return [effect.rule for effect in step.effects]


def elements(*xml: str) -> list[Element]:
    return [to_element(stanza(each)) for each in xml]


def is_silent(step: Transition, rule: Rule) -> bool:
    """Whether the step did nothing at all, by this rule."""
    return step.effects == (Ignored(rule),)


def changed_nothing(before: Client, step: Transition) -> bool:
    return step.state == before


def of_kind(kind: type[N], notifications: Iterable[Notification]) -> Iterator[N]:
    for notification in notifications:
        if isinstance(notification, kind):
            yield notification


def as_stanza(step: Transition) -> Stanza:
    (effect,) = [effect for effect in step.effects if isinstance(effect, Send)]
    return effect.stanza
