"""What happens to a service: events of one account, and stanzas that arrived from elsewhere.

A ``seq`` is never repeated within the service. An inbound event that another event causes gets a ``seq`` of three
parts: the ``seq`` of the cause, the account's JID, and the number of earlier inbound events of this account and cause.
So no ``seq`` reveals the number of other recipients.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

from attrs import field
from attrs.validators import instance_of

from xmpp_im_core.event import Decision, Timed
from xmpp_im_core.jid import received_bare
from xmpp_im_core.record import record, unchecked
from xmpp_im_core.server.events import Event, Inbound, StoreFailed, is_event
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.validators import is_prepared_bare, is_stanza


@record
class ForAccount:
    """An event of one account."""

    jid: str = field(validator=is_prepared_bare)
    """The account's bare JID, prepared."""
    event: Event = field(validator=is_event)
    decision: Decision = field(default=Decision.ASK, validator=instance_of(Decision))
    """The service's decision on a subscription request that this event sends to an account of the service (§3.1.3)."""


@record
class Arrived(Timed):
    """A stanza arrived from another domain, from a component, or from a service of the host.

    The host has verified the domain of its 'from'. If a stanza from another server has no 'to', or no well-formed
    'from', the host closes the stream with <improper-addressing/> (RFC 6120 §8.1.1.2, §8.1.2.2) and feeds no event. A
    stanza whose 'to' is not a JID gets an answer. A malformed resourcepart never closes a stream: if it is not even
    opaque (see :mod:`xmpp_im_core.jid`), the stanza has no sender, and so no effect.

    :raises ValueError: if 'to' is absent, or if 'from' is absent or has no well-formed bare JID.
    """

    stanza: Stanza = field(validator=is_stanza)
    decision: Decision = field(default=Decision.ASK, validator=instance_of(Decision))
    """The service's decision, if the stanza is a subscription request (§3.1.3)."""

    def __attrs_post_init__(self) -> None:
        if self.stanza.to is None or sending_domain(self.stanza) is None:
            raise ValueError("stanza: 'to' must be there, and 'from' well-formed (RFC 6120 §8.1.1.2, §8.1.2.2)")


def sending_domain(stanza: Stanza) -> str | None:
    """Return the domain of a stanza's 'from', whose resourcepart is not checked; None if its bare JID is malformed."""
    bare = None if stanza.from_ is None else received_bare(stanza.from_.written)
    return None if bare is None else bare.domain


ServiceEvent: TypeAlias = ForAccount | Arrived


def not_stored(at: datetime, seq: str, event: ServiceEvent) -> ForAccount:
    """Return the event to feed to the earlier service if the ``store`` of ``event`` could not be committed."""
    failed = entering(event)
    return ForAccount(failed.jid, StoreFailed(at, seq, failed.event))


def entering(event: ServiceEvent) -> ForAccount:
    """Return the event of the account, or of the domain, that a service event is for."""
    if isinstance(event, ForAccount):
        return event
    to, domain = event.stanza.to_jid, sending_domain(event.stanza)
    assert domain is not None  # the constructor checks it
    jid = to.bare if to is not None else domain  # a malformed address belongs to no account
    return for_account(jid, inbound(event.at, event.seq, event.stanza, event.decision))


inbound: Final = unchecked(Inbound)
for_account: Final = unchecked(ForAccount)
"""Events that the service makes of checked events and of the stanzas of its accounts."""
