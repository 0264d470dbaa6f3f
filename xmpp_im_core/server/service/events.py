"""What happens to a service: events of one account, and stanzas that arrived from elsewhere.

A ``seq`` is never repeated within the service. An inbound event that another event causes gets a ``seq`` of three
parts: the ``seq`` of the cause, the account's JID, and the number of earlier inbound events of this account and cause.
So no ``seq`` reveals the number of other recipients.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

from attrs import field

from xmpp_im_core.event import Decision, Timed, is_decision
from xmpp_im_core.jid import parse_address, received_bare
from xmpp_im_core.record import record, unchecked
from xmpp_im_core.server.events import Event, Inbound, StoreFailed, is_event
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.validators import are_texts, is_flag, is_prepared_bare, is_stanza


@record
class ForAccount:
    """An event of one account."""

    jid: str = field(validator=is_prepared_bare)
    """The account's bare JID, prepared."""
    event: Event = field(validator=is_event)
    decision: Decision = field(default=Decision.ASK, validator=is_decision)
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
    decision: Decision = field(default=Decision.ASK, validator=is_decision)
    """The service's decision, if the stanza is a subscription request (§3.1.3)."""

    def __attrs_post_init__(self) -> None:
        if self.stanza.to is None or sending_domain(self.stanza) is None:
            raise ValueError("stanza: 'to' must be there, and 'from' well-formed (RFC 6120 §8.1.1.2, §8.1.2.2)")


@record
class ArrivedForMany(Timed):
    """One stanza arrived for many recipients: another part of the service, or a component, sent one ``FanOut``.

    Each recipient gets the stanza with its own address as 'to', in the order of ``recipients``. They share everything
    else of the stanza. 'from' is as for :class:`Arrived`.

    :raises ValueError: if there is no recipient, or if 'from' is absent or has no well-formed bare JID.
    """

    stanza: Stanza = field(validator=is_stanza)
    """Its 'to' is not used."""
    recipients: tuple[str, ...] = field(validator=are_texts)
    """Bare or full JIDs, as in ``FanOut``."""
    stored: bool = field(default=True, validator=is_flag)
    """False if the ``store`` of this event could not be committed: :func:`not_stored` makes such an event."""

    def __attrs_post_init__(self) -> None:
        if not self.recipients:
            raise ValueError("recipients: one is needed at least")
        if sending_domain(self.stanza) is None:
            raise ValueError("stanza: 'from' must be well-formed (RFC 6120 §8.1.2.2)")


def sending_domain(stanza: Stanza) -> str | None:
    """Return the domain of a stanza's 'from', whose resourcepart is not checked; None if its bare JID is malformed."""
    bare = None if stanza.from_ is None else received_bare(stanza.from_.written)
    return None if bare is None else bare.domain


ServiceEvent: TypeAlias = ForAccount | Arrived | ArrivedForMany


def not_stored(at: datetime, seq: str, event: ServiceEvent) -> ForAccount | ArrivedForMany:
    """Return the event to feed to the earlier service if the ``store`` of ``event`` could not be committed."""
    if isinstance(event, ArrivedForMany):
        return ArrivedForMany(at, seq, event.stanza, event.recipients, stored=False)
    failed = entering(event)
    return ForAccount(failed.jid, StoreFailed(at, seq, failed.event))


def entering(event: ForAccount | Arrived) -> ForAccount:
    """Return the event of the account, or of the domain, that a service event is for."""
    if isinstance(event, ForAccount):
        return event
    jid = _addressed(event.stanza)
    return for_account(jid, inbound(event.at, event.seq, event.stanza, event.decision))


def entering_each(event: ArrivedForMany) -> list[ForAccount]:
    """Return the events of the recipients of one stanza, in their order. Each ``seq`` has the three parts."""
    came: dict[str, int] = {}
    entered: list[ForAccount] = []
    for recipient in event.recipients:
        stanza = event.stanza.stamped(to=parse_address(recipient))
        jid = _addressed(stanza)
        seq = f"{event.seq}.{jid}.{came.get(jid, 0)}"
        came[jid] = came.get(jid, 0) + 1
        arrived = inbound(event.at, seq, stanza)
        entered.append(for_account(jid, arrived if event.stored else StoreFailed(event.at, seq, arrived)))
    return entered


def _addressed(stanza: Stanza) -> str:
    """Return the bare JID, or the domain, that processes a stanza. A malformed address belongs to no account."""
    to = stanza.to_jid
    if to is not None:
        return to.bare
    domain = sending_domain(stanza)
    assert domain is not None  # the constructor of the event checks it
    return domain


inbound: Final = unchecked(Inbound)
for_account: Final = unchecked(ForAccount)
"""Events that the service makes of checked events and of the stanzas of its accounts."""
