"""The stream features of RFC 6121 (§2.6.1, §3.4). A client uses a feature only if its server offers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xmpp_im_core.element import Element, element

ROSTER_VERSIONING_FEATURE: Final = element("ver", "urn:xmpp:features:rosterver")
"""The server supports roster versioning (§2.6.1)."""
PRE_APPROVAL_FEATURE: Final = element("sub", "urn:xmpp:features:pre-approval")
"""The server supports the pre-approval of subscription requests (§3.4)."""


def is_offered(feature: Element, offered: Iterable[Element]) -> bool:
    """Whether a feature is among the children of ``<stream:features/>``. Its content does not matter."""
    return any((each.namespace, each.name) == (feature.namespace, feature.name) for each in offered)
