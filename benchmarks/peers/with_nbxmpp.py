"""nbxmpp, without its connection. It needs PyGObject and libsoup (on Debian: python3-gi, gir1.2-soup-3.0)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

if find_spec("gi") is None:
    sys.path.append("/usr/lib/python3/dist-packages")  # Debian's directory, which a virtual environment does not search

from nbxmpp.dispatcher import StanzaDispatcher
from nbxmpp.protocol import JID, Iq, Message, Presence
from nbxmpp.simplexml import NodeBuilder

from benchmarks import documents
from benchmarks.peers import Take

_KINDS = {"message": Message, "presence": Presence, "iq": Iq}


def _nothing(*_: object) -> None:
    pass


def reader() -> Take:
    """Return a reader that gives stanzas."""
    got: list[object] = []
    builder: Any = NodeBuilder(dispatch_depth=2, finished=False)
    builder.dispatch = _nothing
    builder.Parse(documents.HEADER.decode())
    builder.dispatch = lambda node: got.append(_KINDS[node.getName()](node=node))

    def take(data: bytes) -> list[object]:
        builder.Parse(data.decode())
        done = got[:]
        got.clear()
        return done

    return take


def writer(data: bytes) -> Callable[[], object]:
    """Return the writing of a stanza that was read from this."""
    taken = reader()(data)
    assert isinstance(taken, list)
    (stanza,) = taken
    return lambda: str(stanza)


class _Client:
    """The part of a client that the modules of nbxmpp use."""

    log_context = "benchmark"
    is_websocket = False

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.jid = JID.from_string("juliet@capulet.example/balcony")

    def get_bound_jid(self) -> object:
        return self.jid

    def send_stanza(self, stanza: object, *_: object, **__: object) -> None:
        self.sent.append(str(stanza).encode())

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: object, **__: object) -> Any:
        return self


def client() -> Take:
    """Return a dispatcher with all its modules."""
    logging.getLogger("nbxmpp").setLevel(logging.CRITICAL)
    one: Any = _Client()
    dispatcher: Any = StanzaDispatcher(one)
    dispatcher.reset_parser()
    dispatcher.process_data(documents.HEADER.decode())

    def take(data: bytes) -> list[bytes]:
        dispatcher.process_data(data.decode())
        done: list[bytes] = one.sent[:]
        one.sent.clear()
        return done

    return take
