"""``python -m xmpp_im_conformance.stdio``: this implementation, for whoever drives it over the protocol."""

from __future__ import annotations

import sys
from importlib.metadata import version

from xmpp_im_conformance.client_features import CLIENT_FEATURES
from xmpp_im_conformance.embedded import Embedded
from xmpp_im_conformance.embedded.features import FEATURES
from xmpp_im_conformance.embedded_client import EVENTS, EmbeddedClient
from xmpp_im_conformance.stdio.serving import Serving

if __name__ == "__main__":
    Serving(
        "xmpp_im_core",
        version("xmpp_im_core"),
        Embedded(),
        sorted(FEATURES),
        EmbeddedClient(),
        sorted(EVENTS),
        sorted(CLIENT_FEATURES),
    ).serve(sys.stdin.buffer, sys.stdout.buffer)
