"""Read a stream in pieces: a push parser over expat. It refuses the same XML as the parser of documents.

* The parser feeds expat only bytes that may belong to a stanza within the limits. So it refuses a stanza that is too
  large before expat parses it, whatever the size of the pieces.
* Expat reads an unfinished tag again with each piece. So the parser holds back the pieces of a long tag until the tag
  ends or has doubled in length.
* Expat keeps every name and prefix until its document ends, and a stream may last for months. So the parser takes a new
  expat at the first stanza that begins after a fixed number of bytes. Where the pieces end has no influence on this.
* Expat is most of the memory of a stream, and most streams are idle. So an idle parser can do without it.
* Expat joins the pieces of a text (``buffer_text``), so no handler has to. It reports a text in pieces only if the text
  is long or the bytes came in pieces; these are joined at the end of the stanza.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

from xmpp_im_core.codec.amplification import check_namespace, check_tag, check_written
from xmpp_im_core.codec.errors import (
    BadFormat,
    CodecError,
    InvalidNamespace,
    TooLarge,
    UnsupportedEncoding,
    UnsupportedStanza,
)
from xmpp_im_core.codec.layouts import HeaderLayouts
from xmpp_im_core.codec.limits import Limits, usual_limits
from xmpp_im_core.codec.namespaces import COMPONENT, STREAMS, check_first_level, rescope
from xmpp_im_core.codec.parser_common import (
    WHITESPACE,
    Names,
    check_first_bytes,
    comment,
    doctype,
    processing_instruction,
    syntax_error,
    xml_declaration,
)
from xmpp_im_core.codec.recording import Recorder, build
from xmpp_im_core.codec.stream_events import NonStanza, StreamClosed, StreamEvent, StreamOpened
from xmpp_im_core.codec.utf8 import WholeCharacters, boundary
from xmpp_im_core.element import XML, XML_LANG, Element
from xmpp_im_core.jid import CACHED_LENGTH, cached_address, parse_address
from xmpp_im_core.stanza import CLIENT, EMPTY, HEADER, IQ, KINDS, Message, Presence, unread_payload

_SEPARATOR: Final = "\x01"
"""Separates namespace and name in expat's events. No XML 1.0 document can contain this character, not even by
reference, so a namespace cannot pass for another namespace with a name (CVE-2022-25236)."""

_RAW_LANG: Final = f"{XML}{_SEPARATOR}lang"
_RENEWED_AFTER: Final = 262_144  # bytes after which the next stanza is read by a new expat
_TEXT: Final = 2048  # bytes of text that expat joins; it reports a longer text in pieces
_PIECE: Final = 16_384  # bytes fed to expat at once; the bytes after the point of renewal are read twice
_LONG: Final = 1024  # bytes of unfinished markup, from which on pieces are held back
_MARKS: Final = re.compile(rb"[\"'>]")


class _Renewal(Exception):
    """Raised by a handler of expat at the beginning of a stanza that a new expat is to read."""


class StreamParser:
    """Reads one stream, from its header to its closing tag. Make a new parser when the stream is restarted.

    :param namespace: the content namespace of the stream.
    :param limits: the limits of the reader. The default is :data:`SERVER_TO_SERVER` in the namespace of servers, and
        :data:`SERVER_TO_CLIENT` in those of clients and components: what a client takes from its server. A server that
        reads from a client passes :data:`CLIENT_TO_SERVER`.
    :param also: the other namespaces in which first-level elements may be. XEP-0114 puts the stanzas of a component's
        stream into ``jabber:component:accept``; some servers send them in ``jabber:client``.
    :param strange_namespaces: whether elements may have namespaces with characters that no URI contains. This is for
        programs that show what a peer has written. The writer of this package refuses such elements.
    """

    __slots__ = (
        "_also",
        "_attributes",
        "_begun",
        "_between",
        "_characters",
        "_default",
        "_error",
        "_events",
        "_fed",
        "_first",
        "_header",
        "_headers",
        "_held",
        "_held_size",
        "_kind",
        "_kinds",
        "_lang",
        "_limit",
        "_limits",
        "_names",
        "_namespace",
        "_namespace_limit",
        "_open",
        "_parser",
        "_pieces",
        "_quote",
        "_ready",
        "_recorder",
        "_renewed",
        "_resting",
        "_root",
        "_scope",
        "_strange_namespaces",
        "_tail",
        "_written_limit",
        "in_others",
    )

    def __init__(
        self,
        namespace: str = CLIENT,
        limits: Limits | None = None,
        *,
        also: Collection[str] = frozenset(),
        strange_namespaces: bool = False,
    ) -> None:
        limits = usual_limits(namespace) if limits is None else limits
        self.in_others = 0
        """How many first-level elements were in one of the namespaces ``also``."""
        self._namespace = namespace
        self._scope = namespace  # the namespace of the unfinished first-level element
        self._also = also
        self._strange_namespaces = strange_namespaces
        self._limits = limits
        self._limit = limits.stanza_bytes
        self._written_limit = limits.written_bytes
        self._namespace_limit = limits.namespace
        self._ready = -1  # how many bytes may be fed without care: most between stanzas, none anywhere else
        # Positions count the bytes that the current expat has been fed.
        self._header = b""  # the bytes of the stream header, once it is complete
        self._pieces: list[bytes] = []  # the bytes fed until then
        self._first = 0  # position of the first element after the header
        self._default = ""
        self._lang: str | None = None
        self._open: bool | None = None  # None: before the header
        self._between = True  # whether the parser is outside of first-level elements
        self._characters = WholeCharacters()
        self._fed = 0
        self._begun = 0  # position of the first byte of the unfinished element
        self._renewed = 0  # position of the first byte after the header when this expat was new
        self._tail = b""  # the last bytes fed, which are unfinished and which expat will read again
        self._held: list[bytes] = []  # pieces not fed to expat, because they do not finish a tag
        self._held_size = 0
        self._quote = b""  # the quotation mark that is open at the end of the unfinished tag
        # The opening tag of the unfinished first-level element, as expat reports it, and its class if it is a stanza.
        self._root = ""
        self._attributes: list[str] = []
        self._kind: type[Message] | type[Presence] | type[IQ] | None = None
        self._kinds = {f"{namespace}{_SEPARATOR}{name}": kind for name, kind in KINDS.items()}
        self._events: list[StreamEvent] = []
        self._error: CodecError | None = None
        self._resting = False
        self._take_expat()
        self._parser.StartNamespaceDeclHandler = self._declared
        self._parser.StartElementHandler = self._recorder.start

    def _take_expat(self) -> None:
        self._names = Names(_split, strange=self._strange_namespaces)
        self._headers = HeaderLayouts(_RAW_LANG)
        recorder = self._recorder = Recorder(
            self._names,
            self._limits.depth,
            self._opened if self._open is None else self._first_level,
            self._first_level_ended,
            self._closed,
        )
        parser = self._parser = ParserCreate("UTF-8", _SEPARATOR, None)  # None: no dict to intern names in
        parser.ordered_attributes = True
        parser.buffer_size = _TEXT
        parser.buffer_text = True
        parser.EndElementHandler = recorder.end
        parser.CharacterDataHandler = recorder.records.append
        parser.XmlDeclHandler = xml_declaration
        parser.StartDoctypeDeclHandler = doctype
        parser.CommentHandler = comment
        parser.ProcessingInstructionHandler = processing_instruction
        if hasattr(parser, "SetReparseDeferralEnabled"):  # with deferral, a stanza in pieces would be reported late
            parser.SetReparseDeferralEnabled(False)

    def _take_another_expat(self) -> None:
        """Feed the stream header to a new expat, so that it continues after the header."""
        self._take_expat()
        self._parser.Parse(self._header, False)
        self._parser.StartElementHandler = self._recorder.start
        self._fed = self._begun = self._renewed = self._parser.CurrentByteIndex
        self._tail = b""

    @property
    def between(self) -> bool:
        """Whether the bytes that were fed end between two first-level elements: nothing of them is unfinished."""
        whole = self._between and not self._tail and not self._held and not self._characters.begun
        return whole and self._open is True and self._error is None

    def rest(self) -> bool:
        """Free the memory of expat while the stream is idle; the next bytes are read by a new expat.

        A resting parser takes about a tenth of the memory. Beginning again costs as much as reading a stanza, so call
        this when a stream has been silent for a while.

        :return: whether the parser rests. It does so only between stanzas, and not after an error.
        """
        if not self._resting and self._open and self._between and not self._tail and self._error is None:
            self._resting = True
            self._ready = -1
            del self._parser, self._recorder, self._names, self._headers
        return self._resting

    def feed(self, data: bytes) -> tuple[StreamEvent, ...]:
        """Return the events that these bytes complete, in order.

        A stanza without an xml:lang gets the language of the stream (RFC 6120 §8.1.5).

        :param data: the next bytes of the stream, cut anywhere.
        :raises CodecError: at the first byte that shows the error, or a little later inside a very long tag. The
            error's ``before`` has the events that the same bytes completed. Every later call raises the error again.
        """
        if self._error is not None:
            raise type(self._error)(*self._error.args)
        try:
            if len(data) <= self._ready and data.isascii():  # most calls: whole stanzas that follow whole stanzas
                self._parse(data)
            else:
                self._feed_with_care(data)
        except CodecError as error:
            self._error = type(error)(*error.args)
            error.before = tuple(self._events)
            raise
        events = tuple(self._events)
        self._events.clear()
        return events

    def _feed_with_care(self, data: bytes) -> None:
        """Feed bytes of any length that begin anywhere."""
        if self._resting and data:
            self._resting = False
            self._take_another_expat()
        self._ready = -1
        whole, broken = data, False
        if not data.isascii() or self._characters.begun:
            whole, broken = self._characters.take(data)
        room = self._limit - (self._fed - self._begun)
        if broken or len(self._tail) >= _LONG or len(whole) > _PIECE or len(whole) > room:
            self._take(whole, broken)
        elif whole:
            self._parse_with_care(whole)

    def _take(self, data: bytes, broken: bool) -> None:
        """Feed whole characters to expat, in pieces that stay within the limits.

        :param broken: whether bytes that are not UTF-8 follow them.
        """
        at = 0
        while at < len(data):
            room = self._limit - (self._fed + self._held_size - self._begun)
            end = boundary(data, at + min(room, _PIECE))
            if end == at:  # the next character would exceed the limit
                self._parse_held()
                raise TooLarge(f"more than {self._limit} bytes")
            piece, at = data[at:end], end
            if len(self._tail) >= _LONG:
                piece = self._held_back(piece, room)
            if piece:
                self._parse_with_care(piece)
        if broken:
            self._parse_held()
            raise UnsupportedEncoding("broken UTF-8")

    def _held_back(self, data: bytes, room: int) -> bytes:
        """Hold back a piece of long unfinished markup. Return the bytes to feed: none until it ends or has doubled."""
        if self._tail.startswith(b"<?"):
            ends = b"?>" in (self._held[-1] if self._held else self._tail)[-1:] + data
        else:  # the end of a comment does not matter, it is refused; other markup ends like a tag
            ends = not self._tail.startswith(b"<!") and self._ends(data)
        self._held.append(data)
        self._held_size += len(data)
        if not ends and len(data) < room and self._held_size < len(self._tail):
            return b""
        data = self._release_held()
        if ends:
            check_tag(self._tail + data, self._limits)
        return data

    def _release_held(self) -> bytes:
        held = b"".join(self._held)
        self._held.clear()
        self._held_size = 0
        return held

    def _parse_held(self) -> None:
        """Feed the held pieces to expat: they may contain an error that precedes the one to be raised."""
        if self._held:
            self._parse_with_care(self._release_held())

    def _ends(self, data: bytes) -> bool:
        """Whether these bytes, which continue a tag, contain its end: a ">" outside of quotation marks."""
        for mark in _MARKS.findall(data):
            if self._quote:
                self._quote = b"" if mark == self._quote else self._quote
            elif mark == b">":
                return True
            else:
                self._quote = mark
        return False

    def _parse_with_care(self, data: bytes) -> None:
        """Feed a piece to expat; it may be the first one, or contain a namespace that is too long."""
        if self._fed < 2:
            check_first_bytes(data, self._fed)
        if len(self._tail) + len(data) > self._namespace_limit:  # shorter data cannot contain a namespace too long
            self._parser.StartNamespaceDeclHandler = self._declared
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Feed a piece to expat."""
        try:
            self._parser.Parse(data, False)
        except _Renewal:
            self._renew(data)
            return
        except (CodecError, ExpatError) as error:
            if self._between and self._open is not None:
                self._parser.buffer_text = False  # expat reports the text that it has kept back
                self._check_between()  # the text precedes the error that expat has found
            raise syntax_error(str(error), error.code) if isinstance(error, ExpatError) else error from None
        fed = self._fed = self._fed + len(data)
        read = self._parser.CurrentByteIndex
        if self._between and self._open is not None:
            if self._recorder.records:
                self._check_between()
            self._begun = read
            if read == fed and self._ready >= 0:
                return
        self._note_end(data, read)

    def _note_end(self, data: bytes, read: int) -> None:
        """Note where a piece ends: what of it is unfinished, and whether the next one may be fed without care."""
        if read == self._fed:
            self._tail = b""
        else:
            self._note_unfinished(data, self._fed - read)
        if not self._header:
            self._keep_header(data)
        if self._fed - self._begun >= self._limit:
            raise TooLarge(f"more than {self._limit} bytes")
        ready = self._begun == self._fed and self._open and not self._characters.begun
        self._ready = min(self._limit, self._namespace_limit, _PIECE) if ready else -1

    def _renew(self, data: bytes) -> None:
        """Continue with a new expat at the stanza that was about to begin."""
        unread = (self._tail + data)[self._begun - (self._fed - len(self._tail)) :]
        self._take_another_expat()
        self._parse_with_care(unread)

    def _note_unfinished(self, data: bytes, unfinished: int) -> None:
        """Keep the bytes that expat will read again, and note whether they end inside quotation marks."""
        data = data if len(data) >= unfinished else self._tail + data
        self._tail = data[len(data) - unfinished :]
        if unfinished >= _LONG:
            self._quote = b""
            self._ends(self._tail)

    def _keep_header(self, data: bytes) -> None:
        """Keep the bytes of the header, and any whitespace after it, for the next expat."""
        self._pieces.append(data)
        if self._open is not None:
            self._parser.StartNamespaceDeclHandler = None
            self._header = b"".join(self._pieces)[: self._first or self._begun]
            self._pieces.clear()

    def _check_between(self) -> None:
        """Refuse text between stanzas except whitespace.

        "either entity MAY send whitespace as separators" (RFC 6120 §11.7)
        """
        records = self._recorder.records
        text = "".join([record for record in records if isinstance(record, str)])
        records.clear()
        if text.strip(WHITESPACE):
            raise BadFormat("text between the stanzas")

    # --- what expat reports outside of first-level elements; inside of them the recorder does all ---

    def _declared(self, prefix: str | None, namespace: str | None) -> None:
        check_namespace(namespace or "", self._limits)
        if prefix is None:
            self._default = namespace or ""

    def _opened(self, raw: str, attributes: list[str]) -> int:
        namespace, name, *_ = self._names[raw]
        if namespace != STREAMS:
            raise InvalidNamespace(f"the stream is in the namespace {namespace!r}")
        if self._default not in ("", STREAMS, self._namespace):
            raise InvalidNamespace(f"the default namespace of the stream is {self._default!r}")
        if name != "stream":
            raise BadFormat(f"the root is <{name}>")
        header = dict(self._recorder.attributes(attributes))
        to, from_ = [parse_address(header[key]) if key in header else None for key in ("to", "from")]
        self._lang = header.get(XML_LANG)
        self._events.append(StreamOpened(to, from_, header.get("id"), header.get("version"), self._lang))
        self._open = True
        self._recorder.outside = self._first_level
        return 0

    def _first_level(self, raw: str, attributes: list[str]) -> int:
        recorder = self._recorder
        if recorder.records:
            self._check_between()
        self._begun = self._parser.CurrentByteIndex
        if self._begun - self._renewed > _RENEWED_AFTER:
            raise _Renewal
        kind = self._kind = self._kinds.get(raw)
        self._scope = self._namespace
        if kind is None:
            self._kind = self._kind_of_other(raw)
        self._root = raw
        self._attributes = attributes
        self._between = False
        if not self._first:
            self._first = self._begun
        return 1

    def _kind_of_other(self, raw: str) -> type[Message] | type[Presence] | type[IQ] | None:
        """Return the class of a stanza in a namespace that is allowed too. Refuse what is nothing of the stream."""
        namespace, name, *_ = self._names[raw]
        if namespace in self._also:
            self._scope = namespace
            self.in_others += 1
            return KINDS.get(name)
        # A component's <handshake/> is in its content namespace too (XEP-0114).
        if namespace == self._namespace and namespace != COMPONENT:
            raise UnsupportedStanza(f"<{name}> in {namespace}")
        check_first_level(namespace, self._namespace)
        return None

    def _first_level_ended(self) -> None:
        recorder = self._recorder
        size = self._parser.CurrentByteIndex - self._begun
        if self._begun < self._fed or size > _TEXT:
            recorder.join_text()
        if size * self._names.growth > self._written_limit:
            check_written(self._element(), self._scope, self._limits)
        if self._kind is None:
            self._events.append(NonStanza(rescope(self._element(), self._scope, CLIENT)))
            recorder.take(self._scope)
        else:
            self._events.append(self._stanza(self._kind))
        self._between = True

    def _stanza(self, kind: type[Message] | type[Presence] | type[IQ]) -> Message | Presence | IQ:
        """Return the stanza. Nearly all have no other attributes than those of the header."""
        recorder, attributes = self._recorder, self._attributes
        pick, others = self._headers[tuple(attributes[::2])]
        to, from_, id, type, lang = pick([*attributes, None])
        return kind(
            None if to is None else cached_address(to) if len(to) <= CACHED_LENGTH else parse_address(to),
            None if from_ is None else cached_address(from_) if len(from_) <= CACHED_LENGTH else parse_address(from_),
            id,
            type,
            self._lang if lang is None else lang,
            unread_payload(recorder.take(self._scope)) if recorder.records else EMPTY,
            self._others() if others else (),
        )

    def _others(self) -> tuple[tuple[str, str], ...]:
        """Return the attributes of the stanza that do not belong to its header."""
        return tuple([pair for pair in self._recorder.attributes(self._attributes) if pair[0] not in HEADER])

    def _element(self) -> Element:
        """Return the first-level element, in the namespaces of the stream."""
        recorder = self._recorder
        namespace, name, *_ = self._names[self._root]
        return Element(name, namespace, recorder.attributes(self._attributes), build(recorder.records))

    def _closed(self) -> None:
        self._check_between()
        self._open = False
        self._events.append(StreamClosed())


def _split(raw: str) -> tuple[str, str]:
    namespace, _, name = raw.rpartition(_SEPARATOR)
    return namespace, name
