"""An account filled to its bounds: each kind is refused by name, and all of it takes what the documentation says.

Memory is measured as the interpreter counts it, each object once (RFC 6120 §13.12, RFC 6121 §3.1.3).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from tests.blocking.commands import block
from tests.client.counting import work
from tests.rfc6121.conversation import AT, JULIET, account, bound, child, item, outbound, presence, roster_set
from xmpp_im_core.element import Element, element
from xmpp_im_core.frozenmap import FrozenMap, _Divided
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.rules import blocking as blocking_rules
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import presence as presence_rules
from xmpp_im_core.rules import roster as roster_rules
from xmpp_im_core.rules import service as service_rules
from xmpp_im_core.rules import subscriptions as subscription_rules
from xmpp_im_core.server import Account, Event, ForAccount, Inbound, Outbound, Put, hosting, reduce, serve
from xmpp_im_core.snapshot import dump, load_state
from xmpp_im_core.stanza import IQ, Message, payload

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
MIB: Final = 1 << 20
KEEPING: Final = attrs.evolve(DEFAULT, notices=1000)
"""The defaults, but that notices are kept as well."""
LONG: Final = "x" * 1000


def memory(value: Any, seen: set[int]) -> int:
    """Return what a value takes in memory with all that it refers to, each object once; enums and rules are shared."""
    if id(value) in seen or value is None or isinstance(value, bool):
        return 0
    seen.add(id(value))
    own = sys.getsizeof(value)
    if isinstance(value, FrozenMap):
        return own + sum(memory(part, seen) for part in (value._buckets, *value._buckets))
    if isinstance(value, _Divided):
        return own + memory(value.parts, seen)
    if isinstance(value, dict):
        return own + sum(memory(each, seen) for pair in value.items() for each in pair)
    if isinstance(value, tuple | list):
        return own + sum(memory(each, seen) for each in value)
    if attrs.has(type(value)):
        return own + sum(memory(getattr(value, each.name), seen) for each in attrs.fields(type(value)))
    return own


def fill(given: Account, events: Iterable[Event], policy: Policy = KEEPING) -> tuple[Account, set[str]]:
    """Feed events that are all of one kind, and return the account with the names of the rules that refused any."""
    refusals: set[str] = set()
    for event in events:
        step = reduce(given, event, policy)
        assert isinstance(step.state, Account)
        if step.state == given:
            refusals |= {effect.rule.name for effect in step.effects}
        given = step.state
    return given, refusals


# --- what fills each kind -----------------------------------------------------------------------------------


def many_items() -> Iterable[Event]:
    return (roster_set(item(f"u{n}@example.org"), by="r00") for n in range(21_000))


def large_items() -> Iterable[Event]:
    groups = [[f"{n}-{g}-{LONG}" for g in range(60)] for n in range(250)]
    return (roster_set(item(f"u{n}@example.org", *groups[n], name=LONG), by="r00") for n in range(250))


def items_of_many_small_groups() -> Iterable[Event]:
    return (roster_set(item(f"u{n}@example.org", *[f"{n}.{g}" for g in range(60)]), by="r00") for n in range(4000))


def items_in_other_scripts() -> Iterable[Event]:
    return (
        roster_set(item(f"u{n}@example.org", name=f"{n}" + "\N{THUMBS UP SIGN}" * 1000), by="r00") for n in range(4000)
    )


def hollow(number: int) -> list[Element]:
    """Return what takes much memory for its characters: elements with nothing in them."""
    return [element("a", "", {"b": str(n)}) for n in range(number)]


def requests() -> Iterable[Event]:
    for n in range(600):
        sender = f"{n}-{LONG}@d{n % 9}.example"
        yield Inbound(AT, f"q{n}", presence("subscribe", sender, JULIET, *hollow(12)))


def notices() -> Iterable[Event]:
    for n in range(600):
        yield Inbound(AT, f"n{n}-{LONG}", presence("unsubscribed", f"u{n}@example.org", JULIET, *hollow(12)))


def sessions() -> Iterable[Event]:
    return (bound(f"r{n:02}") for n in range(64))


def presences() -> Iterable[Event]:
    for n in range(64):
        yield outbound("available", None, *hollow(140), by=f"r{n:02}")


def directed() -> Iterable[Event]:
    for n in range(64):
        for m in range(40):
            yield outbound("available", f"{m}-{LONG}@example.org/{LONG}", by=f"r{n:02}")


def blocks() -> Iterable[Event]:
    return (block(f"{n}-{LONG}@example.net/{LONG}", by="r00") for n in range(600))


def messages() -> Iterable[Event]:
    for n in range(3000):
        content = payload(child("body", LONG), *hollow(20))
        yield Inbound(
            AT, f"m{n}", Message(parse_address(JULIET), parse_address("u@x.example"), "m", "chat", None, content)
        )


# --- the bounds ---------------------------------------------------------------------------------------------

KINDS: Final[dict[str, tuple[Iterable[Event], str, set[str]]]] = {
    "many items": (many_items(), "roster_bytes", {roster_rules.ROSTER_FULL.name}),
    "large items": (large_items(), "roster_bytes", {roster_rules.ROSTER_TOO_LARGE.name}),
    "many small groups": (items_of_many_small_groups(), "roster_bytes", {roster_rules.ROSTER_TOO_LARGE.name}),
    "other scripts": (items_in_other_scripts(), "roster_bytes", {roster_rules.ROSTER_TOO_LARGE.name}),
    "requests": (
        requests(),
        "pending_request_bytes",
        {subscription_rules.REQUESTS_TOO_LARGE.name},
    ),
    "presence": (presences(), "session_bytes", {presence_rules.PRESENCES_TOO_LARGE.name}),
    "directed presence": (directed(), "directed_bytes", {presence_rules.DIRECTED_TOO_LARGE.name}),
    "block list": (blocks(), "block_list_bytes", {blocking_rules.LIST_TOO_LARGE.name}),
}


def empty() -> Account:
    given, _ = fill(account(JULIET), sessions())
    return given


LONG_TO_FILL: Final = ("many items", "many small groups")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in LONG_TO_FILL else []) for kind in KINDS]
)
def test_each_kind_of_thing_takes_no_more_memory_than_its_bound(kind: str) -> None:
    events, field, names = KINDS[kind]
    before = empty()

    filled, refusals = fill(before, events)

    assert refusals == names
    bound: int = getattr(DEFAULT, field)
    if kind == "block list":  # sessions note sizes of their own lists while others block: that is theirs
        filled = filled.with_sessions(before.sessions)
    took = memory(filled, set()) - memory(before, set())
    assert bound / 8 < took <= bound, "it was filled, and no further"


def test_kept_decisions_take_no_more_memory_than_their_bound() -> None:
    given = account(JULIET, {f"u{n}@example.org": "To" for n in range(600)})

    filled, _ = fill(given, notices())

    assert len(filled.notices) < 600
    assert DEFAULT.notice_bytes / 8 < memory(filled.notices, set()) <= DEFAULT.notice_bytes


def test_stored_messages_take_no_more_memory_than_their_bound() -> None:
    given, stored, refusals = account(JULIET), [], set()
    for event in messages():
        step = reduce(given, event)
        assert isinstance(step.state, Account)
        given = step.state
        stored += [put.value for put in step.store if isinstance(put, Put)]
        refusals |= set() if step.store else {effect.rule.name for effect in step.effects}

    assert refusals == {delivery_rules.TOO_MUCH_STORED.name}
    assert len(stored) == given.offline
    assert DEFAULT.offline_bytes / 8 < memory(tuple(stored), set()) <= DEFAULT.offline_bytes


def test_the_events_held_for_an_account_stay_within_their_bound_in_memory() -> None:
    service, refusals = hosting("example.com"), set()
    for event in messages():
        served = serve(service, ForAccount(JULIET, event))
        service = served.state
        refusals |= {effect.rule.name for step in served.steps for effect in step.transition.effects}

    assert refusals == {service_rules.TOO_MUCH_HELD.name}
    assert DEFAULT.held_bytes / 8 < memory(service.held, set()) <= DEFAULT.held_bytes


def test_the_stanzas_held_for_a_client_during_a_load_are_limited() -> None:
    service = hosting("example.com")
    service = serve(service, ForAccount(JULIET, bound("balcony"))).state
    ended = False
    for n in range(400):
        iq = IQ(parse_address("x.example"), None, f"i{n}", "get", None, payload(element("q", "urn:q", {}, [LONG * 50])))
        served = serve(service, ForAccount(JULIET, Outbound(AT, f"s{n}", bound("balcony").session, iq)))
        service = served.state
        ended = ended or bool(served.steps)

    assert ended
    assert memory(service.held, set()) <= DEFAULT.held_bytes


@cache
def full() -> Account:
    given = empty()
    for events in (large_items(), requests(), directed(), blocks(), presences()):
        given, _ = fill(given, events)
    return given


def test_the_counts_of_a_filled_account_equal_those_after_a_reload() -> None:
    given = full()
    anew = load_state(dump(given))
    assert isinstance(anew, Account)

    assert (given.roster.item_bytes, given.roster.request_bytes) == (anew.roster.item_bytes, anew.roster.request_bytes)
    assert (given.session_bytes, given.directed_bytes) == (anew.session_bytes, anew.directed_bytes)


def test_the_largest_account_takes_what_the_documentation_says() -> None:
    documented = documented_bytes()
    kept = sum(documented.values()) - DEFAULT.held_bytes - DEFAULT.offline_bytes
    assert memory(full(), set()) <= kept
    assert sum(documented.values()) <= 32 * MIB


def documented_bytes() -> dict[str, int]:
    """Return the table of the documentation: how many bytes each kind of thing takes at most."""
    text = (DOCS / "bounds.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| (\d+) (KiB|MiB) \|", text, re.MULTILINE)
    return {field: int(number) * (MIB if unit == "MiB" else 1024) for field, number, unit in rows}


def test_the_documentation_names_every_bound_in_bytes_with_its_default() -> None:
    policy = {
        each.name: each.default
        for each in attrs.fields(Policy)
        if each.name.endswith("_bytes") or each.name == "presence_size"
    }

    assert documented_bytes() == policy


def test_the_documentation_names_the_rule_of_every_refusal() -> None:
    text = (DOCS / "bounds.md").read_text(encoding="utf-8")
    refusing = [name for _, _, names in KINDS.values() for name in names]
    others = [delivery_rules.TOO_MUCH_STORED, service_rules.TOO_MUCH_HELD, subscription_rules.NOTICE_DROPPED]

    for name in {*refusing, *[rule.name for rule in others], presence_rules.PRESENCE_TOO_LARGE.name}:
        assert f"`{name}`" in text


# --- what counting costs ------------------------------------------------------------------------------------


def a_roster_of(number: int) -> Account:
    return account(JULIET, {f"u{n}@example.org": "Both" for n in range(number)}, available=("r00",))


def a_list_of(number: int) -> Account:
    given = account(JULIET, {}, available=("r00",))
    entries = tuple(sorted(f"u{n:04}@example.org" for n in range(number)))
    return given.with_session(given.sessions[0].with_directed(entries))


@pytest.mark.parametrize(
    ("given", "event"),
    [
        (a_roster_of, roster_set(item("new@example.org", "Friends", name="New"), by="r00")),
        (a_roster_of, Inbound(AT, "seq", presence("subscribe", "new@example.org", JULIET))),
        (a_list_of, outbound("available", "new@example.org", by="r00")),
    ],
    ids=["an item", "a request", "directed presence"],
)
def test_the_work_of_counting_does_not_grow_with_what_is_counted(given: Callable[[int], Account], event: Event) -> None:
    few, many = given(9), given(900)

    assert work(lambda: reduce(many, event)) < 1.5 * work(lambda: reduce(few, event))
