"""The core as a program that answers on standard input and output: ``python -m xmpp_im_conformance.stdio``."""

from __future__ import annotations

import sys
from importlib.metadata import version

from xmpp_im_conformance.client_features import CLIENT_FEATURES
from xmpp_im_conformance.embedded import Embedded
from xmpp_im_conformance.embedded.features import FEATURES
from xmpp_im_conformance.embedded_client import EVENTS, EmbeddedClient
from xmpp_im_conformance.stdio.serving import Serving


def main() -> None:
    """Answer until standard input ends."""
    Serving(
        "xmpp_im_core",
        version("xmpp_im_core"),
        Embedded(),
        sorted(FEATURES),
        EmbeddedClient(),
        sorted(EVENTS),
        sorted(CLIENT_FEATURES),
    ).serve(sys.stdin.buffer, sys.stdout.buffer)
