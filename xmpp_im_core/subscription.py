"""The nine subscription states and the tables of RFC 6121 Appendix A; pre-approval (§3.4).

Only the nine states of the RFC exist: "From + Pending In" cannot be written. The state decides the 'subscription' and
'ask' of a roster item.

Each table has the RFC's rows, order and headings. A row says whether the stanza is routed (outbound) or delivered
(inbound) and which state follows; its rule cites the sentences that it obeys. ``PRE_APPROVED`` has the rows for
pre-approval, which the RFC's tables do not contain.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from xmpp_im_core.record import record
from xmpp_im_core.rules.rule import Rule, rule


class Subscription(Enum):
    """The nine states of a contact, as the user's server sees them (RFC 6121 §A.1)."""

    NONE = ("None", "none", False, False)
    NONE_OUT = ("None + Pending Out", "none", True, False)
    NONE_IN = ("None + Pending In", "none", False, True)
    NONE_OUT_IN = ("None + Pending Out+In", "none", True, True)
    TO = ("To", "to", False, False)
    TO_IN = ("To + Pending In", "to", False, True)
    FROM = ("From", "from", False, False)
    FROM_OUT = ("From + Pending Out", "from", True, False)
    BOTH = ("Both", "both", False, False)

    def __init__(self, title: str, subscription: str, pending_out: bool, pending_in: bool) -> None:
        self.title = title
        """The RFC's name of the state."""
        self.subscription = subscription
        """The value of the roster item's 'subscription' attribute (§2.1.2.5)."""
        self.pending_out = pending_out
        """Whether the user's request is unanswered; the item then has ask='subscribe' (§2.1.2.2)."""
        self.pending_in = pending_in
        """Whether the contact's request is unanswered; no item shows that (§A.1)."""
        self.to = subscription in ("to", "both")
        """Whether the user is subscribed to the contact's presence."""
        self.from_ = subscription in ("from", "both")
        """Whether the contact is subscribed to the user's presence."""

    def __repr__(self) -> str:
        return f"Subscription.{self.name}"


NONE: Final = Subscription.NONE
NONE_OUT: Final = Subscription.NONE_OUT
NONE_IN: Final = Subscription.NONE_IN
NONE_OUT_IN: Final = Subscription.NONE_OUT_IN
TO: Final = Subscription.TO
TO_IN: Final = Subscription.TO_IN
FROM: Final = Subscription.FROM
FROM_OUT: Final = Subscription.FROM_OUT
BOTH: Final = Subscription.BOTH


def subscription_state(subscription: str, pending_out: bool = False, pending_in: bool = False) -> Subscription:
    """Return the state that stored flags mean.

    Some storages contain impossible combinations such as "both, ask='subscribe'". A pending flag does not count if the
    subscription for which it asks exists.

    :param subscription: "none", "to", "from" or "both"; any other value counts as "none".
    """
    to = subscription in ("to", "both")
    from_ = subscription in ("from", "both")
    return _BY_FLAGS[to, from_, pending_out and not to, pending_in and not from_]


_BY_FLAGS: Final = {(s.to, s.from_, s.pending_out, s.pending_in): s for s in Subscription}


@record
class TableRow:
    """A row of a table: whether the stanza is routed or delivered, and which state follows."""

    acts: bool
    """The ROUTE? or DELIVER? column."""
    becomes: Subscription
    rule: Rule
    pre_approves: bool
    """The cell reads "pre-approval" (§A.2.3)."""


Table: TypeAlias = Mapping[Subscription, TableRow]

YES: Final = True
NO: Final = False


PRE_APPROVAL: Final = "pre-approval"
"""The entry of §A.2.3 in place of a new state: the state stays, and the contact becomes pre-approved."""

_NewState: TypeAlias = Subscription | Literal["pre-approval"] | None
"""The NEW STATE column; None is the RFC's "no state change"."""


def _table(name: str, says: str, cites: str, *rows: tuple[Subscription, bool, _NewState, str]) -> Table:
    """Build a table.

    :param cites: the requirements that every row obeys.
    """
    return MappingProxyType(
        {
            state: TableRow(
                acts,
                becomes if isinstance(becomes, Subscription) else state,
                rule(f"{name}:{state.title}", name, says, cites, own),
                becomes == PRE_APPROVAL,
            )
            for state, acts, becomes, own in rows
        }
    )


