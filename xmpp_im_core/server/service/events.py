"""What happens to a service: events of one account, and stanzas that arrived for whomever they name.

Their ``seq`` is never repeated for the whole service: what comes of an event to an account has it too, and after
it the account's JID and how many came to it before. So no number tells anybody how many others there were.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from attrs import field, frozen
from attrs.validators import instance_of

from xmpp_im_core.event import Decision, Timed
from xmpp_im_core.jid import received_bare
from xmpp_im_core.server.events import Event, Inbound, StoreFailed, is_event
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.validators import is_prepared_bare, is_stanza


@frozen
class ForAccount:
    """An event of one account."""

    jid: str = field(validator=is_prepared_bare)
    """The account's bare JID, prepared."""
    event: Event = field(validator=is_event)
    decision: Decision = field(default=Decision.ASK, validator=instance_of(Decision))
    """The service's own answer to a subscription request that this event sends to an account here (§3.1.3)."""


@frozen
class Arrived(Timed):
    """A stanza from another domain, a component or a service of the host's, for whomever its 'to' names.

    The host has proved the domain of its 'from'. A stanza from another server without 'to' or a well-formed
    'from' ends its stream with <improper-addressing/> (RFC 6120 §8.1.1.2, §8.1.2.2), and so is none; one to what
    is no JID is answered. A resourcepart alone never ends a stream: one that is not even opaque (see
    :mod:`xmpp_im_core.jid`) leaves the stanza without a sender, and so without effect.

    :raises ValueError: where 'to' is absent, or 'from' is absent or has no well-formed bare JID.
    """

    stanza: Stanza = field(validator=is_stanza)
    decision: Decision = field(default=Decision.ASK, validator=instance_of(Decision))
    """The service's own answer, where the stanza is a subscription request (§3.1.3)."""

    def __attrs_post_init__(self) -> None:
        if self.stanza.to is None or sending_domain(self.stanza) is None:
            raise ValueError("stanza: 'to' must be there, and 'from' well-formed (RFC 6120 §8.1.1.2, §8.1.2.2)")


def sending_domain(stanza: Stanza) -> str | None:
    """Return the domain of a stanza's 'from', without a check of its resourcepart; None if that is not a JID."""
    bare = None if stanza.from_ is None else received_bare(stanza.from_.written)
    return None if bare is None else bare.domain


ServiceEvent: TypeAlias = ForAccount | Arrived


def not_stored(at: datetime, seq: str, event: ServiceEvent) -> ForAccount:
    """Return the event to feed, to the service as it was, when what ``event`` wanted stored could not be."""
    failed = entering(event)
    return ForAccount(failed.jid, StoreFailed(at, seq, failed.event))


def entering(event: ServiceEvent) -> ForAccount:
    """Return the event of the account, or of the domain, that a service event is for."""
    if isinstance(event, ForAccount):
        return event
    to, domain = event.stanza.to_jid, sending_domain(event.stanza)
    assert domain is not None  # the constructor has seen to it
    jid = to.bare if to is not None else domain  # an address that is not a JID belongs to no account
    return ForAccount(jid, Inbound(event.at, event.seq, event.stanza, event.decision))
