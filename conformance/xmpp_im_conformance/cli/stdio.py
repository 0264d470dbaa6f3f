"""``python -m xmpp_im_conformance.cli.stdio``: the core as a program that the stdio driver can start."""

from __future__ import annotations

import sys

from xmpp_im_conformance.cli import exit_if_incomplete


def main() -> None:
    """Answer requests until standard input ends."""
    exit_if_incomplete("xmpp_im_conformance.cli.stdio")
    from importlib.metadata import version

    from xmpp_im_conformance.drivers.embedded import Embedded
    from xmpp_im_conformance.drivers.embedded.client import EVENTS
    from xmpp_im_conformance.drivers.embedded.client_features import CLIENT_FEATURES
    from xmpp_im_conformance.drivers.embedded.features import FEATURES
    from xmpp_im_conformance.drivers.stdio.serving import Serving

    Serving(
        "xmpp_im_core",
        version("xmpp_im_core"),
        Embedded(),
        sorted(FEATURES),
        sorted(EVENTS),
        sorted(CLIENT_FEATURES),
    ).serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
