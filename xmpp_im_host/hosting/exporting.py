"""Exporting an account as plain data, in the format that ``xmpp_im_core.host.import_records`` reads.

The data has the roster, the requests that wait for the user, the block list and the stored messages. It has no keys,
and nothing that only this server knows, such as the roster's versions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, TypeAlias

from xmpp_im_core.codec import write_stanza
from xmpp_im_core.host import Messages
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.roster import Contact
from xmpp_im_core.server import Account
from xmpp_im_core.stanza import Message, Stanza

Data: TypeAlias = dict[str, object]

_DELAY: Final = "urn:xmpp:delay"


def exported(account: Account, messages: Messages) -> Data:
    """Return the data of an account."""
    contacts = [contact for _, contact in sorted(account.roster.contacts.items())]
    requests = [(contact.jid, contact.request) for contact in contacts if contact.request is not None]
    data: Data = {
        "roster": [_item(contact) for contact in contacts if contact.listed],
        "requests": [{"jid": jid, "stanza": _text(request)} for jid, request in requests],
        "blocked": list(account.blocked),
        "offline": [_message(message, account.jid.domain) for _, message in messages],
    }
    return {key: value for key, value in data.items() if value}


def _item(contact: Contact) -> Data:
    item: Data = {"jid": contact.jid, "subscription": contact.state.subscription}
    if contact.name:
        item["name"] = contact.name
    if contact.groups:
        item["groups"] = list(contact.groups)
    if contact.state.pending_out:
        item["ask"] = "subscribe"
        if contact.asked is not None:
            item["asked"] = contact.asked.isoformat()
    if contact.approved:
        item["approved"] = True
    return item


def _message(message: Message, domain: str) -> Data:
    return {"stanza": _text(message), "at": _stored_at(message, domain).isoformat()}


def _stored_at(message: Message, domain: str) -> datetime:
    """Return the time that the server has stamped a stored message with (XEP-0203)."""
    for child in message.payload.all("delay", _DELAY):
        by = parse_address(child.get("from") or "")
        if isinstance(by, Address) and by.jid.full == domain:
            return datetime.fromisoformat(child.get("stamp") or "").astimezone(UTC)
    return datetime.now(UTC)  # imported with another stamp


def _text(stanza: Stanza) -> str:
    return write_stanza(stanza).decode()
