"""Every choice that RFC 6121 leaves to a client, one named field each, with the section that leaves it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import field, frozen
from attrs.validators import ge


class AccountSender(Enum):
    """Which 'from' stands for the user's own account (§2.1.6; RFC 6120 §8.1.2.1)."""

    STRICT = "strict"
    """None, or the user's bare JID."""
    OWN_FULL_OK = "own-full-ok"
    """The full JID of this very resource too, as some old servers write it."""


class UnauthorizedPush(Enum):
    """How a roster push from an unauthorized entity is answered (§2.1.6)."""

    SILENCE = "silence"
    """Nothing, which does not even tell that the resource is there."""
    ERROR = "error"
    """service-unavailable."""


class ChatPresence(Enum):
    """With whom presence is shared during a chat session where no subscription does so (§5.1)."""

    EVERYBODY = "everybody"
    LISTED = "listed"
    """With those in ``share_presence_with``."""
    NOBODY = "nobody"


def _texts(texts: Iterable[str]) -> frozenset[str]:
    """Return texts as a set that never changes, as a policy must not; one text alone stands for itself."""
    return frozenset([texts] if isinstance(texts, str) else texts)


@frozen(kw_only=True)
class ClientPolicy:
    """The choices of one client."""

    # --- the roster (§2) --------------------------------------------------------------------------------------

    account_sender: AccountSender = AccountSender.STRICT
    """§2.1.6: whose roster pushes and account answers are believed."""
    roster_managers: frozenset[str] = field(default=frozenset(), converter=_texts)
    """§2.1.6: domains (of gateways, say) whose pushes are believed for JIDs at that very domain."""
    unauthorized_push: UnauthorizedPush = UnauthorizedPush.SILENCE
    """§2.1.6: how any other push is answered."""
    roster_versioning: bool = True
    """§2.6.2: whether 'ver' is sent to servers that advertise roster versioning."""

    # --- subscriptions and presence (§3, §4) --------------------------------------------------------------------

    requests: int = field(default=500, validator=ge(0))
    """§3.1.3: how many requests may wait for the user's decision; one more is ignored."""
    strangers: int = field(default=500, validator=ge(0))
    """§4.2.4: of how many JIDs that are neither in the roster nor sent presence to presence is remembered; the
    one heard longest ago gives way."""
    presence_before_roster: int = field(default=20_000, validator=ge(0))
    """§4.2.4: the same as long as no roster has come, when nobody can be told to be a stranger."""
    strangers_resources: int = field(default=20, validator=ge(1))
    """§4.2.4: how many resources of each stranger are remembered; the one heard longest ago gives way."""
    resources: int = field(default=1000, validator=ge(1))
    """§4.2.4: how many resources of any other JID are remembered; the one heard longest ago gives way."""

    # --- messages (§5) ------------------------------------------------------------------------------------------

    chat_presence: ChatPresence = ChatPresence.EVERYBODY
    """§5.1: with whom presence is shared during a chat session without a subscription."""
    share_presence_with: frozenset[str] = field(default=frozenset(), converter=_texts)
    """§5.1: the bare JIDs that ``ChatPresence.LISTED`` means."""
    chats: int = field(default=1000, validator=ge(1))
    """§5.1: how many chat sessions are remembered; the one idle longest gives way."""
    sent_messages: int = field(default=200, validator=ge(0))
    """RFC 6120 §8.3: to how many of the last messages sent, and of the last presence stanzas, a returned error is
    matched."""

    # --- IQs (§6) -----------------------------------------------------------------------------------------------

    served: frozenset[str] = field(default=frozenset(), converter=_texts)
    """RFC 6120 §8.4: the namespaces of requests that the application answers; all others get
    service-unavailable."""
    questions: int = field(default=1000, validator=ge(1))
    """RFC 6120 §8.2.3: how many requests of this client may wait for their answer; one more is not sent."""


DEFAULT: ClientPolicy = ClientPolicy()
"""The RFC's recommendations."""
