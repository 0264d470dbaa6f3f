"""Targets that read bytes: for any bytes, a reader returns a value or raises its own error, and nothing else.

What was read can be written, and reads back as the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from xmpp_im_core.codec import CodecError, StreamParser, parse_stanza, write_stanza
from xmpp_im_core.jid import Address, InvalidJID, parse_address, parse_jid
from xmpp_im_core.snapshot import SnapshotError, from_text, to_text
from xmpp_im_core.stanza import CLIENT, Stanza

HEADER: Final = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


def read_stream(data: bytes) -> None:
    """Read a stream. The first byte says in which pieces it comes, which changes nothing.

    Errors inside of a very long tag may be reported later, when the tag ends or has become twice as long: so as much
    white space follows.
    """
    size = data[0] % 64 + 1 if data else 1
    body = HEADER + data[1:]
    body += b" " * len(body)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]

    whole, split = _events([body]), _events(pieces)

    assert whole == split, f"what is read depends on where the reads end: {whole!r:.300} {split!r:.300}"
    for event in whole:
        if isinstance(event, Stanza):
            again = parse_stanza(write_stanza(event, CLIENT), CLIENT)
            assert again == event, "what was read is not what is written"


def _events(pieces: list[bytes]) -> list[object]:
    """Return what a stream brings, and the name of the error that ends it."""
    parser, events = StreamParser(), list[object]()
    try:
        for piece in pieces:
            events += parser.feed(piece)
    except CodecError as error:
        events += getattr(error, "before", ())
        events.append(type(error).__name__)
    return events


def read_jid(data: bytes) -> None:
    """Read an address; what is prepared once is prepared for good."""
    text = data.decode("utf-8", "surrogateescape")  # a lone surrogate is no character, and must be refused as such
    try:
        jid = parse_jid(text)
    except InvalidJID:
        jid = None
    written = parse_address(text)
    assert str(written) == text, "an address is kept as it was written"
    if jid is not None:
        assert parse_jid(jid.full) == jid, "preparing twice gives something else"
        assert isinstance(written, Address)


def read_snapshot(data: bytes) -> None:
    """Read a snapshot; what was read is written and read as the same."""
    try:
        value = from_text(data.decode("utf-8", "replace"))
    except SnapshotError:
        return
    assert from_text(to_text(value)) == value


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "codec": read_stream,
    "jid": read_jid,
    "snapshot": read_snapshot,
}


def seeds(target: str) -> list[bytes]:
    """Return inputs to begin with: stanzas of the tests' kit, addresses, and snapshots of them."""
    # The kit needs Hypothesis, which a guided run does not instrument.
    from random import Random

    from xmpp_im_core.testing.draw_stanzas import MALFORMED, draw_arriving
    from xmpp_im_core.testing.event_strategies import draw_event
    from xmpp_im_core.testing.state_strategies import ADDRESSES, draw_state

    chance = Random(1)
    states = [draw_state(chance) for _ in range(30)]
    if target == "jid":
        return [text.encode("utf-8", "surrogatepass") for text in (*ADDRESSES, *MALFORMED, "user@[::1]", "a@b_c/♥️")]
    if target == "snapshot":
        events = [draw_event(chance, state, "e") for state in states]
        return [to_text(value).encode() for value in (*states, *events)]
    return [b"\x07" + write_stanza(draw_arriving(chance, state)) for state in states]


def write_seeds(target: str, folder: Path) -> None:
    """Write the first inputs into a folder, a file each."""
    for n, data in enumerate(seeds(target)):
        (folder / f"seed-{n:03}").write_bytes(data)
