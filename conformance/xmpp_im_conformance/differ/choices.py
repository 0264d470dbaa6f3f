"""What a server may do differently from this core and still obey the RFC.

Most of it is a field of the core's policy. For the rest the core has no policy: a stanza that a server may add or leave
out is not compared (``xmpp_im_core.testing.explanations``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from attrs import evolve, field, frozen

from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element, element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import DEFAULT, MessagesToSeveral, Policy, PreApproval, UnmatchedFullJID
from xmpp_im_core.testing import EXPLANATIONS, ModelAct, Observation
from xmpp_im_core.testing.explanations import Overlooks


@frozen(eq=False)
class Choice:
    """Something that the RFC leaves to a server, and that differs from the core's default."""

    says: str
    """What the server does."""
    section: str
    """Where the RFC leaves it open."""
    policy: Mapping[str, Any] = field(factory=dict)
    """The policy under which the core does it, too: fields of several types."""
    overlooks: Overlooks | None = None


@frozen
class Choices:
    """The choices that a server is taken to have made; none: the core's defaults."""

    made: tuple[Choice, ...] = ()

    @property
    def policy(self) -> Policy:
        """The core's policy with these choices."""
        changes = {name: value for choice in self.made for name, value in choice.policy.items()}
        return evolve(DEFAULT, **changes)

    def counted(self, seen: Observation, scene: ModelAct) -> Observation:
        """Return what counts of an observation, in which all that is the same is written alike."""
        overlooking = [choice.overlooks for choice in self.made if choice.overlooks is not None]
        left = {
            at: tuple(
                [_plain(each) for each in stanzas if not any(overlooks(scene, at, each) for overlooks in overlooking)]
            )
            for at, stanzas in seen.received.items()
        }
        return Observation(FrozenMap({at: stanzas for at, stanzas in left.items() if stanzas}), seen.rosters)

    def __add__(self, choice: Choice) -> Choices:
        return Choices((*self.made, choice))


@lru_cache(10_000)
def _plain(stanza: Element) -> Element:
    """Write a stanza plainly: "normal" is the default type of a message (§5.2.2), and children have no order."""
    attributes = {
        name: value for name, value in stanza.attributes if (stanza.name, name, value) != ("message", "type", "normal")
    }
    return element(stanza.name, stanza.namespace, attributes, sorted(stanza.children, key=_written))


def _written(child: Element | str) -> bytes:
    return write_element(child) if isinstance(child, Element) else child.encode()


CHOICES: Final[tuple[Choice, ...]] = (
    Choice("stores no messages for absent users", "8.5.2.2.1", {"offline_messages": False}),
    Choice("has no pre-approval", "3.4", {"pre_approval": PreApproval.UNSUPPORTED}),
    Choice("keeps a pre-approval that has been used", "3.4.2", {"pre_approval": PreApproval.KEPT}),
    Choice(
        "gives a chat message to all resources of non-negative priority",
        "8.5.2.1.1",
        {"chat_to_several": MessagesToSeveral.ALL},
    ),
    Choice(
        "gives a normal message to all resources of non-negative priority",
        "8.5.2.1.1",
        {"normal_to_several": MessagesToSeveral.ALL},
    ),
    Choice(
        "treats a normal message to a resource that is not there like a chat message",
        "8.5.3.2.1",
        {"unmatched_full_jid": UnmatchedFullJID.LENIENT},
    ),
    Choice("keeps approvals and cancellations for absent users", "3.1.6", {"notices": 1000}),
    *[Choice(each.says, each.section, overlooks=each.overlooks) for each in EXPLANATIONS],
)
