"""What the tests of scenes share."""

from __future__ import annotations

from typing import Any

from xmpp_im_conformance.format.story import Line

END = Line("In the end nothing more has come.")
SUBSCRIPTION_TABLE: dict[str, Any] = {
    "title": "a table",
    "rfc": ["6121 A.2.1"],
    "rows": [
        {
            "direction": direction,
            "stanza": "subscribe",
            "before": {"subscription": "none"},
            "after": {"subscription": "none", key: acts},
            "delivered_or_routed": acts,
        }
        for direction, key, acts in (("outbound", "pending_out", True), ("inbound", "pending_in", False))
    ],
}
