"""The XML that the benchmarks read."""

from __future__ import annotations

from typing import Final

HEADER: Final = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    b" to='capulet.example' version='1.0' xml:lang='en'>"
)

_PAYLOAD: Final = (
    b"<body>Art thou not Romeo, and a Montague?</body>"
    b"<thread>e0ffe42b28561960c6b12b944a092794b9683a38</thread>"
    b"<active xmlns='http://jabber.org/protocol/chatstates'/>"
    b"<request xmlns='urn:xmpp:receipts'/>"
)
_SHOWN: Final = (
    b"<show>away</show><status>be right back</status><priority>1</priority>"
    b"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://psi-im.org'"
    b" ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>"
)


def message(sender: str = "romeo@example.net/orchard", to: str = "juliet@example.com/balcony") -> bytes:
    """Return a chat message with two elements of the RFC and two extensions. By default it has 306 bytes."""
    return b"<message from='%b' to='%b' id='ktx72v49' type='chat'>%b</message>" % (
        sender.encode(),
        to.encode(),
        _PAYLOAD,
    )


def presence(sender: str = "juliet@example.com/balcony", to: str = "romeo@example.net") -> bytes:
    """Return a presence as clients send it."""
    return b"<presence from='%b' to='%b' id='p1' xml:lang='en'>%b</presence>" % (sender.encode(), to.encode(), _SHOWN)


MESSAGE: Final = message()
PRESENCE: Final = presence()
SUBSCRIBE: Final = b"<presence from='stranger@verona.example' to='juliet@capulet.example' id='s1' type='subscribe'/>"


def sent_message(to: str) -> bytes:
    """Return the chat message as its sender's client writes it."""
    return b"<message to='%b' id='ktx72v49' type='chat'>%b</message>" % (to.encode(), _PAYLOAD)


SENT_PRESENCE: Final = b"<presence id='p2'>%b</presence>" % _SHOWN
ROSTER_GET: Final = b"<iq id='r1' type='get'><query xmlns='jabber:iq:roster'/></iq>"


def sent_subscription(to: str, type: str) -> bytes:
    """Return a subscription stanza as its sender's client writes it."""
    return f"<presence to='{to}' id='x' type='{type}'/>".encode()


def roster(size: int) -> bytes:
    """Return the answer to a roster get."""
    item = "<item jid='friend{0}@montague.example' name='Friend {0}' subscription='both'><group>Friends</group></item>"
    items = "".join([item.format(number) for number in range(size)])
    return (
        "<iq to='juliet@capulet.example/balcony' id='r1' type='result'>"
        f"<query xmlns='jabber:iq:roster' ver='l:{size}'>{items}</query></iq>"
    ).encode()


def push(number: int, name: str) -> bytes:
    """Return a roster push that gives a contact another name."""
    return (
        "<iq from='juliet@capulet.example' to='juliet@capulet.example/balcony' id='push1' type='set'>"
        f"<query xmlns='jabber:iq:roster' ver='lineage:{number}'><item jid='friend3@montague.example' name='{name}'"
        " subscription='both'><group>Friends</group></item></query></iq>"
    ).encode()
