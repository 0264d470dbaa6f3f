"""Write the items of a roster result or push from the contacts, without building elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xmpp_im_core.codec.escaping import escape_text, escape_value
from xmpp_im_core.roster_query import RosterQuery
from xmpp_im_core.stanza import ROSTER

if TYPE_CHECKING:
    from xmpp_im_core.roster import Contact  # a program that writes no roster does not import it


def write_roster(query: RosterQuery) -> bytes:
    """Return what the writer writes for the ``<query/>``."""
    ver = "" if query.ver is None else f' ver="{escape_value(query.ver)}"'
    if not query.items:
        return f'<query xmlns="{ROSTER}"{ver}/>'.encode()
    return f'<query xmlns="{ROSTER}"{ver}>{"".join([_item(contact) for contact in query.items])}</query>'.encode()


def _item(contact: Contact) -> str:
    jid = escape_value(contact.jid)
    if not contact.listed:
        return f'<item jid="{jid}" subscription="remove"/>'
    state = contact.state
    approved = ' approved="true"' if contact.approved else ""
    ask = ' ask="subscribe"' if state.pending_out else ""
    name = f' name="{escape_value(contact.name)}"' if contact.name else ""
    end = f">{''.join([_group(group) for group in contact.groups])}</item>" if contact.groups else "/>"
    return f'<item{approved}{ask} jid="{jid}"{name} subscription="{state.subscription}"{end}'


def _group(group: str) -> str:
    return f"<group>{escape_text(group)}</group>" if group else "<group/>"
