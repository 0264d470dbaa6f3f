"""What a node has written itself: it is taken once, only so much is kept, and the result is that of parsing."""

from __future__ import annotations

import pytest

from tests.xmpp_im_host.cluster.stage import JULIET, NOON, ROMEO
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server import Arrived
from xmpp_im_core.stanza import Message, payload
from xmpp_im_host.cluster import own_entries
from xmpp_im_host.cluster.queue_entries import DamagedEntry, EntryReader, Fed, OwnEntries, Wanted

QUEUE = "gateway/1/7"


def owning() -> OwnEntries:
    """Return those of a node that reads a queue."""
    own = OwnEntries()
    own.queues.add(QUEUE)
    return own


def wanted(n: int) -> Wanted:
    return Wanted(JULIET, f"id{n}")


def test_an_entry_is_taken_once() -> None:
    own, entry = owning(), wanted(1)
    body = own.dump(entry, QUEUE)
    assert own.take(bytes(bytearray(body))) is entry
    assert own.take(body) is None
    assert len(own) == 0


def test_a_reader_takes_what_the_node_has_written_and_parses_it_the_second_time() -> None:
    own, entry = owning(), wanted(1)
    reader, body = EntryReader(own), own.dump(entry, QUEUE)
    assert reader.gateway_entry(body) is entry
    assert reader.gateway_entry(body) == entry


def test_other_bytes_are_parsed() -> None:
    own = owning()
    body = own.dump(wanted(1), QUEUE)
    reader = EntryReader(own)
    assert reader.gateway_entry(body.replace(b"id1", b"id2")) == wanted(2)
    with pytest.raises(DamagedEntry):
        reader.gateway_entry(body[:-2])
    with pytest.raises(DamagedEntry, match="does not belong into the queue of a partition"):
        reader.partition_entry(body)


def test_the_oldest_leave_when_too_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_entries, "MOST", 3)
    own = owning()
    bodies = [own.dump(wanted(n), QUEUE) for n in range(5)]
    assert len(own) == 3
    assert [own.take(body) for body in bodies] == [None, None, wanted(2), wanted(3), wanted(4)]


def test_a_long_entry_is_not_kept() -> None:
    own = owning()
    long = Message(parse_address(JULIET), parse_address(ROMEO), None, None, None, payload("x" * own_entries.LONGEST))
    body = own.dump(Fed(Arrived(NOON, "s", long)), QUEUE)
    assert own.take(body) is None
    assert len(own) == 0


def test_what_another_node_reads_is_not_kept() -> None:
    own = owning()
    assert own.take(own.dump(wanted(1), "gateway/2/7")) is None
    assert len(own) == 0
