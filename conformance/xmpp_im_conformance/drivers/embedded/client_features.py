"""The features that client scenarios ask for: the policy that switches them on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from xmpp_im_conformance.drivers.embedded.features import settings
from xmpp_im_core.client import AccountSender, ChatPresence, ClientPolicy, UnauthorizedPush

# What each feature sets in the policy: fields of several types, which the type of a mapping cannot say.
_SETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "own-full-jid-pushes": {"account_sender": AccountSender.OWN_FULL_OK},
    "roster-manager": {"roster_managers": frozenset({"remote.example"})},
    "push-errors": {"unauthorized_push": UnauthorizedPush.ERROR},
    "no-rosterver": {"roster_versioning": False},
    "chat-presence-off": {"chat_presence": ChatPresence.NOBODY},
    "chat-presence-listed": {
        "chat_presence": ChatPresence.LISTED,
        "share_presence_with": frozenset({"romeo@montague.example"}),
    },
}

CLIENT_FEATURES: Final = frozenset(_SETS)
"""The features that a client can have switched on."""


def client_policy_for(features: frozenset[str]) -> ClientPolicy:
    """Return the policy that has these features switched on, and the defaults otherwise.

    :raises NotApplicable: for a feature that is not there, and for two that exclude one another.
    """
    return ClientPolicy(**settings(features, _SETS))
