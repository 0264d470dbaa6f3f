"""Every choice that RFC 6121 leaves open, one named field each, with the section that leaves it.

A policy is plain data. The defaults are what the RFC recommends, or, where it is silent or contradicts
itself, the reading that ``docs/choices.md`` gives the reasons for. Nothing else is configurable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from attrs import field, frozen
from attrs.validators import ge, le

from xmpp_im_core.frozenmap import FrozenMap

_MIB: Final = 1 << 20
_HALF_A_MIB: Final = 1 << 19


class RosterAccess(Enum):
    """What becomes of roster IQs (§2.1.4, §2.2, §2.3.3)."""

    OPEN = "open"
    READ_ONLY = "read-only"
    """Rosters are changed by other means than XMPP: a roster set gets not-allowed."""
    MISSING = "missing"
    """There is no roster: item-not-found."""
    UNSUPPORTED = "unsupported"
    """The service has no rosters: service-unavailable."""


class OwnItem(Enum):
    """A roster set for the user's own bare JID (§2.3.3, interoperability note)."""

    REFUSE = "refuse"
    """not-allowed."""
    ACCEPT = "accept"


class FullJIDItem(Enum):
    """A roster set whose 'jid' has a resourcepart (§2.1.2.3 does not say)."""

    CUT = "cut"
    """Taken for the bare JID, as §3.1.2 does with subscription requests."""
    REFUSE = "refuse"
    """bad-request."""


class PreApproval(Enum):
    """Subscription pre-approval (§3.4), which is optional."""

    ONCE = "once"
    """Supported; an approval is used up by the request that it answers (§3.4.2)."""
    KEPT = "kept"
    """Supported; an approval stands until the user sends "unsubscribed" or removes the item (§3.4.2)."""
    UNSUPPORTED = "unsupported"
    """An outbound "subscribed" that answers no request is ignored."""


class UnknownContact(Enum):
    """A user's request to a contact of the same domain who does not exist (§3.1.2 against §8.5.1)."""

    SILENCE = "silence"
    """As §8.5.1 says: users cannot find out which accounts exist."""
    ERROR = "error"
    """As §3.1.2 says: item-not-found."""


class ForeignRosterSet(Enum):
    """A roster set for somebody else's roster (§2.1.5; RFC 6120 §13.11)."""

    FORBIDDEN = "forbidden"
    """As §2.1.5 says; an unknown account answers service-unavailable, so the two can be told apart."""
    HIDDEN = "hidden"
    """service-unavailable, as from an unknown account."""


class Audience(Enum):
    """Who is answered in a namespace that the service answers on the user's behalf (§8.5.2.1.3)."""

    OWNER = "owner"
    SUBSCRIBER = "subscriber"
    """Whoever is subscribed to the user's presence, and the user."""
    ANYONE = "anyone"
    """Anybody. An address without an account answers service-unavailable (§8.5.1), which shows that it has none."""
    EVERYWHERE = "everywhere"
    """Anybody, and at addresses without an account too, against §8.5.1: the service answers there as for an empty
    account, so that its answers do not show which accounts exist."""


class MessagesToSeveral(Enum):
    """Who gets a message to the bare JID of a user with several resources (§8.5.2.1.1, §8.5.4)."""

    MOST_AVAILABLE = "most available"
    """The resource, or resources, of the highest priority."""
    ALL = "all"
    """All of non-negative priority. For "chat" the RFC wants clients to opt in (§8.5.4)."""


class UnmatchedFullJID(Enum):
    """A message to a resource that is not there (§8.5.3.2.1)."""

    STRICT = "strict"
    """As Table 1 says: of all types only "chat" reaches another resource."""
    LENIENT = "lenient"
    """"normal" is treated as "chat" is: as if sent to the bare JID (RFC 6120 §10.5.4 as widely deployed)."""


class BlockedMessages(Enum):
    """The answer to a message from an entity that the user blocks (XEP-0191 §3.3)."""

    AS_NOBODY = "as nobody"
    """As from an account that does not exist: who is blocked cannot tell the two apart (RFC 6120 §13.11)."""
    ERROR = "error"
    """service-unavailable, which XEP-0191 recommends; it tells that the account exists."""


def _served(served: Mapping[str, Audience]) -> FrozenMap[Audience]:
    """Return a mapping of any kind as one that never changes, as a policy must not."""
    entries: Iterable[tuple[Any, Any]] = served.items()
    for namespace, audience in entries:
        if not isinstance(namespace, str) or not isinstance(audience, Audience):
            raise TypeError(f"served: {namespace!r} and {audience!r} are not a namespace and an Audience")
    return served if isinstance(served, FrozenMap) else FrozenMap(served)


