"""How the input is cut changes nothing: neither the events, nor the output, nor the end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.xmpp_im_host.streams.conversation import (
    BIND,
    EASY,
    ENABLE,
    GOODBYE,
    HEADER,
    PLAIN,
    SETTINGS,
    Conversation,
    R,
    ack,
)
from xmpp_im_host.streams import StanzaReceived

LOGIN = HEADER + PLAIN + HEADER + BIND
SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
CSI = "xmlns='urn:xmpp:csi:0'"
MESSAGE = (
    "<message to='romeo@example.net' id='1'><body>&lt;&amp; > ü \U0001f600 ]]&gt;</body>"
    "<x a='>' xmlns='urn:x'/></message>"
)
TAIL = [
    MESSAGE,
    "<presence/>",
    "<presence></presence>",
    "<iq id='2' type='get'><query xmlns='jabber:iq:roster'/></iq>",
    "<iq id='3' type='set'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
    " \n\t",
    ENABLE,
    R,
    ack(0),
    ack(7),
    f"<inactive {CSI}/>",
    f"<active {CSI}/>",
    GOODBYE,
    "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "<x xmlns='urn:x'><y/></x>",
    "</message>",
    "<message",
    "<!--",
    "text",
    "\ud7ff",
    "<stanza/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
    BIND,
    PLAIN,
    HEADER,
]
HEAD = [
    HEADER,
    PLAIN,
    PLAIN.replace("AGp1", "AGp2"),
    f"<auth {SASL} mechanism='SCRAM-SHA-1'>biwsbj1qdWxpZXQscj14</auth>",
    f"<response {SASL}>eA==</response>",
    f"<abort {SASL}/>",
    f"<auth {SASL} mechanism='PLAIN'/>",
    BIND,
    BIND.replace("balcony", ""),
    ENABLE,
    "<iq id='1' type='get'><query xmlns='jabber:iq:register'/></iq>",
    "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
    *TAIL[:6],
    GOODBYE,
]
REGISTERING = evolve(EASY, registration=True)


def outcome(pieces: list[bytes]) -> tuple[str, list[object], bool]:
    """Feed the pieces one by one. Return the output, the events (without identities) and whether the stream ended."""
    talk = Conversation(REGISTERING)
    said = talk.says(*pieces)
    events = [
        (event.number, event.stanza.KIND, event.stanza.payload) if isinstance(event, StanzaReceived) else type(event)
        for event in talk.events
    ]
    return said, [*events], talk.stream.closed


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at some places."""
    ends = sorted({0, len(data), *[place % (len(data) + 1) for place in places]})
    return [data[begin:end] for begin, end in pairwise(ends)]


@pytest.mark.parametrize("tail", TAIL)
def test_byte_by_byte(tail: str) -> None:
    data = (LOGIN + MESSAGE + ENABLE + tail + "<presence/>" + R + GOODBYE).encode()
    assert outcome([data[at : at + 1] for at in range(len(data))]) == outcome([data])


@given(
    head=st.lists(st.sampled_from(HEAD), max_size=6),
    tail=st.lists(st.sampled_from(TAIL), max_size=8),
    logged_in=st.booleans(),
    places=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_any_cut(head: list[str], tail: list[str], logged_in: bool, places: list[int]) -> None:
    text = LOGIN + "".join(tail) if logged_in else HEADER + "".join(head)
    data = text.encode()
    assert outcome(cut(data, places)) == outcome([data])


@given(places=st.lists(st.integers(0, 10_000), max_size=12))
def test_with_starttls(places: list[int]) -> None:
    """The handshake is between the two parts; both may be cut."""
    before = (HEADER + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").encode()
    after = (LOGIN + MESSAGE + GOODBYE).encode()
    whole, pieces = Conversation(SETTINGS), Conversation(SETTINGS)
    said = whole.says(before), whole.says(after)
    assert (pieces.says(*cut(before, places)), pieces.says(*cut(after, places))) == said
    assert said[1].endswith(GOODBYE)
    assert len(pieces.of(StanzaReceived)) == 1
