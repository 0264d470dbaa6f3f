"""Resource binding (RFC 6120 §7), and the session of RFC 3921 §3, which does nothing."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.element import element
from xmpp_im_core.jid import JID, InvalidJID
from xmpp_im_core.stanza import IQ, Condition, ErrorType, Stanza, error_reply, result_reply, stanza_error
from xmpp_im_host.streams.namespaces import BIND, SESSION

BIND_FEATURE: Final = element("bind", BIND)
SESSION_FEATURE: Final = element("session", SESSION, {}, [element("optional", SESSION)])


def is_bind(stanza: Stanza) -> bool:
    """Whether this is a request to bind a resource, well-formed or not."""
    return isinstance(stanza, IQ) and stanza.type in ("get", "set") and stanza.payload.first("bind", BIND) is not None


def is_session(stanza: IQ, account: JID) -> bool:
    """Whether this asks the server for a session."""
    to_server = stanza.to is None or stanza.to_jid in (account, account_domain(account))
    return stanza.type == "set" and to_server and stanza.payload.first("session", SESSION) is not None


def account_domain(account: JID) -> JID:
    """Return the address of the account's server."""
    return JID(account.domain, account.domain, None, account.domain, None)


def wanted_resource(request: IQ) -> str | None:
    """Return the resourcepart that the client wishes; None if it leaves it to the server."""
    bind = request.payload.first("bind", BIND)
    resource = None if bind is None else bind.first("resource")
    return None if resource is None else resource.text


def session_jid(account: JID, wish: str | None, generated: str) -> JID:
    """Return the full JID to bind.

    If the wish is no resourcepart, or empty, the server generates one: it "SHOULD instead process the resourcepart so
    that it is in conformance" (RFC 6120 §7.7.2.1).
    """
    try:
        return account.with_resource(wish or generated)
    except InvalidJID:
        return account.with_resource(generated)


def bound(request: IQ, jid: JID) -> IQ:
    """Return the answer that tells a client its full JID."""
    return result_reply(request, element("bind", BIND, {}, [element("jid", BIND, {}, [jid.full])]))


def refused(request: IQ, condition: Condition) -> Stanza:
    """Return the answer that refuses a resource. RFC 6120 §7.7.2.2 gives a conflict the type "modify"."""
    type = ErrorType.MODIFY if condition is Condition.CONFLICT else None
    return error_reply(request, stanza_error(condition, type))
