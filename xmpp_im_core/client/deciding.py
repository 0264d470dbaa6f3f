"""The application's own decision on a subscription request, made before the step (RFC 6121 §3.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from xmpp_im_core.client.events import Event, Inbound
from xmpp_im_core.client.state import Client
from xmpp_im_core.event import Decision
from xmpp_im_core.stanza import Presence

Decide: TypeAlias = Callable[[Presence, Client], Decision]
"""Takes the complete request (with its status, nickname and whatever came with it) and the client."""


def authorised_by(decide: Decide) -> Callable[[Client, Event], Event]:
    """Return what a host puts between an event and ``reduce``: ``reduce(client, decided(client, event), policy)``.

    The decision becomes a field of the event, so that a log of events replays without the function, and the
    policy stays plain data. It is asked of presence of type "subscribe", and of nothing else. What the
    request says of itself (that its sender has moved, say) is the sender's word and no authority.

    :param decide: returns ``Decision.APPROVE``, ``Decision.DENY``, or ``Decision.ASK`` to leave it to the user.
    """

    def decided(client: Client, event: Event) -> Event:
        if not isinstance(event, Inbound):
            return event
        request = event.stanza
        if not isinstance(request, Presence) or request.type != "subscribe":
            return event
        return Inbound(event.at, event.seq, request, decide(request, client))

    return decided
