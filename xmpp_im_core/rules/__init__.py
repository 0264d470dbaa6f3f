"""Every rule that the code obeys, as a constant that cites its requirements. Each chapter or concept has a module.

Each row of Appendix A and each cell of Table 1 also has a rule. Those rules stand in the tables: in
``xmpp_im_core.subscription`` and in ``xmpp_im_core.server.delivery.message_table``.
"""

from __future__ import annotations

from xmpp_im_core.rules.rule import Rule, rule, section_of

__all__ = ["Rule", "rule", "section_of"]
