"""Extensions: reducers around the reducer, by the public way that is open to everybody's own.

``docs/extensions.md`` tells how to write one.
"""

from __future__ import annotations

from xmpp_im_core.extensions.carbons import carbons
from xmpp_im_core.extensions.last_activity import last_activity

__all__ = ["carbons", "last_activity"]