@frozen(kw_only=True)
class Policy:
    """The choices of one service.

    :raises ValueError: for a number beyond its bounds, and for choices that contradict each other.
    """

    # --- rosters (§2) ---------------------------------------------------------------------------------------

    roster_access: RosterAccess = RosterAccess.OPEN
    """§2.1.4, §2.2, §2.3.3: whether rosters can be read and changed by XMPP."""
    foreign_roster_set: ForeignRosterSet = ForeignRosterSet.FORBIDDEN
    """§2.1.5: the answer to a roster set from somebody who does not own the roster."""
    roster_versioning: bool = True
    """§2.6: whether 'ver' is understood and sent."""
    tombstones: int = field(default=256, validator=ge(0))
    """§2.6.3: how many removed items are remembered at least, for clients with an older version."""
    own_item: OwnItem = OwnItem.REFUSE
    """§2.3.3: an item for the user's own bare JID."""
    full_jid_item: FullJIDItem = FullJIDItem.CUT
    """§2.1.2.3: an item for a full JID."""
    name_length: int = field(default=1023, validator=ge(0))
    """§2.3.3: the longest 'name' of an item, in characters; a longer one gets not-acceptable."""
    group_length: int = field(default=1023, validator=ge(1))
    """§2.3.3: the longest group name, in characters; a longer one gets not-acceptable."""
    groups_per_item: int = field(default=64, validator=ge(0))
    """§2.3.3: how many groups an item may have; more get not-acceptable."""
    roster_items: int = field(default=20_000, validator=ge(0))
    """§2.3.3: how many items a roster may have; an item beyond that gets policy-violation."""
    roster_bytes: int = field(default=10 * _MIB, validator=ge(0))
    """§2.3.3: how many bytes of memory the items of a roster may take, with their names and groups; an
    item beyond that gets policy-violation."""

    # --- subscriptions (§3) -----------------------------------------------------------------------------------

    pre_approval: PreApproval = PreApproval.ONCE
    """§3.4.2: whether requests can be approved beforehand, and for how long that holds."""
    unknown_contact: UnknownContact = UnknownContact.SILENCE
    """§3.1.2, §8.5.1: the answer to a user's request to a contact of the same domain who does not exist; it stays
    pending either way."""
    acknowledge_requests: bool = False
    """§3.1.3: whether a request that was delivered is acknowledged by bare-JID unavailable presence."""
    pending_requests: int = field(default=500, validator=ge(0))
    """§3.1.3: how many requests may wait for a user's decision; one more is ignored."""
    pending_requests_per_domain: int = field(default=100, validator=ge(0))
    """§3.1.3: how many of them may come from one domain; one more is ignored."""
    pending_request_bytes: int = field(default=3 * _MIB, validator=ge(0))
    """§3.1.3: how many bytes of memory the waiting requests may take together; one that would take more is ignored."""
    request_size: int = field(default=16_384, validator=ge(0))
    """§3.1.3: the largest request that is kept, in bytes of memory (``Stanza.size``); a larger one is ignored."""
    notices: int = field(default=0, validator=ge(0))
    """§3.1.6, §3.2.3, §3.3.3: how many approvals, cancellations and the like are kept for a user without interested
    resource, to be delivered to the next available one; the rest show in the roster alone."""
    notice_bytes: int = field(default=_HALF_A_MIB, validator=ge(0))
    """§3.1.6, §3.2.3, §3.3.3: how many bytes of memory the kept ones may take together; what would take more shows in
    the roster alone."""
    resend_requests_after: timedelta | None = timedelta(days=7)
    """§3.1.2: after how long an unanswered request is sent again; None: never."""

    # --- presence (§4) ----------------------------------------------------------------------------------------

    last_unavailable_in_full: bool = False
    """§4.3.2: whether a probe for an absent user is answered with the full last unavailable presence."""
    lowest_priority: int = field(default=-128, validator=[ge(-128), le(127)])
    """§4.7.2.3: the lowest priority that a resource may have; a lower one is overridden with it."""
    highest_priority: int = field(default=127, validator=[ge(-128), le(127)])
    """§4.7.2.3: the highest priority that a resource may have; a higher one is overridden with it."""
    presence_size: int = field(default=65_536, validator=ge(0))
    """§4.2: the largest presence that is kept, in bytes of memory (``Stanza.size``). Larger available presence gets
    policy-violation. Of larger unavailable presence only the time is kept (§4.3.2)."""
    session_bytes: int = field(default=2 * _MIB, validator=ge(0))
    """§4.2, RFC 6120 §7.6.2.1: how many bytes of memory the connected resources of an account may take together, with
    their last presence. Available presence that would take more gets policy-violation. A resource that would take
    more is closed with policy-violation."""
    directed_entries: int = field(default=1000, validator=ge(0))
    """§4.6.1: to how many entities a resource may have sent directed presence; one more gets
    policy-violation."""
    directed_bytes: int = field(default=_MIB, validator=ge(0))
    """§4.6.1: how many bytes of memory the names of all these entities may take, for all resources together; one that
    would take more gets policy-violation."""
    sessions: int = field(default=64, validator=ge(1))
    """RFC 6120 §7.6.2.1: how many resources an account may have connected; one more is closed with
    policy-violation."""

    held_events: int = field(default=20_000, validator=ge(1))
    """RFC 6120 §13.12: how many events ``service`` holds for an account until it is loaded, or its stored messages are;
    beyond that, a stanza of a client ends its stream with resource-constraint; a stanza of another sender gets an error
    if the sender may see the user's presence (§8.1), and is dropped otherwise."""
    held_bytes: int = field(default=10 * _MIB, validator=ge(0))
    """RFC 6120 §13.12: how many bytes of memory these events may take; one beyond that is refused as by
    ``held_events``."""

    # --- delivery (§8) ----------------------------------------------------------------------------------------

    messaging: bool = True
    """§1.3: whether messages are exchanged; else this is a presence service, and answers service-unavailable."""
    offline_messages: bool = True
    """§8.5.2.2.1: whether messages are stored for absent users; else they are bounced, for everybody alike."""
    offline_message_size: int = field(default=65_536, validator=ge(0))
    """§8.5.2.2.1: the largest message that is stored, in bytes of memory (``Stanza.size``); a larger one gets
    service-unavailable if the sender may know that the user is absent (§8.1), and is dropped otherwise."""
    offline_message_count: int = field(default=1000, validator=ge(0))
    """§8.5.2.2.1, XEP-0160 §2: how many messages are stored for a user; one more gets service-unavailable if the
    sender may know that the user is absent (§8.1), and is dropped otherwise."""
    offline_bytes: int = field(default=4 * _MIB, validator=ge(0))
    """§8.5.2.2.1, XEP-0160 §2: how many bytes the stored messages may take together (``Stanza.size``); one that would
    take more is refused as by ``offline_message_count``."""
    normal_to_several: MessagesToSeveral = MessagesToSeveral.MOST_AVAILABLE
    """§8.5.2.1.1: who gets a message of type "normal"."""
    chat_to_several: MessagesToSeveral = MessagesToSeveral.MOST_AVAILABLE
    """§8.5.2.1.1: who gets a message of type "chat"."""
    unmatched_full_jid: UnmatchedFullJID = UnmatchedFullJID.STRICT
    """§8.5.3.2.1: what becomes of a message to a resource that is not there."""
    blocking: bool = True
    """Appendix B: whether the user can block others by XEP-0191."""
    blocked_messages: BlockedMessages = BlockedMessages.AS_NOBODY
    """§8.1, XEP-0191 §3.3: the answer to a message from an entity that the user blocks."""
    block_list: int = field(default=1000, validator=ge(0))
    """XEP-0191: how many JIDs a user may block; one more gets policy-violation."""
    block_list_bytes: int = field(default=_HALF_A_MIB, validator=ge(0))
    """XEP-0191: how many bytes of memory these JIDs may take; a JID beyond that gets policy-violation."""
    served: FrozenMap[Audience] = field(default=FrozenMap(), converter=_served)
    """§8.5.2.1.3: the namespaces of IQs that services of the host answer, and to whom; all others get
    service-unavailable."""

    def __attrs_post_init__(self) -> None:
        if self.lowest_priority > self.highest_priority:
            raise ValueError(
                f"lowest_priority: {self.lowest_priority} is above highest_priority, {self.highest_priority}"
            )
        if self.resend_requests_after is not None and self.resend_requests_after <= timedelta(0):
            raise ValueError(f"resend_requests_after: {self.resend_requests_after} would be over at once, for ever")


DEFAULT: Policy = Policy()
"""The RFC's recommendations."""
