"""Reading and writing, against bare expat and other libraries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import ModuleType

from benchmarks import documents, peers
from benchmarks.bench import Bench, bare_expat
from benchmarks.racing import Variant
from benchmarks.scenes import opened
from xmpp_im_core.codec import parse_stanza, write_fan_out, write_stanza
from xmpp_im_core.jid import parse_address
from xmpp_im_core.stanza import Message

DOCUMENTS: Mapping[str, tuple[bytes, float | None, float | None]] = {
    "a message": (documents.MESSAGE, 1.8, 0.5),
    "a presence": (documents.PRESENCE, 2, 0.5),
    "a subscription request": (documents.SUBSCRIBE, None, None),
}
"""Each document, with the maximum of E for reading and for writing it."""


def measure(bench: Bench) -> None:
    """Add the lines of the codec."""
    there, absent = peers.found()
    bench.absent.update(absent)
    for name, (data, goal, _) in DOCUMENTS.items():
        bench.in_e("codec", f"read {name}", _reading(data), goal=goal, others=_read_by(there, data))
    bench.in_e("codec", "read a message, and look at its children", _looking(documents.MESSAGE))
    for name, (data, _, goal) in DOCUMENTS.items():
        stanza = parse_stanza(data)
        written = {peer: module.writer(data) for peer, module in there.items()}
        bench.in_e("codec", f"write {name}", partial(write_stanza, stanza), goal=goal, others=written)
    large = documents.roster(1_000)
    quick = {name: module for name, module in there.items() if name != "aioxmpp"}  # it takes seconds
    beside = _read_by(quick, large)
    bench.in_e("codec", "read a roster result of 1,000", _reading(large), goal=800, others=beside)
    presence = parse_stanza(documents.PRESENCE)
    to = [f"user{number}@example.net" for number in range(100)]
    addresses = [parse_address(each) for each in to]
    bench.in_e(
        "codec",
        "write a presence to 100, for each",
        lambda: list(write_fan_out(presence, to)),
        parts=100,
        others={"one by one": lambda: [write_stanza(presence.stamped(to=each)) for each in addresses]},
    )


def _reading(data: bytes) -> Variant:
    return partial(opened().feed, data)


def _looking(data: bytes) -> Variant:
    """Read a message, and use all its parts, so that no lazy work remains."""
    feed = opened().feed

    def look() -> list[str]:
        (message,) = feed(data)
        assert isinstance(message, Message)
        return [child.text for child in message.payload.elements]

    return look


def _read_by(there: Mapping[str, ModuleType], data: bytes) -> dict[str, Variant]:
    """Return the variants in which the peers and bare expat read this."""
    readers = {"bare expat": bare_expat(), **{name: module.reader() for name, module in there.items()}}
    return {name: partial(read, data) for name, read in readers.items()}
