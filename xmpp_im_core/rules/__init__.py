"""Every rule that the code obeys, as a constant that cites its requirements: one module per RFC chapter or concept.

The rows of the RFC's tables carry rules of their own, which stand beside the cells: Appendix A in
``xmpp_im_core.subscription``, Table 1 in ``xmpp_im_core.server.delivery.message_table``.
"""

from __future__ import annotations

from xmpp_im_core.rules.rule import Rule, rule

__all__ = ["Rule", "rule"]
