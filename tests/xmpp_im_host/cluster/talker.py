"""A client that does no I/O: bytes come in, bytes go out, and the ledger learns what was promised and what came.

It logs in, enables stream management if it is to, and then chats. Somebody else connects it, and connects it again
when its connection has broken: then it resumes its session if it can, and otherwise binds a new one.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable
from typing import Final

from attrs import define, field

from tests.xmpp_im_host.cluster.ledger import NO_CONTACT, Ledger
from xmpp_im_core.codec import NonStanza, StreamParser
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import Stanza, to_element

SM: Final = "urn:xmpp:sm:3"
ROSTER: Final = "jabber:iq:roster"
SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
_END: Final = "</stream:stream>"


@define(eq=False)
class Sent:
    """A stanza that the server has not counted."""

    xml: str
    counted: Callable[[], None] | None = None
    covered: int = 0
    """How many messages were acknowledged before it was sent; see :attr:`Talker.settles`."""


@define(eq=False)
class Talker:
    """One client of a user."""

    user: str
    domain: str
    resource: str
    password: str
    ledger: Ledger = field(repr=False)
    managed: bool = True
    """Whether it uses stream management."""
    priority: int = 0
    generation: int = 0
    """How often the account was removed before it got the password."""
    settles: bool = False
    """Whether the ledger knows only what clients know. Then what the client has acknowledged counts as settled when the
    server has counted a later stanza of it: the gateway commits both in this order, so the acknowledgement cannot die
    with the gateway after that."""
    ready: bool = field(default=False, init=False)
    """Whether it has a session, and nothing before it has to be answered."""
    broken: bool = field(default=False, init=False)
    """Whether the stream has ended. Connect it again then."""
    session: str = field(default="", init=False)
    """What the ledger calls the session; empty before the first one."""
    roster: dict[str, tuple[str, int]] = field(factory=dict, init=False)
    """The subscription and the number of each contact, as the server has said it."""
    view: dict[str, str] = field(factory=dict, init=False)
    """The status of each resource of others that is available."""
    gone: list[str] = field(factory=list, init=False)
    """The resources of others that have become unavailable, as it has seen."""
    status: int = field(default=0, init=False)
    """The number of its own last presence."""
    resumptions: int = field(default=0, init=False)
    sessions: int = field(default=0, init=False)
    """How many sessions it has had."""
    session_bound: bool = field(default=False, init=False)
    """Whether this stream has a session."""
    _replaces: bool = field(default=False, init=False)
    """Whether the session replaces one that did not end in order, and may not have done so yet."""
    _parser: StreamParser = field(factory=StreamParser, init=False, repr=False)
    _out: list[str] = field(factory=list, init=False)
    _take: Callable[[Element], None] | None = field(default=None, init=False)
    """What takes the next element, before the session."""
    _previous: str = field(default="", init=False)
    """The id by which the session can be resumed."""
    _handled: int = field(default=0, init=False)
    """How many stanzas have come, as XEP-0198 counts them."""
    _arrived: list[str] = field(factory=list, init=False)
    """The ids of those that no acknowledgement has covered."""
    _covered: list[str] = field(factory=list, init=False)
    """The ids of those whose acknowledgement may not be settled."""
    _unacknowledged: deque[Sent] = field(factory=deque, init=False)
    _counted: int = field(default=0, init=False)
    _requests: dict[str, Callable[[Element], None]] = field(factory=dict, init=False)
    _answering: list[str] = field(factory=list, init=False)
    """The requests of others that it has answered, while the server has not counted the answer."""
    _ended: bool = field(default=False, init=False)
    """Whether it has ended this stream."""
    _login: int = field(default=0, init=False)
    """The generation of the account whose password this stream was opened with."""

    @property
    def jid(self) -> str:
        return f"{self.user}@{self.domain}"

    @property
    def full(self) -> str:
        return f"{self.jid}/{self.resource}"

    @property
    def idle(self) -> bool:
        """Whether everything that it has said is counted or answered."""
        return self.ready and not self._unacknowledged and not self._requests

    @property
    def under_way(self) -> int:
        """How much of what it has said is not counted."""
        return len(self._unacknowledged)

    def data_to_send(self) -> str:
        out, self._out = "".join(self._out), []
        if self._ended:
            return ""
        self._ended = _END in out
        return out.partition(_END)[0] + _END if self._ended else out

    # --- the connection -----------------------------------------------------------------------------------------

    def connected(self) -> None:
        """Begin a stream on a new connection."""
        self.broken = self.ready = self._ended = False
        self._out.clear()
        self._open(self._authenticate)

    def lost(self) -> None:
        """Note that the connection is gone, with everything that was under way."""
        if self.broken:
            return
        self.broken, self.ready, self._take = True, False, None
        if not self.managed:
            self._end_session()

    def _end_session(self) -> None:
        """Forget the session: what the server has not counted or answered stays in doubt."""
        self.ledger.requests.excused.update(self._answering)
        self._answering.clear()
        self.ledger.over.add(self.session)
        if self.managed:
            self.ledger.unsettled.update(self._arrived, self._covered if self.settles else ())
        self._arrived.clear()
        self._covered.clear()
        self._unacknowledged.clear()
        self._requests.clear()
        self._previous = ""
        self.view.clear()

    def receive(self, data: bytes) -> None:
        """Take bytes of the server."""
        for event in self._parser.feed(data):
            if isinstance(event, Stanza):
                self._element(to_element(event))
            elif isinstance(event, NonStanza):
                self._element(event.element)
            if self.broken:
                return

    def _element(self, element: Element) -> None:
        if element.name == "error" and element.namespace == "http://etherx.jabber.org/streams":
            self.lost()
        elif self._take is not None and self._takes(element):
            take, self._take = self._take, None
            take(element)
        elif element.namespace == SM:
            self._manage(element)
        else:
            self._handled += 1
            self._stanza(element)

    def _takes(self, element: Element) -> bool:
        """Whether the negotiation waits for this element. After the bind, stanzas may come before it."""
        return not self.session_bound or element.name in ("enabled", "failed", "resumed")

    # --- the negotiation ----------------------------------------------------------------------------------------

    def _open(self, then: Callable[[Element], None]) -> None:
        self._parser, self._take, self.session_bound = StreamParser(), then, False
        self._out.append(
            f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='{self.domain}' version='1.0'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )

    def _authenticate(self, features: Element) -> None:
        self._login = self.generation
        secret = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
        self._out.append(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
        self._take = self._authenticated

    def _authenticated(self, answer: Element) -> None:
        if answer.name == "success":
            self._open(self._resume if self._previous else self._bind)
        else:  # such as temporary-auth-failure, while the database is away
            self.lost()

    def _resume(self, features: Element) -> None:
        self._out.append(f"<resume xmlns='{SM}' h='{self._handled}' previd='{self._previous}'/>")
        self._take = self._resumed

    def _resumed(self, answer: Element) -> None:
        if answer.name != "resumed":
            self._end_session()
            self._bind(answer)
            return
        if self.ledger.logins[self.session] != self._login:
            self.ledger.wrong.append(f"{self.session} is resumed, and its account was removed")
        self.resumptions += 1
        self.session_bound, self.ready = True, True
        self._arrived.clear()
        self._note_counted(answer)
        for each in self._unacknowledged:
            self._out.append(each.xml)
        self._out.append(f"<r xmlns='{SM}'/>")

    def _bind(self, features: Element) -> None:
        self._end_session()
        self._out.append(
            f"<iq type='set' id='bind'><bind xmlns='{BIND}'><resource>{self.resource}</resource></bind></iq>"
        )
        self._take = self._bound

    def _bound(self, answer: Element) -> None:
        if answer.get("type") != "result":
            self.lost()
            return
        self._replaces = self.settles and self.sessions > 0
        self.sessions += 1
        self.session, self.session_bound = f"{self.full}#{self.sessions}", True
        self.ledger.logins[self.session] = self._login
        self._handled = self._counted = 0
        if self.managed:
            self._out.append(f"<enable xmlns='{SM}' resume='true'/>")
            self._take = self._enabled
        else:
            self._begin()

    def _enabled(self, answer: Element) -> None:
        self._handled = 0
        self._previous = answer.get("id") or ""
        self._begin()

    def _begin(self) -> None:
        self.ready = True
        self.fetch_roster()
        self.show()

    # --- stream management --------------------------------------------------------------------------------------

    def _manage(self, element: Element) -> None:
        if element.name == "r":
            self._out.append(f"<a xmlns='{SM}' h='{self._handled}'/>")
        elif element.name == "a":
            self._note_counted(element)

    def _note_counted(self, element: Element) -> None:
        counted = int(element.get("h") or 0)
        if counted - self._counted > len(self._unacknowledged):
            self.ledger.wrong.append(f"{self.session}: the server counts {counted} stanzas, and fewer were sent")
            return
        for _ in range(counted - self._counted):
            sent = self._unacknowledged.popleft()
            del self._covered[: sent.covered]
            for each in self._unacknowledged:
                each.covered = max(0, each.covered - sent.covered)
            if sent.counted is not None:
                sent.counted()
        self._counted = counted

    def arrived(self, data: str) -> None:
        """Note that something that this client has written has come to a gateway that lives."""
        if "<a xmlns=" in data:
            handled = int(data.split("h='")[-1].split("'")[0])
            number = max(0, len(self._arrived) - (self._handled - handled))
            self._covered += self._arrived[:number]
            del self._arrived[:number]

    def _say(self, xml: str, counted: Callable[[], None] | None = None) -> None:
        self._out.append(xml)
        if self.managed:
            self._unacknowledged.append(Sent(xml, counted, len(self._covered)))
            self._out.append(f"<r xmlns='{SM}'/>")

    def _ask(self, id: str, xml: str, answered: Callable[[Element], None]) -> None:
        self._requests[id] = answered
        self._say(xml)

    # --- what comes ---------------------------------------------------------------------------------------------

    def _stanza(self, stanza: Element) -> None:
        id, kind = stanza.get("id") or "", stanza.get("type")
        self._arrived.append(id)
        if stanza.name == "message" and id in self.ledger.chats:
            if kind == "error":
                self.ledger.refuse(self.user, id)
            else:
                self.ledger.come(self.user, self.session, id)
        elif stanza.name == "presence":
            self._presence(stanza.get("from") or self.full, kind, stanza)
        elif stanza.name == "iq" and id in self.ledger.requests.asked:
            self._take_request(id, kind, stanza.get("from") or "", stanza.get("to") or self.full)
        elif stanza.name == "iq" and kind in ("result", "error"):
            answered = self._requests.pop(id, None)
            if answered is not None:
                answered(stanza)
        elif stanza.name == "iq":
            for query in stanza.elements:
                self._note_items(query, pushed=True)
            self._say(f"<iq type='result' id='{id}'/>")

    def _take_request(self, id: str, kind: str | None, from_: str, to: str) -> None:
        """Take a request of somebody else and answer it, or take an answer of somebody else."""
        if kind in ("result", "error"):
            self.ledger.requests.answer(id, self.session, to, from_, kind)
            return
        self.ledger.requests.arrive(id, to, from_)
        self._answering.append(id)
        counted = (lambda: self._answering.remove(id)) if self.managed else None
        self._say(f"<iq type='result' id='{id}' to='{from_}'/>", counted)

    def _presence(self, of: str, kind: str | None, stanza: Element) -> None:
        user = of.partition("@")[0]
        if kind == "subscribe":
            self.approve(user)
        elif kind in (None, "unavailable"):
            status = "".join([each.text for each in stanza.elements if each.name == "status"])
            self.ledger.see(self.user, user, int(status) if status.isdigit() else None)
            if kind is None:
                self.view[of] = status
            else:
                self.gone += [of] if self.view.pop(of, None) is not None else []

    def _note_items(self, query: Element, *, pushed: bool = False) -> None:
        for item in query.elements:
            subscription = item.get("subscription") or "none"
            jid, name = item.get("jid") or "", item.get("name") or "0"
            if pushed and int(name) and int(name) <= self.roster.get(jid, ("", 0))[1]:
                self.ledger.wrong.append(f"{self.session} gets {jid} at {name}, and had it at {self.roster[jid]}")
            if subscription == "remove":
                self.roster.pop(jid, None)
            else:
                asks = "+ask" if item.get("ask") else ""
                self.roster[jid] = subscription + asks, int(name)

    # --- what the user does -------------------------------------------------------------------------------------

    def fetch_roster(self) -> None:
        def answered(answer: Element) -> None:
            if self._replaces:
                self._replaces = False
                self.ledger.replace(self.user)
            if answer.get("type") == "result":
                self.roster.clear()
                for query in answer.elements:
                    self._note_items(query)
            else:  # such as an error of type wait, while the database is away
                self.fetch_roster()

        id = f"roster-{self.ledger.now()}"
        self._ask(id, f"<iq type='get' id='{id}'><query xmlns='{ROSTER}'/></iq>", answered)

    def show(self) -> None:
        """Send presence, with a number."""
        self.status = self.ledger.now()
        self._say(f"<presence><priority>{self.priority}</priority><status>{self.status}</status></presence>")

    def show_to(self, user: str) -> None:
        """Send directed presence."""
        self.ledger.authorised.add((self.user, user))
        self._say(f"<presence to='{user}@{self.domain}'><status>directed</status></presence>")

    def show_to_address(self, address: str) -> None:
        """Send directed presence to somebody who is no user."""
        self._say(f"<presence to='{address}'/>")

    def chat(self, user: str, address: str = "") -> None:
        """Write to a user, or to somebody at another address."""
        chat = self.ledger.send(self.user, self.session, user)
        to = address or f"{user}@{self.domain}"
        xml = f"<message id='{chat.id}' type='chat' to='{to}'><body>{chat.id}</body></message>"
        self._say(xml, lambda: self.ledger.acknowledge(chat.id))

    def ask(self, to: str) -> None:
        """Send a request to a session, or to a component."""
        id = f"iq-{self.ledger.now()}"
        self.ledger.requests.ask(id, self.session, self.full, to)
        self._say(f"<iq type='get' id='{id}' to='{to}'><query xmlns='urn:example:question'/></iq>")

    @property
    def contact(self) -> str:
        """The contact of another domain that this client changes."""
        return f"{self.resource}@elsewhere.example"

    def set_contact(self) -> None:
        """Change the contact. Its name is a number, which grows."""
        number = self.ledger.now()
        self._change_contact(number, number, f"name='{number}'")

    def drop_contact(self) -> None:
        """Remove the contact."""
        self._change_contact(self.ledger.now(), NO_CONTACT, "subscription='remove'")

    def _change_contact(self, at: int, becomes: int, how: str) -> None:
        jid, id, session = self.contact, f"set-{at}", self.session
        key = (self.user, jid)
        if not self.ledger.is_outdated(session, self.user):
            self.ledger.asked[key].add(becomes)

        def answered(answer: Element) -> None:
            if at < self.ledger.removed.get(self.user, 0):
                return
            if answer.get("type") == "result" and self.ledger.is_outdated(session, self.user):
                self.ledger.wrong.append(f"{session} changes a contact, and its account was removed")
            self.ledger.asked[key].discard(becomes)
            if answer.get("type") == "result":
                self.ledger.contacts[key] = becomes

        query = f"<query xmlns='{ROSTER}'><item jid='{jid}' {how}/></query>"
        self._ask(id, f"<iq type='set' id='{id}'>{query}</iq>", answered)

    def state(self, user: str) -> str:
        """Return the subscription as this client knows it, and whether the user has asked for more."""
        return self.roster.get(f"{user}@{self.domain}", ("none", 0))[0]

    def may_ask(self, user: str) -> bool:
        """Whether this user does not get the presence of another one, and has not asked for it."""
        return user != self.user and self.state(user) in ("none", "from")

    def gives(self, user: str) -> bool:
        """Whether another one gets the presence of this user."""
        return user != self.user and self.state(user).removesuffix("+ask") in ("from", "both")

    def gets(self, user: str) -> bool:
        """Whether this user gets the presence of another one."""
        return user != self.user and self.state(user) in ("to", "both")

    def subscribe(self, user: str) -> None:
        self._say(f"<presence type='subscribe' to='{user}@{self.domain}'/>")

    def approve(self, user: str) -> None:
        self.ledger.authorised.add((self.user, user))
        self._say(f"<presence type='subscribed' to='{user}@{self.domain}'/>")

    def cancel(self, user: str) -> None:
        self._say(f"<presence type='unsubscribed' to='{user}@{self.domain}'/>")

    def unsubscribe(self, user: str) -> None:
        self._say(f"<presence type='unsubscribe' to='{user}@{self.domain}'/>")

    def acknowledge(self) -> None:
        """Acknowledge what has come, without being asked."""
        if self.managed and self.ready:
            self._out.append(f"<a xmlns='{SM}' h='{self._handled}'/>")

    def leave(self) -> None:
        """End the stream. After that the client says nothing, and acknowledges nothing."""
        self._previous, self.ready = "", False
        self._out.append(_END)
