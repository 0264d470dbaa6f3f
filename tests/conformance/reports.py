"""A run with a vector of every outcome and kind, one of them hostile, for the tests of the page about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.conformance.stage import BALCONY, receive, scenario, send
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.running.outcome import Result
from xmpp_im_conformance.running.run import run_vector

EVIL: Final = "</script></pre><img src=x onerror=\"document.title='taken over'\">{{ 7 * 7 }}"
"""What must stand on the page as it stands here, and do nothing."""
_ESCAPED: Final = EVIL.replace("<", "&lt;")

VECTORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "good": scenario(
        send("<presence/>"),
        receive("<presence from='{any}' to='{any}'/>"),
        title="A client hears of itself",
        rfc=["6121 4.2.2"],
        requirements=["6121-4.2.2-02"],
        note="The first of many.",
    ),
    "wrong": scenario(
        send("<presence/>"),
        receive("<presence to='nobody' from='{any}'/>"),
        {"silent": [BALCONY]},
        title="A presence for nobody",
        rfc=["6121 4.4"],
    ),
    "left": scenario(send("<presence/>"), title="Something is left at the end", rfc=["6121 4.4.2"]),
    "hostile": scenario(
        send(f"<message to='romeo@remote.example'><body>{_ESCAPED}</body></message>"),
        # It fails, so that the page tells what came too.
        {"remote_receive": f"<message type='chat'><body>{_ESCAPED}</body></message>"},
        title=EVIL,
        note=EVIL,
        rfc=["6121 5"],
    ),
    "elsewhere": scenario(features=["mam"], title="An archive", rfc=["6121 11"]),
    "malformed": {**scenario(rfc=["6121 12"]), EVIL: 1},
    "client": {
        "title": "A client asks for the roster",
        "rfc": ["6121 2.1.3"],
        "account": "juliet@capulet.example",
        "steps": [
            {"client_does": {"action": "get_roster"}},
            {"expect_sent": "<iq type='get'><query xmlns='jabber:iq:roster'/></iq>"},
        ],
    },
}


def results(folder: Path) -> list[Result]:
    """Write the vectors into a folder and run them."""
    for name, vector in VECTORS.items():
        (folder / f"{name}.json").write_text(json.dumps(vector), encoding="utf-8")
    return [run_vector(vector, Embedded()) for vector in find([folder])]
