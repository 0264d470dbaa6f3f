"""The command ``xmpp-im-host``."""

from __future__ import annotations

from xmpp_im_host.command.main import main

__all__ = ["main"]
