"""Message delivery, as the RFC's table (RFC 6121 §8.5.4, Table 1).

A row is a situation of the account and a form of 'to'; a column is a message type. A cell holds the actions that the
RFC permits, and the policy chooses one of them. The type "error" has no column: such a message is delivered to a
matching full JID, and ignored otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from attrs import field

from xmpp_im_core.record import record
from xmpp_im_core.rules import Rule, rule


class _Key(Enum):
    """Members that are looked up for each message. Each exists once, so the fast hash of its identity serves."""

    __hash__ = object.__hash__


class Situation(_Key):
    """The headings of the rows: which resources the account has."""

    NO_ACCOUNT = "account does not exist"
    NO_ACTIVE = "account exists, but has no active resource"
    NEGATIVE = "account exists, has active resources, but all have negative priority"
    ONE = "account exists, exactly one resource with non-negative priority"
    SEVERAL = "account exists, two or more resources with non-negative priority"


NO_ACTIVE: Final = Situation.NO_ACTIVE
NEGATIVE: Final = Situation.NEGATIVE
ONE: Final = Situation.ONE
SEVERAL: Final = Situation.SEVERAL


class Target(_Key):
    """The form of 'to'."""

    BARE = "bare"
    MATCHED = "full (match)"
    UNMATCHED = "full (no match)"


BARE: Final = Target.BARE  # before Python 3.12, the attribute of an Enum takes as long as a look-up in the table
MATCHED: Final = Target.MATCHED
UNMATCHED: Final = Target.UNMATCHED


class MessageAction(_Key):
    """The actions that the letters of the cells stand for."""

    SILENCE = "S"
    ERROR = "E"
    STORE = "O"
    DELIVER = "D"
    MOST_AVAILABLE = "M"
    ALL = "A"


@record
class MessageCell:
    """The actions that the RFC permits, and the rule that permits them."""

    permitted: frozenset[MessageAction]
    rule: Rule
    to_all: bool = field(init=False, eq=False, repr=False)
    """Whether all resources that the message can reach get it, under every policy."""

    @to_all.default
    def _to_all(self) -> bool:
        return MessageAction.DELIVER in self.permitted or self.permitted == {MessageAction.ALL}


_S, _E = frozenset({MessageAction.SILENCE}), frozenset({MessageAction.ERROR})
_SE = _S | _E
_OE = _E | {MessageAction.STORE}
_D, _A = frozenset({MessageAction.DELIVER}), frozenset({MessageAction.ALL})
_MA = _A | {MessageAction.MOST_AVAILABLE}
_DA = _D | _A

_TYPES: Final = ("normal", "chat", "groupchat", "headline")
_BARE_TO_NOBODY: Final = "8.5.2.2-01 8.5.2.2.1-01 8.5.2.2.1-02 8-01"
_GROUPCHAT_TO_BARE: Final = "8.5.2.1.1-09 8.5.2.1.1-10 8.5.2.1.1-11 8.5.2-01 8.5.2.1-01"
_UNMATCHED: Final = "8.5.3.2-01 8.5.3.2.1-01 8.5.3.2.1-02 8.5.4-01 8.1-01 8.1-02 11-06"
_MATCHED: Final = "8.5.3-01 8.5.3.1-01 8.5.3.1-05 4.1-07 5.3-02 5.2.5-10"
_TO_BARE: Final = "8.5.2-01 8.5.2.1-01 8.5.2.1.1-16 8.5.2.1.1-18 4.7.2.3-06 5.3-02 5.2.5-10"

Key = tuple[Situation, Target, str]

_SAYS: Final[Mapping[MessageAction, str]] = MappingProxyType(
    {
        MessageAction.DELIVER: "delivers the message to the resource",
        MessageAction.MOST_AVAILABLE: "delivers the message to the most available resources",
        MessageAction.ALL: "delivers the message to all resources of non-negative priority",
        MessageAction.STORE: "stores the message",
        MessageAction.SILENCE: "ignores the message",
        MessageAction.ERROR: "returns an error",
    }
)


def _row(
    first: int, situation: Situation, target: Target, *cells: tuple[frozenset[MessageAction], str]
) -> list[tuple[Key, MessageCell]]:
    """Build a row. Its cells are four successive requirements of §8.5.4, beginning with number ``first``."""
    made: list[tuple[Key, MessageCell]] = []
    for n, (type, (permitted, cites)) in enumerate(zip(_TYPES, cells, strict=True)):
        name = f"8.5.4:{situation.value}:{target.value}:{type}"
        says = f"By Table 1 the server {' or '.join([what for action, what in _SAYS.items() if action in permitted])}."
        by_type = "5.2.2-12 5.2.2-14 5.2.2-15" if type == "normal" else ""
        ids = f"8.5-01 8.5.4-02 12-05 5.2.2-13 5-01 {by_type} 8.5.4-{first + n:02}"
        made.append(((situation, target, type), MessageCell(permitted, rule(name, "8.5.4", says, ids, cites))))
    return made


MESSAGE_TABLE: Final[Mapping[Key, MessageCell]] = MappingProxyType(
    dict(
        [
            # --------------------------------------------- NORMAL, CHAT, GROUPCHAT, HEADLINE
            *_row(5, Situation.NO_ACCOUNT, Target.BARE,
                  (_SE, "8.5.1-02"), (_SE, "8.5.1-02"), (_E, "8.5.1-02"), (_S, "8.5.1-02")),
            *_row(9, Situation.NO_ACCOUNT, Target.UNMATCHED,
                  (_SE, "8.5.1-02"), (_SE, "8.5.1-02"), (_SE, "8.5.1-02"), (_SE, "8.5.1-02")),
            *_row(13, Situation.NO_ACTIVE, Target.BARE,
                  (_OE, _BARE_TO_NOBODY), (_OE, _BARE_TO_NOBODY),
                  (_E, "8.5.2.2.1-03 8.5.2.2.1-04 8.5.2.2-01"), (_S, "8.5.2.2.1-05 5.2.2-10 8.5.2.2-01")),
            *_row(17, Situation.NO_ACTIVE, Target.UNMATCHED,
                  (_SE, _UNMATCHED), (_OE, "8.5.3.2-01 8.5.3.2.1-03 8.5.3.2.1-04"),
                  (_SE, _UNMATCHED), (_SE, _UNMATCHED + " 5.2.2-10")),
            *_row(21, Situation.NEGATIVE, Target.BARE,
                  (_OE, "8.5.2.1.1-01 8.5.2.1.1-02 8.5.2.1.1-16 8.5.2.1.1-17"),
                  (_OE, "8.5.2.1.1-05 8.5.2.1.1-06 8.5.2.1.1-16 8.5.2.1.1-17"),
                  (_E, _GROUPCHAT_TO_BARE + " 8.5.2.1.1-16"), (_S, "8.5.2.1.1-12 8.5.2.1.1-16 5.2.2-10")),
            *_row(25, Situation.NEGATIVE, Target.MATCHED,
                  (_D, _MATCHED), (_D, _MATCHED), (_D, _MATCHED), (_D, _MATCHED + " 5.2.2-09")),
            *_row(29, Situation.NEGATIVE, Target.UNMATCHED,
                  (_SE, _UNMATCHED), (_OE, "8.5.3.2-01 8.5.3.2.1-05 8.5.3.2.1-06"),
                  (_SE, _UNMATCHED), (_SE, _UNMATCHED + " 5.2.2-10")),
            *_row(33, Situation.ONE, Target.BARE,
                  (_D, "8.5.2.1.1-03 " + _TO_BARE), (_D, "8.5.2.1.1-07 " + _TO_BARE),
                  (_E, _GROUPCHAT_TO_BARE), (_D, "8.5.2.1.1-13 5.2.2-08 " + _TO_BARE)),
            *_row(37, Situation.ONE, Target.MATCHED,
                  (_D, _MATCHED), (_D, _MATCHED), (_D, _MATCHED), (_D, _MATCHED + " 5.2.2-09")),
            *_row(41, Situation.ONE, Target.UNMATCHED,
                  (_SE, _UNMATCHED), (_D, "8.5.3.2-01 8.5.3.2.1-07"),
                  (_SE, _UNMATCHED), (_SE, _UNMATCHED + " 5.2.2-10")),
            *_row(45, Situation.SEVERAL, Target.BARE,
                  (_MA, "8.5.2.1.1-04 8.5.4-03 " + _TO_BARE), (_MA, "8.5.2.1.1-08 8.5.4-03 8.5.4-04 " + _TO_BARE),
                  (_E, _GROUPCHAT_TO_BARE), (_A, "8.5.2.1.1-14 5.2.2-07 5.2.2-08 " + _TO_BARE)),
            *_row(49, Situation.SEVERAL, Target.MATCHED,
                  (_D, _MATCHED), (_DA, _MATCHED), (_D, _MATCHED), (_D, _MATCHED + " 5.2.2-09")),
            *_row(53, Situation.SEVERAL, Target.UNMATCHED,
                  (_SE, _UNMATCHED), (_MA, "8.5.3.2-01 8.5.3.2.1-08 8.5.4-03 8.5.4-04"),
                  (_SE, _UNMATCHED), (_SE, _UNMATCHED + " 5.2.2-10")),
        ]
    )
)  # fmt: skip
