"""Extensions: each one is a reducer around another reducer. They use only the public interface.

``docs/extensions.md`` shows how to write an extension.
"""

from __future__ import annotations

from xmpp_im_core.extensions.carbons import carbons
from xmpp_im_core.extensions.last_activity import last_activity

__all__ = ["carbons", "last_activity"]
