"""Every choice that RFC 6121 leaves to a server: one field for each, with the section that leaves it open.

A policy is plain data. The defaults are what the RFC recommends. Where the RFC is silent or contradicts itself,
``docs/choices.md`` gives the reason for the default. Nothing else is configurable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from attrs import field
from attrs.validators import ge, le

from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.record import record

_MIB: Final = 1 << 20
_HALF_A_MIB: Final = 1 << 19


class RosterAccess(Enum):
    """How the server answers roster IQs (§2.1.4, §2.2, §2.3.3)."""

    OPEN = "open"
    READ_ONLY = "read-only"
    """Rosters are not changed by XMPP but by other means: a roster set gets not-allowed."""
    MISSING = "missing"
    """There is no roster: item-not-found."""
    UNSUPPORTED = "unsupported"
    """The service has no rosters: service-unavailable."""


class OwnItem(Enum):
    """How the server answers a roster set for the user's own bare JID (§2.3.3, interoperability note)."""

    REFUSE = "refuse"
    """not-allowed."""
    ACCEPT = "accept"


class FullJIDItem(Enum):
    """What the server does with a roster set whose 'jid' has a resourcepart (§2.1.2.3 does not say)."""

    CUT = "cut"
    """The server uses the bare JID, as §3.1.2 does with subscription requests."""
    REFUSE = "refuse"
    """bad-request."""


class PreApproval(Enum):
    """Whether the server supports subscription pre-approval, which is optional (§3.4)."""

    ONCE = "once"
    """Supported. A pre-approval answers one request, and then ends (§3.4.2)."""
    KEPT = "kept"
    """Supported. A pre-approval lasts until the user sends "unsubscribed" or removes the item (§3.4.2)."""
    UNSUPPORTED = "unsupported"
    """The server ignores an outbound "subscribed" that answers no request."""


class UnknownContact(Enum):
    """How the server answers a request to an account of the same domain that does not exist (§3.1.2 contradicts
    §8.5.1)."""

    SILENCE = "silence"
    """No answer, as §8.5.1 says: users cannot find out which accounts exist."""
    ERROR = "error"
    """item-not-found, as §3.1.2 says."""


class ForeignRosterSet(Enum):
    """How the server answers a roster set for somebody else's roster (§2.1.5; RFC 6120 §13.11)."""

    FORBIDDEN = "forbidden"
    """forbidden, as §2.1.5 says. The answer shows that the account exists: an unknown one gives service-unavailable."""
    HIDDEN = "hidden"
    """service-unavailable, as for an unknown account."""


class Audience(Enum):
    """Who gets an answer in a namespace that the service answers on the user's behalf (§8.5.2.1.3)."""

    OWNER = "owner"
    SUBSCRIBER = "subscriber"
    """The user, and every entity with a subscription to the user's presence."""
    ANYONE = "anyone"
    """Everybody. An address without an account answers service-unavailable (§8.5.1), so the answer shows whether an
    account exists."""
    EVERYWHERE = "everywhere"
    """Everybody, also at addresses without an account, against §8.5.1. There the service answers as for an empty
    account, so the answer does not show whether an account exists."""


class MessagesToSeveral(Enum):
    """Who gets a message to the bare JID of a user with several resources (§8.5.2.1.1, §8.5.4)."""

    MOST_AVAILABLE = "most available"
    """The resource, or resources, of the highest priority."""
    ALL = "all"
    """All resources of non-negative priority. For "chat" the RFC demands that clients opt in (§8.5.4)."""


class UnmatchedFullJID(Enum):
    """What the server does with a message to a resource that does not exist (§8.5.3.2.1)."""

    STRICT = "strict"
    """As Table 1 says: only "chat" reaches another resource."""
    LENIENT = "lenient"
    """The server treats "normal" like "chat": as if sent to the bare JID (RFC 6120 §10.5.4, and many servers)."""


class BlockedMessages(Enum):
    """How the server answers a message from an entity that the user blocks (XEP-0191 §3.3)."""

    AS_NOBODY = "as nobody"
    """As for an account that does not exist: a blocked entity cannot tell the two apart (RFC 6120 §13.11)."""
    ERROR = "error"
    """service-unavailable, which XEP-0191 recommends. It shows that the account exists."""


def _served(served: Mapping[str, Audience]) -> FrozenMap[Audience]:
    """Return an immutable copy of a mapping."""
    entries: Iterable[tuple[Any, Any]] = served.items()
    for namespace, audience in entries:
        if not isinstance(namespace, str) or not isinstance(audience, Audience):
            raise TypeError(f"served: {namespace!r} and {audience!r} are not a namespace and an Audience")
    return served if isinstance(served, FrozenMap) else FrozenMap(served)


