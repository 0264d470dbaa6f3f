"""Every choice that RFC 6121 leaves to a client: one field for each, with the section that leaves it open."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import field
from attrs.validators import ge

from xmpp_im_core.record import record


class AccountSender(Enum):
    """Which 'from' the client accepts for the user's own account (§2.1.6; RFC 6120 §8.1.2.1)."""

    STRICT = "strict"
    """No 'from', or the user's bare JID."""
    OWN_FULL_OK = "own-full-ok"
    """Also the full JID of this resource, as some old servers write it."""


class UnauthorizedPush(Enum):
    """How the client answers a roster push from an unauthorized entity (§2.1.6)."""

    SILENCE = "silence"
    """No answer, so the sender does not learn that the resource exists."""
    ERROR = "error"
    """service-unavailable."""


class ChatPresence(Enum):
    """With whom the client shares presence during a chat session without a subscription (§5.1)."""

    EVERYBODY = "everybody"
    LISTED = "listed"
    """The bare JIDs in ``share_presence_with``."""
    NOBODY = "nobody"


def _texts(texts: Iterable[str]) -> frozenset[str]:
    """Return texts as an immutable set. A single string is one text."""
    return frozenset([texts] if isinstance(texts, str) else texts)


@record(kw_only=True)
class ClientPolicy:
    """The choices of one client."""

    # --- the roster (§2) --------------------------------------------------------------------------------------

    account_sender: AccountSender = AccountSender.STRICT
    """§2.1.6: from whom the client accepts roster pushes and answers of the account."""
    roster_managers: frozenset[str] = field(default=frozenset(), converter=_texts)
    """§2.1.6: domains, for example of gateways, from which the client accepts pushes for JIDs at the same domain."""
    unauthorized_push: UnauthorizedPush = UnauthorizedPush.SILENCE
    """§2.1.6: how the client answers any other push."""
    roster_versioning: bool = True
    """§2.6.2: whether the client sends 'ver' to servers that advertise roster versioning."""

    # --- subscriptions and presence (§3, §4) --------------------------------------------------------------------

    requests: int = field(default=500, validator=ge(0))
    """§3.1.3: the maximum number of requests that wait for the user's decision. Beyond it the client ignores a
    request."""
    strangers: int = field(default=500, validator=ge(0))
    """§4.2.4: the maximum number of strangers whose presence the client remembers: JIDs that are not in the roster, and
    to which it has sent no presence. Beyond it the client forgets the stranger that it heard from longest ago."""
    presence_before_roster: int = field(default=20_000, validator=ge(0))
    """§4.2.4: the same before the roster has come, when the client cannot tell strangers from contacts."""
    strangers_resources: int = field(default=20, validator=ge(1))
    """§4.2.4: the maximum number of resources of a stranger that the client remembers. Beyond it the client forgets the
    resource that it heard from longest ago."""
    resources: int = field(default=1000, validator=ge(1))
    """§4.2.4: the same for any other JID."""

    # --- messages (§5) ------------------------------------------------------------------------------------------

    chat_presence: ChatPresence = ChatPresence.EVERYBODY
    """§5.1: with whom the client shares presence during a chat session without a subscription."""
    share_presence_with: frozenset[str] = field(default=frozenset(), converter=_texts)
    """§5.1: the bare JIDs of ``ChatPresence.LISTED``."""
    chats: int = field(default=1000, validator=ge(1))
    """§5.1: the maximum number of chat sessions that the client remembers. Beyond it the client ends the session that
    has been idle longest."""
    sent_messages: int = field(default=200, validator=ge(0))
    """RFC 6120 §8.3: how many of the last sent messages, and of the last sent presence stanzas, the client remembers to
    match a returned error."""

    # --- IQs (§6) -----------------------------------------------------------------------------------------------

    served: frozenset[str] = field(default=frozenset(), converter=_texts)
    """RFC 6120 §8.4: the namespaces of the requests that the application answers. The client answers all other requests
    with service-unavailable."""
    questions: int = field(default=1000, validator=ge(1))
    """RFC 6120 §8.2.3: the maximum number of requests of this client that wait for an answer. Beyond it the client
    sends no request."""


DEFAULT: ClientPolicy = ClientPolicy()
"""The RFC's recommendations."""
