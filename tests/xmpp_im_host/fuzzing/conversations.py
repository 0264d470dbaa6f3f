"""Good conversations, as lists of what a client or a component writes at a time."""

from __future__ import annotations

import base64
from typing import Final

ACCOUNTS: Final = {"romeo": "rosaline", "tybalt": "prince"}
"""Those whose streams are mutated."""
COMPONENT: Final = ("irc.localhost", "the secret of irc")

STREAMS: Final = "xmlns:stream='http://etherx.jabber.org/streams'"
HEADER: Final = f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='localhost' version='1.0' {STREAMS}>"
COMPONENT_HEADER: Final = f"<stream:stream xmlns='jabber:component:accept' to='{COMPONENT[0]}' {STREAMS}>"
_SASL: Final = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
_SM: Final = "xmlns='urn:xmpp:sm:3'"
BIND: Final = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"


def plain(user: str) -> str:
    token = base64.b64encode(f"\0{user}\0{ACCOUNTS[user]}".encode()).decode()
    return f"<auth {_SASL} mechanism='PLAIN'>{token}</auth>"


def _iq(payload: str, type: str = "get", to: str = "") -> str:
    return f"<iq id='i' type='{type}'{to}>{payload}</iq>"


def _item(attributes: str) -> str:
    return _iq(f"<query xmlns='jabber:iq:roster'><item {attributes}/></query>", "set")


STANZAS: Final = (
    "<presence/>",
    "<presence><show>away</show><status xml:lang='en'>O</status><priority>5</priority></presence>",
    "<presence type='unavailable'/>",
    *(
        f"<presence type='{type}' to='{to}@localhost'/>"
        for type in ("subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe")
        for to in ("romeo", "tybalt", "juliet", "nobody")
    ),
    "<presence to='tybalt@localhost/r'/>",
    "<presence to='irc.localhost'/>",
    *(
        f"<message type='{type}' to='{to}' id='m'><body>Ay &amp; no</body></message>"
        for type in ("chat", "normal", "headline", "groupchat", "error")
        for to in ("romeo@localhost", "tybalt@localhost/r", "juliet@localhost", "irc.localhost", "x@example.net")
    ),
    "<message to='juliet@localhost'><no-store xmlns='urn:xmpp:hints'/><body>1</body></message>",
    _iq("<query xmlns='jabber:iq:roster'/>"),
    _iq("<query xmlns='jabber:iq:roster' ver=''/>"),
    _item("jid='juliet@localhost' name='J'"),
    _item("jid='nurse@example.net'"),
    _item("jid='juliet@localhost' subscription='remove'"),
    _iq("<blocklist xmlns='urn:xmpp:blocking'/>"),
    _iq("<block xmlns='urn:xmpp:blocking'><item jid='tybalt@localhost'/></block>", "set"),
    _iq("<unblock xmlns='urn:xmpp:blocking'/>", "set"),
    _iq("<enable xmlns='urn:xmpp:carbons:2'/>", "set"),
    _iq("<ping xmlns='urn:xmpp:ping'/>"),
    _iq("<ping xmlns='urn:xmpp:ping'/>", to=" to='localhost'"),
    _iq("<query xmlns='http://jabber.org/protocol/disco#info'/>", to=" to='localhost'"),
    _iq("<query xmlns='http://jabber.org/protocol/disco#items'/>", to=" to='localhost'"),
    _iq("<query xmlns='jabber:iq:version'/>", to=" to='localhost'"),
    _iq("<query xmlns='jabber:iq:last'/>", to=" to='juliet@localhost'"),
    _iq("<query xmlns='jabber:iq:register'/>"),
    _iq("<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>", "set"),
    _iq("<x xmlns='urn:x'/>", "set", " to='tybalt@localhost/r'"),
    _iq("", "result", " to='juliet@localhost/canary'"),
    f"<enable {_SM} resume='true'/>",
    f"<enable {_SM}/>",
    f"<r {_SM}/>",
    f"<a {_SM} h='1'/>",
    f"<resume {_SM} previd='x' h='0'/>",
    "<active xmlns='urn:xmpp:csi:0'/>",
    "<inactive xmlns='urn:xmpp:csi:0'/>",
    BIND,
    "</stream:stream>",
)
"""What a client writes after its login."""

LOGINS: Final = (
    *((HEADER, plain(user), HEADER, BIND) for user in ACCOUNTS),
    (HEADER, f"<auth {_SASL} mechanism='PLAIN'/>", f"<response {_SASL}>AHJvbWVvAHJvc2FsaW5l</response>", HEADER, BIND),
    (
        HEADER,
        f"<auth {_SASL} mechanism='SCRAM-SHA-256'>biwsbj1yb21lbyxyPXI=</auth>",
        f"<response {_SASL}>Yz1</response>",
    ),
    (HEADER, f"<auth {_SASL} mechanism='SCRAM-SHA-1'>biwsbj1yb21lbyxyPXI=</auth>", f"<abort {_SASL}/>", plain("romeo")),
    (HEADER, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", HEADER),
    (HEADER, _iq("<query xmlns='jabber:iq:register'/>"), "</stream:stream>"),
)
"""What a client writes to log in."""

NASTY: Final = (
    "<!-- c -->",
    "<?pi?>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "&b;",
    "&#0;",
    "&#xD800;",
    "\0",
    "\ufeff",
    "\uffff",
    "<![CDATA[ ]]>",
    "]]>",
    "<a:b/>",
    " xmlns:stream='urn:x'",
    " xmlns=''",
    " xml:lang='" + "x" * 50 + "'",
    " to='@@'",
    " to='" + "a" * 1024 + "@localhost'",
    " from='juliet@localhost'",
    " to='\u2665@\u212a'",
    " id=''",
    " type='\u00e9'",
    " h='-1'",
    " h='99999999999999999999'",
    "<a>" * 200,
    "</a>",
    "</stream:stream>",
    "<stream:error/>",
    HEADER,
    "x" * 70_000,
    "x" * 300_000,
)
"""Text that may be inserted anywhere."""
