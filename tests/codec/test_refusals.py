"""What is no XML of XMPP is refused, by name, by documents and streams alike (RFC 6120 §11, §4.9.3)."""

from __future__ import annotations

import pytest

from tests.codec.readers import Reader, every_reader, feed, header
from tests.one_test import in_one_test
from xmpp_im_core.codec import (
    BadFormat,
    CodecError,
    InvalidNamespace,
    Limits,
    NotWellFormed,
    RestrictedXML,
    StreamParser,
    TooDeep,
    TooLarge,
    UnsupportedEncoding,
    UnsupportedStanza,
    parse_element,
)
from xmpp_im_core.stanza import Message

LOLS = "<!DOCTYPE lolz [<!ENTITY a 'lol'>" + "".join(f"<!ENTITY a{n} '{'&a;' * 10}'>" for n in range(10)) + "]>"

BEFORE = {  # what stands before the root
    "a document type declaration": (b"<!DOCTYPE message>", RestrictedXML),
    "an external DTD": (b"<!DOCTYPE message SYSTEM 'file:///etc/passwd'>", RestrictedXML),
    "an internal subset": (b"<!DOCTYPE message [<!ATTLIST message to CDATA 'x'>]>", RestrictedXML),
    "an internal entity": (b"<!DOCTYPE message [<!ENTITY a 'b'>]>", RestrictedXML),
    "an external entity": (b"<!DOCTYPE message [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>", RestrictedXML),
    "a parameter entity": (b"<!DOCTYPE message [<!ENTITY % a 'b'> %a;]>", RestrictedXML),
    "a billion laughs": (LOLS.encode(), RestrictedXML),
    "a comment": (b"<!-- O Romeo -->", RestrictedXML),
    "a processing instruction": (b"<?xml-stylesheet href='a'?>", RestrictedXML),
    "XML 1.1": (b"<?xml version='1.1'?>", BadFormat),
    "UTF-16 declared": (b"<?xml version='1.0' encoding='UTF-16'?>", UnsupportedEncoding),
    "Latin 1 declared": (b"<?xml version='1.0' encoding='ISO-8859-1'?>", UnsupportedEncoding),
    "an encoding that nobody knows": (b"<?xml version='1.0' encoding='x-romeo'?>", UnsupportedEncoding),
    "a declaration behind whitespace": (b" <?xml version='1.0'?>", NotWellFormed),
    "two declarations": (b"<?xml version='1.0'?><?xml version='1.0'?>", NotWellFormed),
    "a byte order mark": (b"\xef\xbb\xbf", NotWellFormed),
    "text": (b"O Romeo", NotWellFormed),
    "text behind whitespace": (b"\n O Romeo", NotWellFormed),
    "a byte order mark of UTF-16": (b"\xff\xfe", UnsupportedEncoding),
    "the other one": (b"\xfe\xff", UnsupportedEncoding),
    "UTF-16 without one": (b"<\0", UnsupportedEncoding),
    "the other way round": (b"\0<", UnsupportedEncoding),
}

