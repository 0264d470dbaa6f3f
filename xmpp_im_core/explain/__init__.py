"""Why a step sent this stanza to these recipients, or why it sent nothing.

``explain(state, event)`` takes the step again. ``str()`` of the result reads like this::

    juliet@capulet.example, event e2 at 2026-07-12 12:00:00+00:00: balcony#1 sent: presence

    sent
      1. fan out presence from juliet@capulet.example/balcony
         why subscribed: romeo@montague.example
         by  presence:update: ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xmpp_im_core.explain.explaining import explain, explain_served, explain_step
    from xmpp_im_core.explain.explanation import Explained, Explanation, Reason

__all__ = ["Explained", "Explanation", "Reason", "explain", "explain_served", "explain_step"]


def __getattr__(name: str) -> object:
    """Import a name when it is first used, so that ``xmpp-im-explain --help`` does not import the server half."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "explaining" if name.startswith("explain") else "explanation"
    return getattr(import_module(f"{__name__}.{module}"), name)
