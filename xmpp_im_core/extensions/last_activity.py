"""Last activity: entities that may see the user's presence can ask since when the user is away (XEP-0012)."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeVar

from xmpp_im_core.element import element
from xmpp_im_core.extensions.namespace_requests import inbound_request, own_request
from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import extensions as rules
from xmpp_im_core.server.accounts.machine import Machine, account_of
from xmpp_im_core.server.effects import FULL_JID, Deliver, Route, Transition
from xmpp_im_core.server.events import Event, Outbound
from xmpp_im_core.server.state import Account
from xmpp_im_core.server.visibility import SELF, SUBSCRIBED, visibility
from xmpp_im_core.stanza import IQ, Condition, Stanza, error_reply, result_reply, stanza_error

S = TypeVar("S")

LAST: Final = "jabber:iq:last"


def last_activity(machine: Machine[S]) -> Machine[S]:
    """Put last activity around a machine. It has no state: the account knows when the user left.

    The client answers requests to its full JID. The account delivers them only if the sender may see the resource's
    presence (RFC 6121 §8.5.3.1).
    """

    def reduce(state: S, event: Event, policy: Policy) -> Transition[S]:
        account = account_of(state)
        if isinstance(account, Account):
            own = own_request(account, event, LAST)
            if own is not None and isinstance(event, Outbound):
                reply, rule = _reply(account, event.at, own, account.jid)
                return Transition(state, (Deliver(reply, (event.session,), FULL_JID, rule),))
            asked = inbound_request(account, event, LAST)
            if asked is not None and asked.from_jid is not None:
                reply, rule = _reply(account, event.at, asked, asked.from_jid)
                return Transition(state, (Route(reply, rule),))
        return machine.reduce(state, event, policy)

    return Machine(machine.start, reduce, (*machine.features, LAST))


def _reply(account: Account, at: datetime, iq: IQ, sender: JID) -> tuple[Stanza, Rule]:
    """Answer a request to the bare JID. Directed presence is not enough, because it concerns one resource only.

    A sender that may not see the user's presence gets the answer of an account that does not exist, not "forbidden"
    (RFC 6121 §8.5.1).
    """
    if visibility(account, sender, None) not in (SELF, SUBSCRIBED):
        return error_reply(iq, stanza_error(Condition.SERVICE_UNAVAILABLE)), rules.LAST_ACTIVITY_WITHHELD
    if iq.type == "set":
        return error_reply(iq, stanza_error(Condition.BAD_REQUEST)), rules.LAST_ACTIVITY_MALFORMED
    if account.available():
        return result_reply(iq, element("query", LAST, {"seconds": "0"})), rules.LAST_ACTIVITY
    left = account.last_unavailable
    if left is None:  # a user who has never been available has no last activity
        return error_reply(iq, stanza_error(Condition.SERVICE_UNAVAILABLE)), rules.LAST_ACTIVITY_NONE
    seconds = max(0, int((at - left.at).total_seconds()))
    status = left.presence.payload.first("status")
    content = [status.text] if status is not None else []
    return result_reply(iq, element("query", LAST, {"seconds": str(seconds)}, content)), rules.LAST_ACTIVITY
