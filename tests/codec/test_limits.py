"""How large a stanza may be: it depends on who reads whom."""

from __future__ import annotations

import pytest

from tests.codec.readers import header
from xmpp_im_core.codec import CLIENT_TO_SERVER, SERVER, Limits, StreamParser, TooLarge, parse_element, write_stanza
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.stanza import CLIENT, IQ, Message, payload, to_element


def roster(items: int) -> bytes:
    """A roster result with items that have a name and a group."""
    return b"<iq type='result' id='1'><query xmlns='jabber:iq:roster'>%s</query></iq>" % b"".join(
        b"<item jid='contact%d@capulet.example' name='%s' subscription='both'><group>%s</group></item>"
        % (number, b"n" * 200, b"g" * 200)
        for number in range(items)
    )


def test_a_client_reads_the_largest_roster_that_a_server_keeps() -> None:
    """RFC 6121 §2.1.4: the roster comes as one stanza."""
    parser = StreamParser()
    parser.feed(header())

    (result,) = parser.feed(roster(Policy().roster_items))

    assert isinstance(result, IQ)
    assert len(result.payload.elements[0].elements) == Policy().roster_items == 20_000
    assert len(parse_element(roster(20_000)).elements[0].elements) == 20_000


@pytest.mark.parametrize(("namespace", "limits"), [(CLIENT, CLIENT_TO_SERVER), (SERVER, None)])
def test_a_server_takes_no_such_stanza(namespace: str, limits: Limits | None) -> None:
    parser = StreamParser(namespace, limits)
    parser.feed(header(namespace))

    with pytest.raises(TooLarge):
        parser.feed(roster(20_000))


def test_what_a_server_took_from_a_client_the_next_readers_take_too() -> None:
    """With the 'from' that a server stamps, and inside of a carbon (XEP-0280), it is longer and deeper."""
    empty = "<message to='juliet@capulet.example'><body></body></message>"
    deep = "<x xmlns='urn:x'>" * (CLIENT_TO_SERVER.depth - 1) + "</x>" * (CLIENT_TO_SERVER.depth - 1)
    long = empty.replace("</body>", "x" * (CLIENT_TO_SERVER.stanza_bytes - len(empty)) + "</body>")
    for sent in (long, f"<message to='juliet@capulet.example'>{deep}</message>"):
        server = StreamParser(limits=CLIENT_TO_SERVER)
        (message,) = server.feed(header() + sent.encode())[1:]
        assert isinstance(message, Message)
        stamped = message.stamped(from_=parse_address(f"{'r' * 1023}@{'m' * 60}.example/{'o' * 1023}"))

        assert StreamParser(SERVER).feed(header(SERVER) + write_stanza(stamped, SERVER))[1:] == (stamped,)
        assert StreamParser().feed(header() + write_stanza(stamped))[1:] == (stamped,)
        forwarded = element("forwarded", "urn:xmpp:forward:0", {}, [to_element(stamped)])
        carbon = Message(payload=payload(element("received", "urn:xmpp:carbons:2", {}, [forwarded])))
        assert StreamParser().feed(header() + write_stanza(carbon))[1:] == (carbon,)


@pytest.mark.parametrize("wrong", [{"stanza_bytes": 0}, {"depth": 0}])
def test_limits_that_let_nothing_pass_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)
