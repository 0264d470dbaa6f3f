"""Targets that read bytes.

For any bytes a reader must return a value or raise its documented error. A value that was read can be written, and
reads back as an equal value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fuzz import stream_target
from xmpp_im_core.codec import CodecError, StreamParser, parse_stanza, write_stanza
from xmpp_im_core.jid import Address, InvalidJID, parse_address, parse_jid
from xmpp_im_core.snapshot import SnapshotError, from_text, to_text
from xmpp_im_core.stanza import CLIENT, Stanza

HEADER: Final = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


def read_stream(data: bytes) -> None:
    """Read a stream, whole and in pieces; both must give the same. The first byte decides the size of the pieces.

    The parser may report an error inside a very long tag later, when the tag ends or has doubled in length. So
    whitespace of the same length follows.
    """
    size = data[0] % 64 + 1 if data else 1
    body = HEADER + data[1:]
    body += b" " * len(body)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]

    whole, split = _events([body]), _events(pieces)

    assert whole == split, f"the result depends on the pieces: {whole!r:.300} {split!r:.300}"
    for event in whole:
        if isinstance(event, Stanza):
            again = parse_stanza(write_stanza(event, CLIENT), CLIENT)
            assert again == event, "a stanza that was read is written as another one"


def _events(pieces: list[bytes]) -> list[object]:
    """Return the events of a stream, and the name of the error that ends it."""
    parser, events = StreamParser(), list[object]()
    try:
        for piece in pieces:
            events += parser.feed(piece)
    except CodecError as error:
        events += getattr(error, "before", ())
        events.append(type(error).__name__)
    return events


def read_jid(data: bytes) -> None:
    """Read an address. Preparing it again must not change it."""
    text = data.decode("utf-8", "surrogateescape")  # lone surrogates, which must be refused, are among the inputs
    try:
        jid = parse_jid(text)
    except InvalidJID:
        jid = None
    written = parse_address(text)
    assert str(written) == text, "an address is not kept as it was written"
    if jid is not None:
        assert parse_jid(jid.full) == jid, "preparing an address twice changes it"
        assert isinstance(written, Address)


def read_snapshot(data: bytes) -> None:
    """Read a snapshot, write the value, and read it again: the values must be equal."""
    try:
        value = from_text(data.decode("utf-8", "replace"))
    except SnapshotError:
        return
    assert from_text(to_text(value)) == value


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "codec": read_stream,
    "jid": read_jid,
    "snapshot": read_snapshot,
    "stream": stream_target.read_client_stream,
}


def seeds(target: str) -> list[bytes]:
    """Return the first inputs of a target: drawn stanzas, addresses, snapshots, or conversations."""
    if target == "stream":
        return stream_target.seeds()
    # Imported here, because xmpp_im_core.testing needs Hypothesis, and a guided run should not instrument that.
    from random import Random

    from xmpp_im_core.testing.draw_stanzas import MALFORMED_ADDRESSES, draw_arriving
    from xmpp_im_core.testing.event_strategies import draw_event
    from xmpp_im_core.testing.state_strategies import ADDRESSES, draw_state

    chance = Random(1)
    states = [draw_state(chance) for _ in range(30)]
    if target == "jid":
        return [
            text.encode("utf-8", "surrogatepass")
            for text in (*ADDRESSES, *MALFORMED_ADDRESSES, "user@[::1]", "a@b_c/♥️")
        ]
    if target == "snapshot":
        events = [draw_event(chance, state, "e") for state in states]
        return [to_text(value).encode() for value in (*states, *events)]
    return [b"\x07" + write_stanza(draw_arriving(chance, state)) for state in states]


def write_seeds(target: str, folder: Path) -> None:
    """Write the first inputs into a folder, one file for each."""
    for n, data in enumerate(seeds(target)):
        (folder / f"seed-{n:03}").write_bytes(data)
