"""A component that does no I/O (XEP-0114). It writes to users, answers their requests, and asks them.

It has no stream management. What was written to it when its connection breaks may be lost. What it has sent before it
asks the server itself is processed when the server answers.
"""

from __future__ import annotations

import hashlib
from typing import Final

from attrs import define, field

from tests.xmpp_im_host.cluster.ledger import Ledger
from xmpp_im_core.codec import COMPONENT, NonStanza, StreamOpened, StreamParser
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import Stanza, to_element

ECHO: Final = "echo"
"""What the ledger calls it."""
ECHO_DOMAIN: Final = "echo.localhost"
ECHO_SECRET: Final = "a cave in the mountains"
_QUESTION: Final = "<query xmlns='urn:example:question'/>"


@define(eq=False)
class EchoComponent:
    """The component, which may be connected to any node."""

    domain: str
    """The domain of the server."""
    ledger: Ledger = field(repr=False)
    managed: bool = field(default=False, init=False)
    user: str = field(default=ECHO, init=False)
    ready: bool = field(default=False, init=False)
    broken: bool = field(default=False, init=False)
    """Whether the stream has ended. Connect it again then."""
    session: str = field(default="", init=False)
    """What the ledger calls the connection."""
    view: set[str] = field(factory=set, init=False)
    """The sessions that have sent it presence on this connection, and have not ended since."""
    _sessions: int = field(default=0, init=False)
    _parser: StreamParser = field(factory=StreamParser, init=False, repr=False)
    _out: list[str] = field(factory=list, init=False)
    _said: dict[str, list[str]] = field(factory=dict, init=False)
    """By the id of a request to the server: the messages that were sent before it and after the last one."""
    _answered: list[str] = field(factory=list, init=False)
    """The requests that it has answered on this connection."""

    @property
    def idle(self) -> bool:
        """Whether all that it has said is processed."""
        return self.ready and not self._said

    def data_to_send(self) -> str:
        out, self._out = "".join(self._out), []
        return out

    # --- the connection -----------------------------------------------------------------------------------------

    def connected(self) -> None:
        """Begin a stream on a new connection."""
        self.broken = self.ready = False
        self._parser = StreamParser(COMPONENT)
        self._out = [
            f"<stream:stream xmlns='jabber:component:accept' to='{ECHO_DOMAIN}'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        ]

    def lost(self) -> None:
        """Note that the connection is gone, with everything that was under way."""
        if not self.broken:
            self.broken, self.ready = True, False
            self._said.clear()
            self.ledger.requests.excused.update(self._answered)
            self._answered.clear()
            self.view.clear()
            self.session = ""

    def arrived(self, data: str) -> None:
        """Do nothing: it acknowledges nothing."""

    def receive(self, data: bytes) -> None:
        """Take bytes of the server."""
        for event in self._parser.feed(data):
            if isinstance(event, StreamOpened):
                proof = hashlib.sha1(f"{event.id}{ECHO_SECRET}".encode()).hexdigest()
                self._out.append(f"<handshake>{proof}</handshake>")
            elif isinstance(event, Stanza):
                self._stanza(to_element(event))
            elif isinstance(event, NonStanza) and event.element.name == "handshake":
                self._sessions += 1
                self.session, self.ready = f"{ECHO}#{self._sessions}", True
            elif isinstance(event, NonStanza):
                self.lost()
            if self.broken:
                return

    def _stanza(self, stanza: Element) -> None:
        id, kind = stanza.get("id") or "", stanza.get("type")
        from_, to = str(stanza.get("from")), str(stanza.get("to"))
        if stanza.name == "message" and id in self.ledger.chats:
            if kind == "error":
                self.ledger.refuse(ECHO, id)
            else:
                self.ledger.come(ECHO, self.session, id)
        elif stanza.name == "presence" and kind is None:
            self.view.add(from_)
        elif stanza.name == "presence" and kind == "unavailable":
            self.view.discard(from_)
        elif stanza.name == "iq" and id in self._said:
            for chat in self._said.pop(id):
                self.ledger.acknowledge(chat)
        elif stanza.name == "iq" and id in self.ledger.requests.asked:
            self._request(id, kind, from_, to)

    def _request(self, id: str, kind: str | None, from_: str, to: str) -> None:
        if kind in ("result", "error"):
            self.ledger.requests.answer(id, self.session, to, from_, kind)
        else:
            self.ledger.requests.arrive(id, to, from_)
            self._answered.append(id)
            self._out.append(f"<iq type='result' id='{id}' from='{ECHO_DOMAIN}' to='{from_}'/>")

    # --- what it does -------------------------------------------------------------------------------------------

    def chat(self, user: str) -> None:
        """Write to a user, and ask the server for a sign that it has processed that."""
        chat = self.ledger.send(ECHO, self.session, user)
        barrier = f"barrier-{chat.sent}"
        self._said[barrier] = [chat.id]
        self._out += [
            f"<message id='{chat.id}' type='chat' from='{ECHO_DOMAIN}' to='{user}@{self.domain}'>"
            f"<body>{chat.id}</body></message>",
            f"<iq type='get' id='{barrier}' from='{ECHO_DOMAIN}' to='{self.domain}'><ping xmlns='urn:xmpp:ping'/></iq>",
        ]

    def ask(self, to: str) -> None:
        """Send a request to a session of a user."""
        id = f"iq-{self.ledger.now()}"
        self.ledger.requests.ask(id, self.session, ECHO_DOMAIN, to)
        self._out.append(f"<iq type='get' id='{id}' from='{ECHO_DOMAIN}' to='{to}'>{_QUESTION}</iq>")