INSIDE = {  # what stands where a stanza should, or in it
    "a comment": (b"<message><!-- O Romeo --></message>", RestrictedXML),
    "a processing instruction": (b"<message><?romeo?></message>", RestrictedXML),
    "an undeclared entity": (b"<message><body>&nbsp;</body></message>", RestrictedXML),
    "an undeclared entity in an attribute": (b"<message to='&romeo;'/>", RestrictedXML),
    "an XML declaration": (b"<message><?xml version='1.0'?></message>", NotWellFormed),
    "a document type declaration": (b"<message><!DOCTYPE a></message>", NotWellFormed),
    "a tag that does not close": (b"<message><body></message>", NotWellFormed),
    "an attribute twice": (b"<message to='a' to='b'/>", NotWellFormed),
    "an attribute twice by two prefixes": (
        b"<message xmlns:a='urn:x' xmlns:b='urn:x' a:to='1' b:to='2'/>",
        NotWellFormed,
    ),
    "a default namespace twice": (b"<message xmlns='urn:a' xmlns='jabber:client'/>", NotWellFormed),
    "an attribute without a value": (b"<message to/>", NotWellFormed),
    "an attribute without quotes": (b"<message to=romeo/>", NotWellFormed),
    "a bare ampersand": (b"<message><body>a & b</body></message>", NotWellFormed),
    "a bare '<' in an attribute": (b"<message to='<'/>", NotWellFormed),
    "']]>' in text": (b"<message>]]></message>", NotWellFormed),
    "a reference to NUL": (b"<message>&#0;</message>", NotWellFormed),
    "a reference to a control character": (b"<message to='&#x1;'/>", NotWellFormed),
    "a reference to a surrogate": (b"<message>&#xD800;</message>", NotWellFormed),
    "NUL": (b"<message>\0</message>", NotWellFormed),
    "a control character": (b"<message>\x08</message>", NotWellFormed),
    "U+FFFF": (b"<message>\xef\xbf\xbf</message>", NotWellFormed),
    "a byte that is no UTF-8": (b"<message>\xff</message>", UnsupportedEncoding),
    "Latin 1": (b"<message><body>caf\xe9</body></message>", UnsupportedEncoding),
    "Latin 1 in an attribute": (b"<message to='caf\xe9'/>", UnsupportedEncoding),
    "an overlong '/'": (b"<message>\xc0\xaf</message>", UnsupportedEncoding),
    "a surrogate in UTF-8": (b"<message>\xed\xa0\x80</message>", UnsupportedEncoding),
    "a code point above Unicode": (b"<message>\xf4\x90\x80\x80</message>", UnsupportedEncoding),
    "a name that begins with a digit": (b"<message><1a/></message>", NotWellFormed),
    "a prefix that is not declared": (b"<message><x:body/></message>", NotWellFormed),
    "a prefix that is not declared, on the stanza": (b"<x:message/>", NotWellFormed),
    "an attribute's prefix that is not declared": (b"<message x:a='b'/>", NotWellFormed),
    "two colons": (b"<message xmlns:a='urn:x'><a:b:c/></message>", NotWellFormed),
    "a prefix undeclared again": (b"<message xmlns:a='urn:x'><b xmlns:a=''/></message>", NotWellFormed),
    "another meaning for 'xml'": (b"<message xmlns:xml='urn:x'/>", NotWellFormed),
    "another prefix for 'xml'": (
        b"<message xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        NotWellFormed,
    ),
    "a meaning for 'xmlns'": (b"<message xmlns:xmlns='urn:x'/>", NotWellFormed),
    "the namespace of 'xmlns'": (b"<message xmlns:x='http://www.w3.org/2000/xmlns/'/>", NotWellFormed),
    "a namespace with a brace": (b"<message xmlns='urn:x}body'/>", NotWellFormed),
    "a namespace with a brace in front": (b"<message xmlns='{jabber:client'/>", NotWellFormed),
    "a namespace with a line end": (b"<message><x xmlns='urn:x&#10;body'/></message>", NotWellFormed),
    "a namespace with a space": (b"<message><x xmlns='urn:x body'/></message>", NotWellFormed),
    "a prefixed namespace with a brace": (b"<message xmlns:a='urn:x}y' a:b='c'/>", NotWellFormed),
    "another name": (b"<pubsub/>", UnsupportedStanza),
    "a name in another case": (b"<Message/>", UnsupportedStanza),
    "a stanza of another stream": (b"<message xmlns='jabber:server'/>", InvalidNamespace),
    "a stanza of a component's stream": (b"<iq xmlns='jabber:component:accept'/>", InvalidNamespace),
}

CONDITIONS = {
    NotWellFormed: "not-well-formed",
    RestrictedXML: "restricted-xml",
    UnsupportedEncoding: "unsupported-encoding",
    BadFormat: "bad-format",
    TooLarge: "policy-violation",
    TooDeep: "policy-violation",
    InvalidNamespace: "invalid-namespace",
    UnsupportedStanza: "unsupported-stanza-type",
}


@in_one_test("error", CONDITIONS)
def test_each_error_names_the_condition_that_closes_the_stream(error: type[CodecError]) -> None:
    assert error.condition == CONDITIONS[error]
    assert issubclass(error, CodecError)


def test_there_is_no_error_without_a_condition() -> None:
    own = {each for each in CodecError.__subclasses__() if each.__module__.startswith("xmpp_im_core.")}

    assert own == set(CONDITIONS)


@every_reader
@in_one_test("attack", BEFORE)
def test_before_the_root(read: Reader, attack: str) -> None:
    before, error = BEFORE[attack]

    with pytest.raises(CodecError) as caught:
        read(b"<message/>", before=before)

    assert type(caught.value) is error


@every_reader
@in_one_test("attack", INSIDE)
def test_in_the_place_of_a_stanza(read: Reader, attack: str) -> None:
    data, error = INSIDE[attack]

    with pytest.raises(CodecError) as caught:
        read(data)

    assert type(caught.value) is error