# §A.2.1: the user sends presence of type "subscribe"
OUTBOUND_SUBSCRIBE: Final = _table(
    "A.2.1",
    "The server routes an outbound subscribe in every state; without a subscription the contact becomes pending out.",
    "A.2-01 3-04 3-03 3-06 3.1-01 3.1.2-01 3.1.2-02 3.1.2-03 3.1.2-05 3.1.2-06 3.1.2-08 3.1.1-06 4.7.1-03 4.7.1-08 12-16",
    # EXISTING STATE  ROUTE?  NEW STATE
    (NONE,            YES,    NONE_OUT,    "A.2.1-01 A.2.1-02 A.2.1-19 A.1-01 A.1-05"),
    (NONE_OUT,        YES,    None,        "A.2.1-03 A.2.1-04"),
    (NONE_IN,         YES,    NONE_OUT_IN, "A.2.1-05 A.2.1-06 A.2.1-19"),
    (NONE_OUT_IN,     YES,    None,        "A.2.1-07 A.2.1-08"),
    (TO,              YES,    None,        "A.2.1-09 A.2.1-10"),
    (TO_IN,           YES,    None,        "A.2.1-11 A.2.1-12"),
    (FROM,            YES,    FROM_OUT,    "A.2.1-13 A.2.1-14 A.2.1-19"),
    (FROM_OUT,        YES,    None,        "A.2.1-15 A.2.1-16"),
    (BOTH,            YES,    None,        "A.2.1-17 A.2.1-18"),
)  # fmt: skip

# §A.2.2: the user sends presence of type "unsubscribe"
OUTBOUND_UNSUBSCRIBE: Final = _table(
    "A.2.2",
    "The server routes an outbound unsubscribe in every state; it ends the user's subscription or pending request.",
    "A.2-01 3-04 3-03 3-06 3.3.2-01 3.3.2-02 3.3.2-03 3.3.2-05 4.7.1-03 4.7.1-10 12-18",
    # EXISTING STATE  ROUTE?  NEW STATE
    (NONE,            YES,    None,        "A.2.2-01 A.2.2-02 A.1-05"),
    (NONE_OUT,        YES,    NONE,        "A.2.2-03 A.2.2-04"),
    (NONE_IN,         YES,    None,        "A.2.2-05 A.2.2-06"),
    (NONE_OUT_IN,     YES,    NONE_IN,     "A.2.2-07 A.2.2-08"),
    (TO,              YES,    NONE,        "A.2.2-09 A.2.2-10"),
    (TO_IN,           YES,    NONE_IN,     "A.2.2-11 A.2.2-12"),
    (FROM,            YES,    None,        "A.2.2-13 A.2.2-14"),
    (FROM_OUT,        YES,    FROM,        "A.2.2-15 A.2.2-16"),
    (BOTH,            YES,    FROM,        "A.2.2-17 A.2.2-18"),
)  # fmt: skip

