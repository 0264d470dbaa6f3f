"""Limits to the priority that a client chooses (RFC 6121 §4.7.2.3)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.copying import copied
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy
from xmpp_im_core.stanza import CLIENT, Presence, payload

LOWEST: Final = -128
HIGHEST: Final = 127


def within_bounds(presence: Presence, policy: Policy) -> Presence:
    """Return available presence with the nearest priority that the policy allows.

    "it MUST communicate the modified priority value": the echo, the broadcast and delivery all use the result. For a
    priority of zero the element is left out.
    """
    if policy.lowest_priority == LOWEST and policy.highest_priority == HIGHEST:
        return presence
    chosen = presence.priority
    allowed = min(max(chosen, policy.lowest_priority), policy.highest_priority)
    if allowed == chosen:
        return presence
    others = [
        c for c in presence.payload.children if isinstance(c, str) or (c.name, c.namespace) != ("priority", CLIENT)
    ]
    if allowed:
        others.append(element("priority", CLIENT, {}, [str(allowed)]))
    return copied(presence, payload=payload(*others))
