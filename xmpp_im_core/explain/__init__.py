"""Which clause sent this stanza to whom, and why there is silence.

``explain(state, event)`` takes the step again. ``str()`` of what it returns reads like this::

    juliet@capulet.example, event e2 at 2026-07-12 12:00:00+00:00: balcony#1 sent: presence

    sent
      1. fan out presence from juliet@capulet.example/balcony
         why subscribed: romeo@montague.example
         by  presence:update: ...
"""

from __future__ import annotations

from xmpp_im_core.explain.explaining import explain, explain_served, explain_step
from xmpp_im_core.explain.explanation import Explained, Explanation, Reason

__all__ = ["Explained", "Explanation", "Reason", "explain", "explain_served", "explain_step"]
