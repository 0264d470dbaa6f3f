"""``python -m xmpp_im_conformance.stdio``: the core, for anyone who drives it over the protocol."""

from __future__ import annotations

from xmpp_im_conformance.cli import stdio

if __name__ == "__main__":
    stdio()