# §A.2.3: the user sends presence of type "subscribed"
OUTBOUND_SUBSCRIBED: Final = _table(
    "A.2.3",
    "The server routes an outbound subscribed if a request is pending in; otherwise it pre-approves or ignores it.",
    "A.2-01 3-03 3-06 3.4.2-01 4.7.1-03 4.7.1-09 12-10",
    # EXISTING STATE  ROUTE?  NEW STATE
    (NONE,            NO,     PRE_APPROVAL, "A.2.3-01 A.2.3-02 A.2.3-19 A.1-05 3.4-01 3.4.2-07 3.4.2-09 3.4.2-10 3.4.2-12 12-14"),
    (NONE_OUT,        NO,     PRE_APPROVAL, "A.2.3-03 A.2.3-04 A.2.3-19 3.4-01 3.4.2-07 3.4.2-09 12-14"),
    (NONE_IN,         YES,    FROM,         "A.2.3-05 A.2.3-06 3-04 3.1.5-01 3.1.5-02 3.1.5-05 3.4.2-03 3.4.2-04 3.4.2-06 A.1-12"),
    (NONE_OUT_IN,     YES,    FROM_OUT,     "A.2.3-07 A.2.3-08 3-04 3.1.5-01 3.1.5-02 3.4.2-03 3.4.2-04 3.4.2-06"),
    (TO,              NO,     PRE_APPROVAL, "A.2.3-09 A.2.3-10 A.2.3-19 3.4-01 3.4.2-07 3.4.2-09 12-14"),
    (TO_IN,           YES,    BOTH,         "A.2.3-11 A.2.3-12 3-04 3.1.5-01 3.1.5-02 3.4.2-03 3.4.2-04 3.4.2-06"),
    (FROM,            NO,     None,         "A.2.3-13 A.2.3-14 3.4.2-02"),
    (FROM_OUT,        NO,     None,         "A.2.3-15 A.2.3-16 3.4.2-02"),
    (BOTH,            NO,     None,         "A.2.3-17 A.2.3-18 3.4.2-02"),
)  # fmt: skip

# §A.2.4: the user sends presence of type "unsubscribed"; if it is not routed, it may cancel a pre-approval
OUTBOUND_UNSUBSCRIBED: Final = _table(
    "A.2.4",
    "The server routes an outbound unsubscribed only if it denies a request or cancels a subscription.",
    "A.2-01 3-03 3-06 3.2.2-01 4.7.1-03 4.7.1-11 12-12",
    # EXISTING STATE  ROUTE?  NEW STATE
    (NONE,            NO,     None,        "A.2.4-01 A.2.4-02 A.2.4-19 A.1-05 3.2.2-02 3.2.2-03 3.2.2-04 3.2.2-05"),
    (NONE_OUT,        NO,     None,        "A.2.4-03 A.2.4-04 A.2.4-19 3.2.2-02 3.2.2-03 3.2.2-04 3.2.2-05"),
    (NONE_IN,         YES,    NONE,        "A.2.4-05 A.2.4-06 3-04 3.2.2-06 3.2.2-09 3.2.2-10 11-06"),
    (NONE_OUT_IN,     YES,    NONE_OUT,    "A.2.4-07 A.2.4-08 3-04 3.2.2-06 3.2.2-09 3.2.2-10 11-06"),
    (TO,              NO,     None,        "A.2.4-09 A.2.4-10 A.2.4-19 3.2.2-02 3.2.2-03 3.2.2-04 3.2.2-05"),
    (TO_IN,           YES,    TO,          "A.2.4-11 A.2.4-12 3-04 3.2.2-06 3.2.2-09 3.2.2-10 11-06"),
    (FROM,            YES,    NONE,        "A.2.4-13 A.2.4-14 3-04 3.2.2-06 3.2.2-08 3.2.2-09 3.2.2-10"),
    (FROM_OUT,        YES,    NONE_OUT,    "A.2.4-15 A.2.4-16 3-04 3.2.2-06 3.2.2-08 3.2.2-09 3.2.2-10"),
    (BOTH,            YES,    TO,          "A.2.4-17 A.2.4-18 3-04 3.2.2-06 3.2.2-08 3.2.2-09 3.2.2-10"),
)  # fmt: skip