@every_reader
def test_nothing_valid_is_refused(read: Reader) -> None:
    assert read(b"<message/>", before=b"<?xml version='1.0' encoding='utf-8' standalone='no'?>\n") == Message()
    assert read(b"<message/>", before=b"<?xml version='1.0'?>") == Message()
    assert read(b"<message/>", before=b"\n ") == Message()


# --- limits -------------------------------------------------------------------------------------------------

SMALL = Limits(stanza_bytes=400, depth=4)


def padded(form: bytes, size: int) -> bytes:
    return form.replace(b"~", b"a" * (size - len(form) + 1))


@every_reader
@in_one_test("form", [b"<message id='~'/>", b"<message><body>~</body></message>", b"<message ~='x'></message>"])
def test_a_stanza_may_have_as_many_bytes_as_the_limits_say(read: Reader, form: bytes) -> None:
    read(padded(form, 400), limits=SMALL)

    with pytest.raises(TooLarge):
        read(padded(form, 401), limits=SMALL)


@every_reader
def test_characters_are_counted_as_bytes(read: Reader) -> None:
    with pytest.raises(TooLarge):
        read("<message><body>{}</body></message>".format("é" * 199).encode(), limits=SMALL)


def test_a_document_given_as_text_is_measured_in_bytes_too() -> None:
    parse_element("<a>{}</a>".format("é" * 196), limits=SMALL)
    for text in ("<a>{}</a>".format("é" * 197), "<a>{}</a>".format("e" * 394)):
        with pytest.raises(TooLarge):
            parse_element(text, limits=SMALL)


@every_reader
def test_a_stanza_may_have_as_many_levels_as_the_limits_say(read: Reader) -> None:
    read(b"<message><a><b><c/></b></a></message>", limits=SMALL)

    with pytest.raises(TooDeep):
        read(b"<message><a><b><c><d/></c></b></a></message>", limits=SMALL)


@every_reader
def test_a_hundred_thousand_levels(read: Reader) -> None:
    with pytest.raises(TooDeep):
        read(b"<message>" + b"<a>" * 80_000)


@every_reader
def test_an_attribute_of_a_megabyte(read: Reader) -> None:
    with pytest.raises(TooLarge):
        read(b"<message id='" + b"a" * 1_000_000 + b"'/>", limits=Limits(stanza_bytes=10_000))


@every_reader
def test_text_in_very_many_pieces(read: Reader) -> None:
    body = "\n&lt;" * 25_000

    stanza = read(f"<message><body>{body}</body></message>".encode())

    assert stanza.payload.elements[0].text == "\n<" * 25_000


def test_a_stream_header_is_limited_as_well() -> None:
    with pytest.raises(TooLarge):
        StreamParser(limits=SMALL).feed(header(attributes=f"id='{'a' * 400}'"))


def test_what_is_too_large_is_refused_before_its_end_is_seen() -> None:
    parser = StreamParser(limits=SMALL)
    parser.feed(header())

    parser.feed(padded(b"<message id='~", 399))
    with pytest.raises(TooLarge):
        parser.feed(b"a")


def test_many_stanzas_together_may_be_larger_than_one() -> None:
    stanza = b"<message><body>O Romeo</body></message>  "

    events = feed(StreamParser(limits=SMALL), [header() + stanza * 100])

    assert len(events) == 101


# --- documents only -----------------------------------------------------------------------------------------


@in_one_test(
    ("data", "error"),
    [
        (b"", NotWellFormed),
        ("", NotWellFormed),
        (b" ", NotWellFormed),
        (b"<message>", NotWellFormed),
        (b"<message/><message/>", NotWellFormed),
        (b"<message/>O Romeo", NotWellFormed),
        (b"<message/><!-- O Romeo -->", RestrictedXML),
        (b"<message/></message>", NotWellFormed),
        ("<message>\ud800</message>", UnsupportedEncoding),
        ("\ufeff<message/>", NotWellFormed),
        ("<?xml version='1.0' encoding='utf-16'?><message/>", UnsupportedEncoding),
        ("<message/>".encode("utf-16"), UnsupportedEncoding),
        ("<message/>".encode("utf-16-le"), UnsupportedEncoding),
        ("<message/>".encode("utf-16-be"), UnsupportedEncoding),
        ("<message/>".encode("utf-32"), UnsupportedEncoding),
    ],
)
def test_a_document_is_one_element_in_utf_8(data: bytes | str, error: type[CodecError]) -> None:
    with pytest.raises(CodecError) as caught:
        parse_element(data)

    assert type(caught.value) is error
