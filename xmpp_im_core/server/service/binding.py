"""Whether a client may bind a resource: asked before the bind request is answered (RFC 6120 §7.6, §7.7)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from xmpp_im_core.jid import InvalidJID, parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.service.serving import Service
from xmpp_im_core.server.state import NoAccount
from xmpp_im_core.stanza import Condition


def may_bind(service: Service[Any], account: str, resource: str, policy: Policy) -> Condition | None:
    """Return None if a client may bind this resource, or the condition of the stanza error that refuses its request.

    Ask before you answer a bind request: a session that is refused later loses its stream. An account that is not in
    memory has no sessions, so it never has too many. The account decides again when ``SessionBound`` comes, since two
    clients may ask at the same time. A service that does not own the account refuses: it would close the session.

    :param account: the bare JID.
    :param resource: a resourcepart, prepared or not; an empty one is not valid.
    """
    if service.owns is not None and not service.owns(account):
        return Condition.INTERNAL_SERVER_ERROR  # RFC 6120 §8.3.3.6
    known = service.accounts.get(account)
    state = None if known is None else account_of(known)
    sessions = () if state is None or isinstance(state, NoAccount) else state.sessions
    return may_bind_beside([session.id.resource for session in sessions], account, resource, policy)


def may_bind_beside(connected: Collection[str], account: str, resource: str, policy: Policy) -> Condition | None:
    """Do what :func:`may_bind` does, for a caller that has the resources of the account and not its state.

    :param connected: the resourceparts of the account's sessions.
    """
    try:
        prepared = parse_jid(account).with_resource(resource).resource
    except InvalidJID:
        return Condition.BAD_REQUEST  # §7.7.2.1
    if prepared not in connected and len(connected) >= policy.sessions:
        return Condition.RESOURCE_CONSTRAINT  # §7.6.2.1
    return None