@record(kw_only=True)
class Policy:
    """The choices of one service.

    :raises ValueError: if a number is out of bounds, or two choices contradict each other.
    """

    # --- rosters (§2) ---------------------------------------------------------------------------------------

    roster_access: RosterAccess = RosterAccess.OPEN
    """§2.1.4, §2.2, §2.3.3: whether clients can read and change rosters."""
    foreign_roster_set: ForeignRosterSet = ForeignRosterSet.FORBIDDEN
    """§2.1.5: the answer to a roster set from somebody who does not own the roster."""
    roster_versioning: bool = True
    """§2.6: whether the server understands and sends 'ver'."""
    tombstones: int = field(default=256, validator=ge(0))
    """§2.6.3: how many removed items the server remembers at least, for clients with an older version."""
    own_item: OwnItem = OwnItem.REFUSE
    """§2.3.3: the answer to a roster set for the user's own bare JID."""
    full_jid_item: FullJIDItem = FullJIDItem.CUT
    """§2.1.2.3: what a roster set for a full JID does."""
    name_length: int = field(default=1023, validator=ge(0))
    """§2.3.3: the maximum length of the 'name' of an item, in characters. Beyond it the server answers
    not-acceptable."""
    group_length: int = field(default=1023, validator=ge(1))
    """§2.3.3: the maximum length of a group name, in characters. Beyond it the server answers not-acceptable."""
    groups_per_item: int = field(default=64, validator=ge(0))
    """§2.3.3: the maximum number of groups of an item. Beyond it the server answers not-acceptable."""
    roster_items: int = field(default=20_000, validator=ge(0))
    """§2.3.3: the maximum number of items in a roster. Beyond it the server answers policy-violation."""
    roster_bytes: int = field(default=10 * _MIB, validator=ge(0))
    """§2.3.3: the maximum memory for the items of a roster with their names and groups, in bytes. Beyond it the server
    answers policy-violation."""

    # --- subscriptions (§3) -----------------------------------------------------------------------------------

    pre_approval: PreApproval = PreApproval.ONCE
    """§3.4.2: whether the server supports pre-approval, and how long a pre-approval lasts."""
    unknown_contact: UnknownContact = UnknownContact.SILENCE
    """§3.1.2, §8.5.1: the answer to a request to an account of the same domain that does not exist. The request stays
    pending in both cases."""
    acknowledge_requests: bool = False
    """§3.1.3: whether the server acknowledges a delivered request with unavailable presence from the bare JID."""
    pending_requests: int = field(default=500, validator=ge(0))
    """§3.1.3: the maximum number of requests that wait for a user's decision. Beyond it the server ignores a
    request."""
    pending_requests_per_domain: int = field(default=100, validator=ge(0))
    """§3.1.3: the maximum number of these requests from one domain. Beyond it the server ignores a request."""
    pending_request_bytes: int = field(default=3 * _MIB, validator=ge(0))
    """§3.1.3: the maximum memory for all these requests, in bytes. Beyond it the server ignores a request."""
    request_size: int = field(default=16_384, validator=ge(0))
    """§3.1.3: the maximum size of a request, in bytes of memory (``Stanza.size``). Beyond it the server ignores the
    request."""
    notices: int = field(default=0, validator=ge(0))
    """§3.1.6, §3.2.3, §3.3.3: how many approvals, denials, cancellations and unsubscribes the server keeps for a user
    without an interested resource. It delivers them to the next available resource. The user sees the others only in
    the roster."""
    notice_bytes: int = field(default=_HALF_A_MIB, validator=ge(0))
    """§3.1.6, §3.2.3, §3.3.3: the maximum memory for these notices, in bytes. The user sees a notice beyond it only in
    the roster."""
    resend_requests_after: timedelta | None = timedelta(days=7)
    """§3.1.2: the time after which the server sends an unanswered request again; None: never."""

    # --- presence (§4) ----------------------------------------------------------------------------------------

    last_unavailable_in_full: bool = False
    """§4.3.2: whether the server answers a probe of an absent user with the full last unavailable presence."""
    lowest_priority: int = field(default=-128, validator=[ge(-128), le(127)])
    """§4.7.2.3: the lowest priority of a resource. The server replaces a lower priority with this one."""
    highest_priority: int = field(default=127, validator=[ge(-128), le(127)])
    """§4.7.2.3: the highest priority of a resource. The server replaces a higher priority with this one."""
    presence_size: int = field(default=65_536, validator=ge(0))
    """§4.2: the maximum size of a presence stanza that the server keeps, in bytes of memory (``Stanza.size``). Beyond
    it the server answers available presence with policy-violation. It keeps only the time of larger unavailable
    presence (§4.3.2)."""
    session_bytes: int = field(default=2 * _MIB, validator=ge(0))
    """§4.2, RFC 6120 §7.6.2.1: the maximum memory for all connected resources of an account with their last presence,
    in bytes. Beyond it the server answers available presence with policy-violation, and closes a new resource with
    policy-violation."""
    directed_entries: int = field(default=1000, validator=ge(0))
    """§4.6.1: the maximum number of entities that hold directed presence from one resource. Beyond it the server
    answers policy-violation."""
    directed_bytes: int = field(default=_MIB, validator=ge(0))
    """§4.6.1: the maximum memory for the addresses of these entities, for all resources together, in bytes. Beyond it
    the server answers policy-violation."""
    sessions: int = field(default=64, validator=ge(1))
    """RFC 6120 §7.6.2.1: the maximum number of connected resources of an account. Beyond it the server closes a new
    resource with policy-violation."""

    held_events: int = field(default=20_000, validator=ge(1))
    """RFC 6120 §13.12: the maximum number of events that ``service`` holds while an account or its stored messages
    load. Beyond it, a client's stream is closed with resource-constraint; other senders get an error if they may see
    the user's presence (§8.1), and are ignored otherwise."""
    held_bytes: int = field(default=10 * _MIB, validator=ge(0))
    """RFC 6120 §13.12: the maximum memory for these events, in bytes. Beyond it, the server refuses as for
    ``held_events``."""

    remembered_events: int = field(default=16, validator=ge(0))
    """§2: how many events that changed what is stored an account remembers. If one of them comes again, the server
    ignores it."""
    store_remembered_events: bool = False
    """§2: whether the server stores these events too, so that it knows them after a restart."""

    keep_sessions: bool = False
    """§4.5.2: whether the server stores sessions, so that they outlive a crash of the process that owns their account.
    """

    # --- delivery (§8) ----------------------------------------------------------------------------------------

    messaging: bool = True
    """§1.3: whether the service exchanges messages. If not, it is a presence service, and answers messages with
    service-unavailable."""
    offline_messages: bool = True
    """§8.5.2.2.1: whether the server stores messages for absent users. If not, it returns an error to every sender."""
    offline_message_size: int = field(default=65_536, validator=ge(0))
    """§8.5.2.2.1: the maximum size of a stored message, in bytes of memory (``Stanza.size``). Beyond it the server
    answers service-unavailable if the sender may know that the user is absent (§8.1), and drops the message
    otherwise."""
    offline_message_count: int = field(default=1000, validator=ge(0))
    """§8.5.2.2.1, XEP-0160 §2: the maximum number of stored messages of a user. Beyond it the server answers
    service-unavailable if the sender may know that the user is absent (§8.1), and drops the message otherwise."""
    offline_bytes: int = field(default=4 * _MIB, validator=ge(0))
    """§8.5.2.2.1, XEP-0160 §2: the maximum size of all stored messages of a user, in bytes (``Stanza.size``). Beyond it
    the server refuses as for ``offline_message_count``."""
    normal_to_several: MessagesToSeveral = MessagesToSeveral.MOST_AVAILABLE
    """§8.5.2.1.1: which resources get a message of type "normal" to the bare JID."""
    chat_to_several: MessagesToSeveral = MessagesToSeveral.MOST_AVAILABLE
    """§8.5.2.1.1: which resources get a message of type "chat" to the bare JID."""
    unmatched_full_jid: UnmatchedFullJID = UnmatchedFullJID.STRICT
    """§8.5.3.2.1: what the server does with a message to a resource that does not exist."""
    blocking: bool = True
    """Appendix B: whether users can block others with XEP-0191."""
    blocked_messages: BlockedMessages = BlockedMessages.AS_NOBODY
    """§8.1, XEP-0191 §3.3: the answer to a message from an entity that the user blocks."""
    block_list: int = field(default=1000, validator=ge(0))
    """XEP-0191: the maximum number of JIDs that a user blocks. Beyond it the server answers policy-violation."""
    block_list_bytes: int = field(default=_HALF_A_MIB, validator=ge(0))
    """XEP-0191: the maximum memory for these JIDs, in bytes. Beyond it the server answers policy-violation."""
    served: FrozenMap[Audience] = field(default=FrozenMap(), converter=_served)
    """§8.5.2.1.3: the namespaces of IQs that services of the host answer, and for whom. The server answers all other
    IQs with service-unavailable."""

    def __attrs_post_init__(self) -> None:
        if self.lowest_priority > self.highest_priority:
            raise ValueError(
                f"lowest_priority: {self.lowest_priority} is above highest_priority, {self.highest_priority}"
            )
        if self.resend_requests_after is not None and self.resend_requests_after <= timedelta(0):
            raise ValueError(f"resend_requests_after: {self.resend_requests_after} must be longer than zero")


DEFAULT: Policy = Policy()
"""The RFC's recommendations."""