# §A.3.1: the contact sends presence of type "subscribe"; in From, From + Pending Out and Both the server
# auto-replies "subscribed" instead of delivering
INBOUND_SUBSCRIBE: Final = _table(
    "A.3.1",
    "The server delivers an inbound subscribe once; if the contact has a subscription, it answers subscribed.",
    "A.3-01 3-01 11-06 3-03 3-06 3.1.3-01 3.1.3-02 3.1.3-04 4.7.1-03 4.7.1-08 8.5.2.1.2-02 8.5.2.1.2-04 8.5.2.2.2-02 8.5.3.1-07 8.5.3.2.2-02 12-16",
    # EXISTING STATE  DELIVER?  NEW STATE
    (NONE,            YES,      NONE_IN,     "A.3.1-01 A.3.1-02 A.1-05 A.1-08 A.1-11 A.1-12 3.1.3-05 3.1.3-06 3.1.3-09 3.1.3-18 3.1-02 2.2-06"),
    (NONE_OUT,        YES,      NONE_OUT_IN, "A.3.1-03 A.3.1-04 3.1.3-05 3.1.3-06 3.1.3-09"),
    (NONE_IN,         NO,       None,        "A.3.1-05 A.3.1-06 3.1.3-15 3.1.3-16 3.1.3-17"),
    (NONE_OUT_IN,     NO,       None,        "A.3.1-07 A.3.1-08 3.1.3-15 3.1.3-16 3.1.3-17"),
    (TO,              YES,      TO_IN,       "A.3.1-09 A.3.1-10 3.1.3-05 3.1.3-06 3.1.3-09"),
    (TO_IN,           NO,       None,        "A.3.1-11 A.3.1-12 3.1.3-15 3.1.3-16 3.1.3-17"),
    (FROM,            NO,       None,        "A.3.1-13 A.3.1-14 A.3.1-20 3.1.3-07"),
    (FROM_OUT,        NO,       None,        "A.3.1-15 A.3.1-16 A.3.1-20 3.1.3-07"),
    (BOTH,            NO,       None,        "A.3.1-17 A.3.1-18 A.3.1-20 3.1.3-07"),
)  # fmt: skip

# §A.3.2: the contact sends presence of type "unsubscribe"; if the state changes, the server auto-replies
# "unsubscribed"
INBOUND_UNSUBSCRIBE: Final = _table(
    "A.3.2",
    "The server delivers an inbound unsubscribe only if it ends the contact's subscription or request.",
    "A.3-01 3-03 3-06 3.3.3-01 4.7.1-03 4.7.1-10 8.5.2.1.2-02 8.5.2.2.2-02 8.5.3.1-07 12-18",
    # EXISTING STATE  DELIVER?  NEW STATE
    (NONE,            NO,       None,        "A.3.2-04 A.3.2-05 A.3.2-06 A.3.2-07 A.1-05 3.3.3-07"),
    (NONE_OUT,        NO,       None,        "A.3.2-04 A.3.2-05 A.3.2-08 A.3.2-09 3.3.3-07"),
    (NONE_IN,         YES,      NONE,        "A.3.2-01 A.3.2-02 A.3.2-10 A.3.2-11 3.3.3-08"),
    (NONE_OUT_IN,     YES,      NONE_OUT,    "A.3.2-01 A.3.2-02 A.3.2-12 A.3.2-13"),
    (TO,              NO,       None,        "A.3.2-04 A.3.2-05 A.3.2-14 A.3.2-15 3.3.3-07"),
    (TO_IN,           YES,      TO,          "A.3.2-01 A.3.2-02 A.3.2-16 A.3.2-17"),
    (FROM,            YES,      NONE,        "A.3.2-01 A.3.2-02 A.3.2-18 A.3.2-19 3.3.3-02 3.3.3-03 3-02"),
    (FROM_OUT,        YES,      NONE_OUT,    "A.3.2-01 A.3.2-02 A.3.2-20 A.3.2-21 3.3.3-02 3.3.3-03"),
    (BOTH,            YES,      TO,          "A.3.2-01 A.3.2-02 A.3.2-22 A.3.2-23 3.3.3-02 3.3.3-03"),
)  # fmt: skip

