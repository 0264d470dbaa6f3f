"""Client state indication (XEP-0352): what a client whose user has turned away need not get at once.

While a client is inactive, two kinds of stanzas are held back, and of each kind only the newest from each full JID:

* presence that tells availability (no type, or "unavailable");
* messages with a chat state (XEP-0085) and nothing else for the user.

Everything that is held back is sent before any other stanza, and when the client becomes active. So each sender's
stanzas stay in their order, and what a stanza refers to has come before it. If too many are held back, all are sent.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import Address
from xmpp_im_core.stanza import IQ, Message, Presence, Stanza
from xmpp_im_host.streams.namespaces import CLIENT_STATE

CLIENT_STATE_FEATURE: Final = element("csi", CLIENT_STATE)

_CHAT_STATES: Final = "http://jabber.org/protocol/chatstates"
_IGNORED: Final = frozenset({_CHAT_STATES, "urn:xmpp:hints", "urn:xmpp:sid:0", "urn:xmpp:delay"})
"""The namespaces of what may accompany a chat state without making the message important."""

_Key: TypeAlias = tuple[type[Stanza], str]


class HeldBack:
    """The stanzas that are held back for one inactive client.

    :param limit: how many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[_Key, tuple[Stanza, object]] = {}

    def hold(self, stanza: Stanza, item: object) -> tuple[object, ...] | None:
        """Hold a stanza back. Return the items of those that it replaces; None if it must be sent now.

        Before that, send what :meth:`release` returns.
        """
        key = _key(stanza)
        if key is None:
            return None
        replaced = self._held.pop(key, None)
        if replaced is None and len(self._held) >= self._limit:
            return None
        self._held[key] = stanza, item
        return () if replaced is None else (replaced[1],)

    def release(self) -> tuple[tuple[Stanza, object], ...]:
        """Return the stanzas in their order, with their items, and hold them no longer."""
        held = tuple(self._held.values())
        self._held.clear()
        return held

    @property
    def items(self) -> tuple[object, ...]:
        """The items of the stanzas that are held back, in order."""
        return tuple([item for _, item in self._held.values()])


def _key(stanza: Stanza) -> _Key | None:
    """Return whose newest stanza of which kind this is; None if it is not to be held back."""
    if isinstance(stanza, IQ) or not isinstance(stanza.from_, Address):
        return None
    if isinstance(stanza, Presence):
        unimportant = stanza.type in (None, "unavailable")
    else:
        unimportant = isinstance(stanza, Message) and stanza.type != "error" and _is_chat_state(stanza.payload.children)
    return (type(stanza), stanza.from_.jid.full) if unimportant else None


def _is_chat_state(children: tuple[Element | str, ...]) -> bool:
    namespaces = {child.namespace for child in children if isinstance(child, Element) and child.name != "thread"}
    return _CHAT_STATES in namespaces and namespaces <= _IGNORED
