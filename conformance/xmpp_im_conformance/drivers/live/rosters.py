"""Rosters, made and read as clients can: by roster sets, and by the subscription stanzas of both sides.

The two sides of a subscription are arranged together. If the contact is a user of the other server, the scenario
plays it; if it has an account here, it answers in a separate session. What is then in the roster is compared
with what was wanted: a state that cannot be reached so makes the vector not applicable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from attrs import define, evolve

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.format.items import ANY_REQUEST, RosterItem, client_view, item_differences
from xmpp_im_conformance.format.markup import BadXML, read_xml
from xmpp_im_conformance.format.worlds import REMOTE, NotApplicable
from xmpp_im_core.element import Element
from xmpp_im_core.roster import ROSTER

_TO: Final = ("to", "both")
_FROM: Final = ("from", "both")

Settle = Callable[[], Awaitable[None]]
Map = Callable[[str], str]


async def shown_roster(session: Channel, read: Callable[[Element], Element]) -> list[RosterItem]:
    """Return an account's roster, as a separate session is shown it.

    :param read: turns an element of the server into one of the scenario.
    :raises NotApplicable: if the server shows none.
    """
    answer = await session.request(f"<query xmlns='{ROSTER}'/>")
    query = answer.first("query", ROSTER)
    if query is None:
        raise NotApplicable("the server does not show the roster")
    return [_item(read(each)) for each in query.elements if each.name == "item"]


def has_got_roster(sent: str, came: Sequence[Element]) -> bool:
    """Whether a client that has sent this has asked for its roster and got it.

    Then it is an interested resource (RFC 6121 §2.2), and to ask again changes nothing.
    """
    if ROSTER not in sent:
        return False
    try:
        request = read_xml(sent)
    except BadXML:
        return False
    return (request.name, request.get("type")) == ("iq", "get") and any(
        (answer.name, answer.get("type"), answer.get("id")) == ("iq", "result", request.get("id"))
        and answer.first("query", ROSTER) is not None
        for answer in came
    )


def _item(element: Element) -> RosterItem:
    return RosterItem(
        jid=element.get("jid") or "",
        subscription=element.get("subscription") or "none",
        ask=element.get("ask") == "subscribe",
        approved=element.get("approved") in ("true", "1"),
        name=element.get("name") or "",
        groups=tuple([each.text for each in element.elements if each.name == "group"]),
    )


def _believed(found: RosterItem, wanted: Sequence[RosterItem]) -> RosterItem:
    """Return an item with the pre-approval that was given, if the server only does not show it.

    Once the contact has the subscription, a server is free to forget it (§3.4.2): then only what is shown counts.
    """
    given = any(item.jid == found.jid and item.approved for item in wanted)
    return evolve(found, approved=found.approved or (given and found.subscription not in _FROM))


@define
class Arranging:
    """The rosters of a scenario's accounts, on their way from nothing to what it wants.

    :param sessions: a session of each account, by bare JID, which is neither available nor interested.
    :param remote: sends a stanza from the other server; None if nobody plays it.
    :param to_server: turns the scenario's text into the server's.
    """

    rosters: Mapping[str, Sequence[RosterItem]]
    sessions: Mapping[str, Channel]
    remote: Callable[[str], None] | None
    settle: Settle
    to_server: Map
    read: Callable[[Element], Element]
    _said: bool = False

    async def arrange(self) -> None:
        """Make the rosters.

        :raises NotApplicable: if they cannot be made so.
        """
        for step in (self._describe, self._pre_approve, self._ask, self._answer, self._ask_again, self._request):
            for account, items in self.rosters.items():
                for item in items:
                    step(account, item)
            if self._said:
                await self.settle()
            self._said = False
        for account, items in self.rosters.items():
            found = await shown_roster(self.sessions[account], self.read)
            found = [_believed(each, items) for each in client_view(found, items)]
            lines = item_differences(client_view(items), found, {})
            if lines:
                raise NotApplicable(f"by protocol the roster of {account} becomes another: {'; '.join(lines)}")

    # --- each for one contact, and then all settle ------------------------------------------------------

    def _describe(self, account: str, item: RosterItem) -> None:
        """Set the item, its name and groups. A contact of which there is nothing but a request has none."""
        if not item.listed:
            return
        groups = "".join([f"<group>{escape(group)}</group>" for group in item.groups])
        name = f" name={quoteattr(item.name)}" if item.name else ""
        self._say(
            account,
            f"<iq id='item' type='set'><query xmlns='{ROSTER}'>"
            f"<item jid={quoteattr(item.jid)}{name}>{groups}</item></query></iq>",
        )

    def _pre_approve(self, account: str, item: RosterItem) -> None:
        if item.approved:
            self._presence(account, item.jid, "subscribed")

    def _ask(self, account: str, item: RosterItem) -> None:
        """Let the one side ask for what the other is to grant; both have to say so."""
        if item.subscription in _TO:
            self._presence(account, item.jid, "subscribe")
        if item.subscription in _FROM and self._is_played(item.jid):
            self._presence(item.jid, account, "subscribe")

    def _answer(self, account: str, item: RosterItem) -> None:
        if item.subscription in _FROM:
            self._presence(account, item.jid, "subscribed")
        if item.subscription in _TO and self._is_played(item.jid):
            self._presence(item.jid, account, "subscribed")

    def _ask_again(self, account: str, item: RosterItem) -> None:
        """Leave a request of the user's own without an answer, unless the contact's side states it."""
        if item.ask and not any(other.jid == account and other.pending_in for other in self._roster(item.jid)):
            self._presence(account, item.jid, "subscribe")

    def _request(self, account: str, item: RosterItem) -> None:
        """Leave a request of the contact without an answer: the very stanza that the scenario states."""
        if item.pending_in is None:
            return
        if item.pending_in == ANY_REQUEST:
            self._presence(item.jid, account, "subscribe")
        else:
            self._say(item.jid, item.pending_in)

    # --- speaking for everybody ------------------------------------------------------------------------

    def _roster(self, account: str) -> Sequence[RosterItem]:
        return self.rosters.get(account, ())

    def _is_played(self, jid: str) -> bool:
        """Whether the scenario plays this contact itself, on the other server."""
        return jid not in self.sessions

    def _presence(self, sender: str, to: str, type: str) -> None:
        self._say(sender, f"<presence from={quoteattr(sender)} to={quoteattr(to)} type='{type}'/>")

    def _say(self, sender: str, xml: str) -> None:
        session = self.sessions.get(sender)
        self._said = True
        if session is not None:
            session.stream.write(self.to_server(xml), later=True)
        elif self.remote is not None and sender.rpartition("@")[2] == REMOTE:
            self.remote(self.to_server(xml))
        else:
            raise NotApplicable(f"nobody can speak for {sender}, to arrange a roster")
