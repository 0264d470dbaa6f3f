"""The codec: one message in, one message out, and one presence to very many.

A benchmark's ``extra_info`` compares it with the plain way to the same result, measured in the same run, so that the
ratio holds on any machine.
"""

from __future__ import annotations

from timeit import repeat
from typing import TYPE_CHECKING
from xml.etree.ElementTree import XMLPullParser

import pytest

from xmpp_im_core.codec import StreamParser, parse_stanza, write_fan_out, write_stanza
from xmpp_im_core.jid import parse_address
from xmpp_im_core.stanza import Stanza

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

HEADER = (
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    b" to='im.example.com' version='1.0' xml:lang='en'>"
)
MESSAGE = (
    b"<message from='romeo@example.net/orchard' to='juliet@example.com/balcony' id='ktx72v49' type='chat'>"
    b"<body>Art thou not Romeo, and a Montague?</body>"
    b"<thread>e0ffe42b28561960c6b12b944a092794b9683a38</thread>"
    b"<active xmlns='http://jabber.org/protocol/chatstates'/>"
    b"<request xmlns='urn:xmpp:receipts'/>"
    b"</message>"
)
PRESENCE = (
    b"<presence from='juliet@example.com/balcony' id='p1' xml:lang='en'><show>away</show>"
    b"<status>be right back</status><priority>1</priority>"
    b"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://psi-im.org'"
    b" ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>"
    b"</presence>"
)


def best(run: Callable[[], object], number: int = 200) -> float:
    """Seconds that one run takes when nothing disturbs it."""
    return min(repeat(run, number=number, repeat=7)) / number


def opened() -> StreamParser:
    parser = StreamParser()
    parser.feed(HEADER)
    return parser


def test_reading_a_message_from_a_stream(benchmark: BenchmarkFixture) -> None:
    parser = opened()
    other: XMLPullParser[tuple[str, str]] = XMLPullParser(["end"])
    other.feed(HEADER)

    def pull() -> list[object]:
        other.feed(MESSAGE)
        return list(other.read_events())

    benchmark.extra_info["times xml.etree's pull parser"] = round(best(lambda: parser.feed(MESSAGE)) / best(pull), 2)

    (message,) = benchmark(parser.feed, MESSAGE)

    assert isinstance(message, Stanza)


def test_reading_a_message_as_a_document(benchmark: BenchmarkFixture) -> None:
    parser = opened()
    ratio = best(lambda: parse_stanza(MESSAGE)) / best(lambda: parser.feed(MESSAGE))
    benchmark.extra_info["times the stream parser"] = round(ratio, 2)

    assert benchmark(parse_stanza, MESSAGE).id == "ktx72v49"


def test_writing_a_message(benchmark: BenchmarkFixture) -> None:
    message = parse_stanza(MESSAGE)

    assert parse_stanza(benchmark(write_stanza, message)) == message


@pytest.mark.parametrize("count", [100, 1000])
def test_a_presence_to_many(benchmark: BenchmarkFixture, count: int) -> None:
    presence = parse_stanza(PRESENCE)
    recipients = [f"user{number}@example.net" for number in range(count)]
    addresses = [parse_address(recipient) for recipient in recipients]

    def fan_out() -> list[bytes]:
        return list(write_fan_out(presence, recipients))

    def one_by_one() -> list[bytes]:
        return [write_stanza(presence.stamped(to=address)) for address in addresses]

    benchmark.extra_info["times faster than one by one"] = round(best(one_by_one, 5) / best(fan_out, 5), 1)

    assert benchmark(fan_out) == one_by_one()
