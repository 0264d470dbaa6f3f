"""One session of a client: what its stream offers, how it begins and how it ends (RFC 6121 §2.6.1, §3.4.1)."""

from __future__ import annotations

from collections.abc import Iterable

from xmpp_im_core.client.effects import Effect, Ignored, Tell, Transition
from xmpp_im_core.client.events import SessionBound
from xmpp_im_core.client.notifications import Unanswered
from xmpp_im_core.client.state import Client, Features
from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element
from xmpp_im_core.rules import client as rules
from xmpp_im_core.stream_features import PRE_APPROVAL_FEATURE, ROSTER_VERSIONING_FEATURE, is_offered


def read_features(offered: Iterable[Element]) -> Features:
    """Return what a stream offers.

    :param offered: the children of ``<stream:features/>``.
    """
    features = tuple(offered)
    return Features(is_offered(ROSTER_VERSIONING_FEATURE, features), is_offered(PRE_APPROVAL_FEATURE, features))


def session_bound(client: Client, event: SessionBound) -> Transition:
    """Begin a session. Of an earlier session, the roster and the threads of chat sessions stay.

    If the server has bound another account than the client's, nothing of the client's account stays.
    """
    account = event.bound.jid.to_bare()
    before = client.without_session() if account == client.jid else Client(account)
    return Transition(copied(before, bound=event.bound), (*_unanswered(client), Ignored(rules.SESSION_BOUND)))


def session_ended(client: Client) -> Transition:
    """End a session: the client forgets all presence, and what it has asked gets no answer."""
    return Transition(client.without_session(), (*_unanswered(client), Ignored(rules.SESSION_ENDED)))


def _unanswered(client: Client) -> tuple[Effect, ...]:
    return tuple([Tell(Unanswered(id, asked), rules.UNANSWERED) for id, asked in client.questions.items()])
