"""How the time of steps grows with the size of an account, a client or a service. It should not grow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar
from zlib import crc32

from benchmarks import documents
from benchmarks.bench import Bench
from benchmarks.racing import Variant
from benchmarks.scenes import (
    BALCONY,
    FRIEND,
    FULL,
    JULIET,
    NOON,
    Town,
    account,
    after,
    blocking,
    chat,
    client_after,
    client_of,
    directed,
    friends,
    inbound,
    outbound,
    records,
    roster_get,
    roster_set,
    shown,
    subscription,
    update,
    user,
)
from xmpp_im_core import client
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.server import Account, AccountLoaded, Event, ForAccount, NoAccount, SessionBound, reduce, serve
from xmpp_im_core.stanza import Presence

ITEMS = (10, 100, 1_000, 10_000)
SESSIONS = (1, 2, 10, 64)

S = TypeVar("S")


def measure(bench: Bench) -> None:
    """Add the lines."""
    _items(bench)
    _sessions(bench)
    _waiting(bench)
    _blocking(bench)
    _clients(bench)
    _maps(bench)
    _accounts(bench)


def _sizes(sizes: Iterable[int], what: str) -> dict[int, str]:
    return {size: f"{size:,} {what}" for size in sizes}


def _steps(states: Mapping[str, Account], event: Event) -> dict[str, Variant]:
    return {size: partial(reduce, state, event) for size, state in states.items()}


def _items(bench: Bench) -> None:
    """Steps in rosters of different sizes."""
    named = _sizes(ITEMS, "items")
    states = {name: account(friends(size)) for size, name in named.items()}
    counts = {name: size for size, name in named.items()}
    events: dict[str, Event] = {
        "roster set of an item": outbound(roster_set()),
        "roster set that adds one": outbound(roster_set("stranger@verona.example")),
        "subscribe in": inbound(subscription("subscribe", "romeo@verona.example")),
        "chat in": inbound(chat(JULIET)),
        "presence update": outbound(update()),
        "probe": inbound(subscription("probe", FRIEND)),
    }
    for name, event in events.items():
        bench.growth("growth: items", name, _steps(states, event))
    bench.growth("growth: items", "roster get, for each item", _steps(states, outbound(roster_get())), per=counts)
    changed = {name: _never_told(size) for name, size in counts.items()}
    first = _steps(changed, outbound(update()))
    bench.growth("growth: items", "first broadcast after a change, for each item", first, per=counts)


def _never_told(size: int) -> Account:
    """Return an account that has just got a new subscriber, so that the next broadcast collects its recipients anew."""
    request = subscription("subscribe", "romeo@verona.example")
    approved = Presence(parse_address("romeo@verona.example"), None, "a1", "subscribed")
    return after(account(friends(size)), inbound(request), outbound(approved))


def _sessions(bench: Bench) -> None:
    """Steps in accounts with different numbers of connected resources."""
    states = {name: account(friends(100), sessions=size) for size, name in _sizes(SESSIONS, "sessions").items()}
    events: dict[str, Event] = {
        "chat in, to the bare JID": inbound(chat(JULIET)),
        "chat in, to the full JID": inbound(chat(FULL)),
        "presence update": outbound(update()),
        "roster set": outbound(roster_set()),
        "subscribe in": inbound(subscription("subscribe", "romeo@verona.example")),
    }
    for name, event in events.items():
        bench.growth("growth: sessions", name, _steps(states, event))


def _grown(sizes: Iterable[int], state: S, one_more: Callable[[S, int], S]) -> dict[int, S]:
    """Return the state at each of these sizes. One series of events makes all of them."""
    found, wanted = {}, sorted(sizes)
    for number in range(wanted[-1] + 1):
        if number in wanted:
            found[number] = state
        state = one_more(state, number)
    return found


def _waiting(bench: Bench) -> None:
    """Steps with many pending requests or entries of directed presence at the server."""

    def request(state: Account, number: int) -> Account:
        sender = f"stranger{number}@verona{number // 90}.example"
        return after(state, inbound(subscription("subscribe", sender)))

    def entry(state: Account, number: int) -> Account:
        return after(state, outbound(directed(f"room{number}@muc.example/nick")))

    few = account(friends(10))
    waiting = {f"{size} requests waiting": state for size, state in _grown((0, 100, 499), few, request).items()}
    one_more = inbound(subscription("subscribe", "new@milan.example"))
    bench.growth("growth: waiting", "subscribe in", _steps(waiting, one_more))
    told = {f"{size} directed entries": state for size, state in _grown((0, 100, 900), few, entry).items()}
    bench.growth("growth: waiting", "directed presence out", _steps(told, outbound(directed("room@muc.example/nick"))))
    bench.growth("growth: waiting", "a stranger's probe", _steps(told, inbound(subscription("probe", "x@y.example"))))


def _blocking(bench: Bench) -> None:
    """Blocking and unblocking, and the cost of a long block list for other steps."""
    spam = tuple([f"spam{number}@verona.example" for number in range(900)])
    states = {}
    for size, name in _sizes((0, 10, 900), "blocked").items():  # one more has room by default
        held = after(account(friends(100)), outbound(roster_set()))  # each of them remembers an event
        states[name] = after(held, outbound(blocking("block", *spam[:size])), outbound(update())) if size else held
    bench.growth("growth: block list", "chat in", _steps(states, inbound(chat(JULIET))))
    one_more = _steps(states, outbound(blocking("block", "new@milan.example")))
    bench.growth("growth: block list", "block", one_more, goal=None)  # the list is one value, and its size is bounded
    rosters = {name: account(friends(size)) for size, name in _sizes((100, 2_000, 20_000), "contacts").items()}
    block = outbound(blocking("block", "friend3@montague.example"))
    bench.growth("growth: block list", "block of a contact", _steps(rosters, block))
    blocked = {name: after(state, block) for name, state in rosters.items()}
    unblock = outbound(blocking("unblock", "friend3@montague.example"))
    bench.growth("growth: block list", "unblock of a contact", _steps(blocked, unblock))


def _clients(bench: Bench) -> None:
    """Steps of clients with rosters of different sizes, and with many unanswered requests."""

    def steps(states: Mapping[str, client.Client], event: client.Event) -> dict[str, Variant]:
        return {size: partial(client.reduce, state, event) for size, state in states.items()}

    def changing(state: client.Client, number: int) -> client.Client:
        contact = parse_jid(f"friend{number % 100}@montague.example")
        return client_after(state, client.SetItem(NOON, f"q{number}", contact, name=f"Name {number}"))

    def asking(state: client.Client, number: int) -> client.Client:
        return client_after(state, client.Subscribe(NOON, f"q{number}", parse_jid(f"stranger{number}@verona.example")))

    friend = "friend3@montague.example/x"
    push = client.Inbound(NOON, "e1", parse_stanza(documents.push(99_999, "Romeo")))
    there = Presence(None, parse_address(friend), "p3", None, "en", shown("back"))
    states = {name: client_of(size) for size, name in _sizes(ITEMS, "items").items()}
    bench.growth("growth: client", "roster push", steps(states, push))
    bench.growth("growth: client", "presence in", steps(states, client.Inbound(NOON, "e1", there)))
    bench.growth("growth: client", "chat in", steps(states, client.Inbound(NOON, "e1", chat(FULL, friend))))
    hundred = client_of(100)
    waiting = {f"{size:,} sets waiting": state for size, state in _grown((0, 100, 1_000), hundred, changing).items()}
    bench.growth("growth: client", "roster push", steps(waiting, push))
    asked = {f"{size:,} asked": state for size, state in _grown((0, 300, 3_000), hundred, asking).items()}
    bench.growth("growth: client", "subscribe", steps(asked, client.Subscribe(NOON, "e1", parse_jid("new@x.example"))))


def _maps(bench: Bench) -> None:
    """The map, with keys chosen so that a checksum would put all of them into one bucket."""
    size, names, number = 10_000, list[str](), 0
    while len(names) < size:
        name = f"friend{number}@montague.example"
        if crc32(name.encode()) % 256 == 0:
            names.append(name)
        number += 1
    maps = {
        "10,000 ordinary keys": FrozenMap({f"friend{number}@montague.example": number for number in range(size)}),
        "10,000 chosen keys": FrozenMap({name: number for number, name in enumerate(names)}),
    }
    sets: dict[str, Variant] = {name: partial(each.set, "romeo@x.example", 7) for name, each in maps.items()}
    bench.growth("growth: maps", "set", sets)


def _accounts(bench: Bench) -> None:
    """A service with different numbers of accounts in memory."""
    found = {}
    state = reduce(NoAccount(parse_jid(JULIET)), AccountLoaded(NOON, "l", records([]))).state
    for name, size in {"100 accounts": 100, "10,000 accounts": 10_000, "100,000 accounts": 100_000}.items():
        found[name] = FrozenMap({user(number): state for number in range(size)})
    changed = after(state, SessionBound(NOON, "b", BALCONY, "en"))
    sets: dict[str, Variant] = {name: partial(each.set, "u7@capulet.example", changed) for name, each in found.items()}
    bench.growth("growth: service", "set an account", sets, goal=2.5)  # as a logarithm grows
    services = {}
    for size, name in _sizes((2, 100, 10_000), "accounts").items():
        town = Town({user(number): records([]) for number in range(size)})
        for number in range(size):
            town.login(user(number), available=number < 2)
        services[name] = town.service
    event = ForAccount(user(0), outbound(chat(user(1), None)))
    served: dict[str, Variant] = {name: partial(serve, each, event) for name, each in services.items()}
    bench.growth("growth: service", "chat", served)
