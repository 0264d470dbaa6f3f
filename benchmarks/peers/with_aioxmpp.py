"""aioxmpp, its parser and its writer alone."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import aioxmpp.stanza
import aioxmpp.xml
import aioxmpp.xso

from benchmarks import documents
from benchmarks.peers import Take


def reader() -> Take:
    """Return a reader that gives stanzas."""
    got: list[object] = []
    stanzas: Any = aioxmpp.xso.XSOParser()
    for kind in (aioxmpp.stanza.Message, aioxmpp.stanza.Presence, aioxmpp.stanza.IQ):
        stanzas.add_class(kind, got.append)
    parser: Any = aioxmpp.xml.make_parser()
    processor: Any = aioxmpp.xml.XMPPXMLProcessor()
    processor.stanza_parser = stanzas
    parser.setContentHandler(processor)
    parser.feed(documents.HEADER.replace(b" to='capulet.example'", b" from='capulet.example' id='s'"))

    def take(data: bytes) -> list[object]:
        parser.feed(data)
        done = got[:]
        got.clear()
        return done

    return take


def writer(data: bytes) -> Callable[[], object]:
    """Return the writing of a stanza that was read from this."""
    taken = reader()(data)
    assert isinstance(taken, list)
    (stanza,) = taken
    return lambda: aioxmpp.xml.write_single_xso(stanza, io.BytesIO())
