"""The service's own decision on a subscription request, made before the step (RFC 6121 §3.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from xmpp_im_core.event import Decision, decider
from xmpp_im_core.server.events import Event, Inbound
from xmpp_im_core.server.state import Account, State
from xmpp_im_core.stanza import Presence

Decide: TypeAlias = Callable[[Presence, Account], Decision]
"""Takes the complete request (with its status, nickname and whatever came with it) and the account."""


def authorised_by(decide: Decide) -> Callable[[State, Event], Event]:
    """Return what a host puts between an event and ``reduce``: ``reduce(state, decided(state, event), policy)``.

    The decision becomes a field of the event, so that a log of events replays without the function, and the
    policy stays plain data. It is asked of presence of type "subscribe" to an account that is there, and of
    nothing else.

    :param decide: returns ``Decision.APPROVE``, ``Decision.DENY``, or ``Decision.ASK`` to leave it to the user.
    """
    return decider(decide, Account, Inbound)