# §A.3.3: the contact sends presence of type "subscribed"; an approval without a request changes nothing
INBOUND_SUBSCRIBED: Final = _table(
    "A.3.3",
    "The server delivers an inbound subscribed only if the user's request is pending out.",
    "A.3-01 3-03 3-06 3.1.6-01 4.7.1-03 4.7.1-09 8.5.2.1.2-02 8.5.2.2.2-02 8.5.3.1-07 12-10",
    # EXISTING STATE  DELIVER?  NEW STATE
    (NONE,            NO,       None,        "A.3.3-01 A.3.3-02 A.3.3-07 A.3.3-08 A.1-05 3.1.6-07"),
    (NONE_OUT,        YES,      TO,          "A.3.3-03 A.3.3-04 A.3.3-09 A.3.3-10 3.1.6-02 3.1.6-03 A.1-02"),
    (NONE_IN,         NO,       None,        "A.3.3-01 A.3.3-02 A.3.3-11 A.3.3-12 3.1.6-07"),
    (NONE_OUT_IN,     YES,      TO_IN,       "A.3.3-03 A.3.3-04 A.3.3-13 A.3.3-14 3.1.6-02 3.1.6-03"),
    (TO,              NO,       None,        "A.3.3-01 A.3.3-02 A.3.3-05 A.3.3-06 A.3.3-15 A.3.3-16 3.1.6-07"),
    (TO_IN,           NO,       None,        "A.3.3-01 A.3.3-02 A.3.3-05 A.3.3-06 A.3.3-17 A.3.3-18 3.1.6-07"),
    (FROM,            NO,       None,        "A.3.3-01 A.3.3-02 A.3.3-19 A.3.3-20 3.1.6-07"),
    (FROM_OUT,        YES,      BOTH,        "A.3.3-03 A.3.3-04 A.3.3-21 A.3.3-22 3.1.6-02 3.1.6-03 A.1-04"),
    (BOTH,            NO,       None,        "A.3.3-01 A.3.3-02 A.3.3-05 A.3.3-06 A.3.3-23 A.3.3-24 3.1.6-07"),
)  # fmt: skip

# §A.3.4: the contact sends presence of type "unsubscribed"
INBOUND_UNSUBSCRIBED: Final = _table(
    "A.3.4",
    "The server delivers an inbound unsubscribed only if it denies the user's request or ends the subscription.",
    "A.3-01 3-03 3-06 3.2.3-01 4.7.1-03 4.7.1-11 8.5.2.1.2-02 8.5.2.2.2-02 8.5.3.1-07 12-12",
    # EXISTING STATE  DELIVER?  NEW STATE
    (NONE,            NO,       None,        "A.3.4-03 A.3.4-04 A.3.4-05 A.3.4-06 A.1-05 3.2.3-07"),
    (NONE_OUT,        YES,      NONE,        "A.3.4-01 A.3.4-02 A.3.4-07 A.3.4-08"),
    (NONE_IN,         NO,       None,        "A.3.4-03 A.3.4-04 A.3.4-09 A.3.4-10 3.2.3-07"),
    (NONE_OUT_IN,     YES,      NONE_IN,     "A.3.4-01 A.3.4-02 A.3.4-11 A.3.4-12"),
    (TO,              YES,      NONE,        "A.3.4-01 A.3.4-02 A.3.4-13 A.3.4-14 3.2.3-02 3.2.3-03 4.3.2-03 3-02"),
    (TO_IN,           YES,      NONE_IN,     "A.3.4-01 A.3.4-02 A.3.4-15 A.3.4-16 3.2.3-02 3.2.3-03"),
    (FROM,            NO,       None,        "A.3.4-03 A.3.4-04 A.3.4-17 A.3.4-18 3.2.3-07"),
    (FROM_OUT,        YES,      FROM,        "A.3.4-01 A.3.4-02 A.3.4-19 A.3.4-20"),
    (BOTH,            YES,      FROM,        "A.3.4-01 A.3.4-02 A.3.4-21 A.3.4-22 3.2.3-02 3.2.3-03"),
)  # fmt: skip

# §3.4.2 and §A.3.1 note [1]: the contact, whom the user has pre-approved, sends presence of type
# "subscribe". §A.3.1 has the note in row None alone; §3.4.2 makes it a MUST in all three.
PRE_APPROVED: Final = _table(
    "3.4.2",
    "The server answers subscribed to a subscribe from a pre-approved contact, and does not deliver it.",
    "3.1.3-04 3.1.3-08 3.4-01 3.4.2-13 3.4.2-14 12-14",
    # EXISTING STATE  DELIVER?  NEW STATE
    (NONE,            NO,       FROM,        "A.3.1-02 A.3.1-19"),
    (NONE_OUT,        NO,       FROM_OUT,    ""),
    (TO,              NO,       BOTH,        ""),
)  # fmt: skip
