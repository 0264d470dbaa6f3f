"""The eight tables of Appendix A, by section."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from xmpp_im_core.subscription import (
    INBOUND_SUBSCRIBE,
    INBOUND_SUBSCRIBED,
    INBOUND_UNSUBSCRIBE,
    INBOUND_UNSUBSCRIBED,
    OUTBOUND_SUBSCRIBE,
    OUTBOUND_SUBSCRIBED,
    OUTBOUND_UNSUBSCRIBE,
    OUTBOUND_UNSUBSCRIBED,
    Table,
)

TABLES: Final[Mapping[str, Table]] = MappingProxyType(
    {
        "A.2.1": OUTBOUND_SUBSCRIBE,
        "A.2.2": OUTBOUND_UNSUBSCRIBE,
        "A.2.3": OUTBOUND_SUBSCRIBED,
        "A.2.4": OUTBOUND_UNSUBSCRIBED,
        "A.3.1": INBOUND_SUBSCRIBE,
        "A.3.2": INBOUND_UNSUBSCRIBE,
        "A.3.3": INBOUND_SUBSCRIBED,
        "A.3.4": INBOUND_UNSUBSCRIBED,
    }
)
