"""Import accounts of another server from plain data, such as a JSON file, as records for a storage.

Each account is a mapping. Every key is optional::

    {
        "romeo@montague.example": {
            "roster": [
                {
                    "jid": "juliet@capulet.example",
                    "name": "Juliet",
                    "groups": ["Lovers"],
                    "subscription": "to",    # default: "none"
                    "ask": "subscribe",      # the user's request has no answer yet
                    "asked": "2026-01-01T12:00:00Z",  # when it was sent; default: the time of the import
                    "approved": True,        # pre-approval (RFC 6121 §3.4)
                }
            ],
            "requests": [{"jid": "paris@verona.example", "stanza": "<presence type='subscribe'>...</presence>"}],
            "blocked": ["tybalt@capulet.example"],
            "offline": [{"stanza": "<message from='...'>...</message>", "at": "2026-01-01T12:00:00Z"}],
        }
    }

The import prepares the JIDs. It ignores an 'ask' together with "to" or "both", and a request of a contact who is
subscribed already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from xmpp_im_core.codec import CodecError, parse_stanza
from xmpp_im_core.copying import copied
from xmpp_im_core.host.interfaces import Ids
from xmpp_im_core.jid import JID, InvalidJID, address_of, parse_jid
from xmpp_im_core.record import record
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server.delays import delayed
from xmpp_im_core.server.effects import Kind, Put
from xmpp_im_core.stanza import Message, Presence, Stanza
from xmpp_im_core.subscription import subscription_state

Data: TypeAlias = Mapping[str, object]

_ACCOUNT: Final = frozenset({"roster", "requests", "blocked", "offline"})
_ITEM: Final = frozenset({"jid", "name", "groups", "subscription", "ask", "asked", "approved"})
_SUBSCRIPTIONS: Final = ("none", "to", "from", "both")


def import_records(accounts: Mapping[str, Data], at: datetime, ids: Ids) -> dict[str, tuple[Put, ...]]:
    """Return the records of these accounts, by bare JID. Commit them to a storage that has none of these accounts.

    Each roster gets a new lineage, so a client that kept a version from the old server gets the whole roster.

    :param accounts: the data of each account, by its bare JID.
    :param at: the time of the import; an aware datetime.
    :param ids: as for a host; it gives the lineages.
    :raises ValueError: if the data is not as this module describes; the message begins with the place in the data.
    """
    if at.utcoffset() is None:
        raise ValueError(f"at: {at} is a time without an offset from UTC")
    records: dict[str, tuple[Put, ...]] = {}
    for written, data in accounts.items():
        path = _Path(written)
        jid = _bare(written, path)
        if jid.local is None:
            raise path.error("an account has a localpart")
        if jid.bare in records:
            raise path.error(f"{jid.bare} occurs twice")
        records[jid.bare] = _account(jid, data, at, ids(), path)
    return records


@record
class _Path:
    """A place in the data, for messages."""

    account: str
    steps: str = ""

    def error(self, why: str) -> ValueError:
        where = f"{self.account}: {self.steps.lstrip('.')}" if self.steps else self.account
        return ValueError(f"{where}: {why}")

    def __truediv__(self, key: str | int) -> _Path:
        return _Path(self.account, self.steps + (f"[{key}]" if isinstance(key, int) else f".{key}"))


def _account(jid: JID, data: Data, at: datetime, lineage: str, path: _Path) -> tuple[Put, ...]:
    _only(data, _ACCOUNT, path)
    contacts: dict[str, Contact] = {}
    for item, where in _list(data, "roster", path):
        contact = copied(_contact(item, at, where), version=len(contacts) + 1)
        if contact.jid in contacts:
            raise (where / "jid").error(f"{contact.jid} occurs twice")
        contacts[contact.jid] = contact
    version = len(contacts)
    for request, where in _list(data, "requests", path):
        asking = _request(jid, request, where)
        sender = asking.from_jid
        assert sender is not None
        contact = contacts.get(sender.bare, Contact(sender.bare, listed=False))
        contacts[sender.bare] = _requested(contact, asking)
    return (
        Put(Kind.ROSTER, "", RosterHead(lineage, version, 0)),
        *[Put(Kind.CONTACT, contact.jid, contact) for contact in contacts.values()],
        *_blocked(data, path),
        *_offline(jid, data, lineage, path),
    )


# --- rosters and requests -----------------------------------------------------------------------------------


def _contact(item: object, at: datetime, path: _Path) -> Contact:
    data = _only(item, _ITEM, path)
    subscription = _text(data.get("subscription", "none"), path / "subscription")
    if subscription not in _SUBSCRIPTIONS:
        raise (path / "subscription").error(f"{subscription!r} is not one of {', '.join(_SUBSCRIPTIONS)}")
    ask = data.get("ask")
    if ask not in (None, "subscribe"):
        raise (path / "ask").error(f"{ask!r} is not 'subscribe'")
    approved = data.get("approved", False)
    if not isinstance(approved, bool):
        raise (path / "approved").error(f"{approved!r} is neither true nor false")
    asked = _time(data["asked"], path / "asked") if "asked" in data else at
    state = subscription_state(subscription, ask is not None)
    return Contact(
        jid=_bare(data.get("jid"), path / "jid").bare,
        state=state,
        listed=True,
        name=_text(data.get("name", ""), path / "name"),
        groups=_groups(data, path),
        approved=approved,
        request=None,
        asked=asked if state.pending_out else None,
    )


def _groups(data: Data, path: _Path) -> tuple[str, ...]:
    groups: list[str] = []
    for written, where in _list(data, "groups", path):
        group = _text(written, where)
        if not group or group in groups:
            raise where.error(f"{group!r} is empty or occurs twice (RFC 6121 §2.3.3)")
        groups.append(group)
    return tuple(groups)


def _request(account: JID, request: object, path: _Path) -> Presence:
    data = _only(request, frozenset({"jid", "stanza"}), path)
    sender = address_of(_bare(data.get("jid"), path / "jid"))
    if "stanza" not in data:
        return Presence(address_of(account), sender, None, "subscribe")
    stanza = _stanza(data["stanza"], path / "stanza")
    if not isinstance(stanza, Presence) or stanza.type != "subscribe":
        raise (path / "stanza").error("it is not a subscription request")
    return stanza.stamped(to=address_of(account), from_=sender)


def _requested(contact: Contact, request: Presence) -> Contact:
    state = subscription_state(contact.state.subscription, contact.state.pending_out, True)
    return copied(contact, state=state, request=request) if state.pending_in else contact


# --- the block list, and stored messages --------------------------------------------------------------------


def _blocked(data: Data, path: _Path) -> list[Put]:
    jids = [_jid(written, where).full for written, where in _list(data, "blocked", path)]
    return [Put(Kind.BLOCKED, jid, None) for jid in dict.fromkeys(jids)]


def _offline(account: JID, data: Data, lineage: str, path: _Path) -> list[Put]:
    messages: list[tuple[datetime, Message]] = []
    for stored, where in _list(data, "offline", path):
        fields = _only(stored, frozenset({"stanza", "at"}), where)
        stanza, at = _stanza(fields.get("stanza"), where / "stanza"), _time(fields.get("at"), where / "at")
        if not isinstance(stanza, Message) or stanza.from_jid is None:
            raise (where / "stanza").error("it is not a message with a 'from'")
        addressed = stanza if stanza.to is not None else stanza.stamped(to=address_of(account))
        messages.append((at, delayed(addressed, at, account.domain)))
    messages.sort(key=_by_time)
    return [Put(Kind.OFFLINE, f"{lineage}-{n:06}", message) for n, (_, message) in enumerate(messages)]


def _by_time(stored: tuple[datetime, Message]) -> datetime:
    return stored[0]


# --- plain values -------------------------------------------------------------------------------------------


def _only(data: object, names: frozenset[str], path: _Path) -> Data:
    """Return the data as a mapping, and refuse keys that are not among these."""
    if not isinstance(data, Mapping):
        raise path.error(f"{data!r} is not a mapping")
    for name in data:
        if name not in names:
            raise (path / str(name)).error(f"is not one of {', '.join(sorted(names))}")
    return data


def _list(data: Data, name: str, path: _Path) -> Iterator[tuple[object, _Path]]:
    values = data.get(name, ())
    if not isinstance(values, list | tuple):
        raise (path / name).error(f"{values!r} is not a list")
    for n, value in enumerate(values):
        yield value, path / name / n


def _text(value: object, path: _Path) -> str:
    if not isinstance(value, str):
        raise path.error(f"{value!r} is not a string")
    return value


def _jid(value: object, path: _Path) -> JID:
    try:
        return parse_jid(_text(value, path))
    except InvalidJID as error:
        raise path.error(f"{value!r} is not a JID: {error}") from None


def _bare(value: object, path: _Path) -> JID:
    jid = _jid(value, path)
    if jid.resource is not None:
        raise path.error(f"{value!r} is not a bare JID")
    return jid


def _time(value: object, path: _Path) -> datetime:
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(_text(value, path))
    except ValueError:
        raise path.error(f"{value!r} is not a time in ISO 8601") from None
    if time.utcoffset() is None:
        raise path.error(f"{value!r} is a time without an offset from UTC")
    return time


def _stanza(value: object, path: _Path) -> Stanza:
    try:
        return parse_stanza(_text(value, path))
    except CodecError as error:
        raise path.error(f"it is not a stanza: {error}") from None
