"""Writing: well-formed and namespace-correct, whatever tree is given; and the fan-out."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from xml.parsers import expat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from xmpp_im_core.codec import (
    COMPONENT,
    SERVER,
    Unwritable,
    parse_element,
    parse_stanza,
    stanza_writer,
    write_element,
    write_fan_out,
    write_stanza,
)
from xmpp_im_core.codec.escaping import escape_value
from xmpp_im_core.codec.xml_names import is_name
from xmpp_im_core.element import XML_LANG, Element, element, from_etree
from xmpp_im_core.jid import parse_address
from xmpp_im_core.stanza import CLIENT, Message, Presence, Stanza, payload, to_element
from xmpp_im_core.testing.value_strategies import elements, stanzas

BODY = element("body", CLIENT, {}, ["Art thou not Romeo, and a Montague?"])
MESSAGE = Message(
    parse_address("Romeo@example.net"),
    parse_address("juliet@example.com/balcony"),
    "m1",
    "chat",
    "en",
    payload(BODY, element("active", "http://jabber.org/protocol/chatstates")),
)
NAMESPACES = [CLIENT, SERVER, COMPONENT]
XML = "http://www.w3.org/XML/1998/namespace"


# --- what is written ----------------------------------------------------------------------------------------


def test_a_stanza_as_it_stands_in_a_stream() -> None:
    written = write_stanza(MESSAGE)

    assert written == (
        b'<message to="Romeo@example.net" from="juliet@example.com/balcony" id="m1" type="chat" xml:lang="en">'
        b"<body>Art thou not Romeo, and a Montague?</body>"
        b'<active xmlns="http://jabber.org/protocol/chatstates"/>'
        b"</message>"
    )


def test_an_empty_stanza() -> None:
    assert write_stanza(Presence()) == b"<presence/>"


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_the_content_namespace_is_the_default_of_the_stream(namespace: str) -> None:
    assert write_stanza(MESSAGE, namespace) == write_stanza(MESSAGE)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_stanza_that_declares_its_namespace_is_a_document(namespace: str) -> None:
    written = write_stanza(MESSAGE, namespace, declare=True)

    assert ET.fromstring(written).tag == f"{{{namespace}}}message"
    assert ET.fromstring(written)[0].tag == f"{{{namespace}}}body"
    assert parse_stanza(written, namespace) == MESSAGE


def test_an_element_that_declares_its_namespace() -> None:
    assert write_element(BODY, declare=True).startswith(b'<body xmlns="jabber:client">')
    assert write_element(element("a", "urn:x", {}, [element("b", "urn:x")]), declare=True) == (
        b'<a xmlns="urn:x"><b/></a>'
    )


def test_default_namespaces_are_nested() -> None:
    tree = element(
        "a",
        CLIENT,
        {},
        [
            element("b", "urn:x", {}, [element("c", "urn:x"), element("d", CLIENT), element("e", "")]),
            element("f", CLIENT),
        ],
    )

    assert write_element(tree) == (b'<a><b xmlns="urn:x"><c/><d xmlns="jabber:client"/><e xmlns=""/></b><f/></a>')


def test_attributes_in_a_namespace_get_a_prefix_declared_on_their_element() -> None:
    tree = element("a", CLIENT, {"{urn:x}b": "1", "{urn:y}b": "2", "b": "3", XML_LANG: "en"})

    written = write_element(tree)

    assert b"xmlns:" in written
    assert b'xml:lang="en"' in written
    assert parse_element(written) == tree


def test_an_element_in_the_namespace_of_xml() -> None:
    tree = element("a", CLIENT, {}, [element("b", XML, {}, [element("c", CLIENT), element("d", XML)])])

    assert write_element(tree) == b"<a><xml:b><c/><xml:d/></xml:b></a>"
    assert parse_element(write_element(tree)) == tree


def test_everything_that_a_parser_would_change_is_escaped() -> None:
    odd = "<&>\"' \t\n\r]]>\u0085\u2028\u00a0\ufeff"
    tree = element("a", "urn:x", {"b": odd, "c": " a  b "}, [odd, element("d", "urn:y"), odd])

    written = write_element(tree)

    assert parse_element(written) == tree
    assert from_etree(ET.fromstring(written)) == tree


def test_nothing_that_xmpp_forbids_can_be_written_into_text() -> None:
    for text in ("<!-- a -->", "<?a b?>", "<![CDATA[a]]>", "<!DOCTYPE a>", "&nbsp;", "&#0;", "</message>"):
        tree = element("a", CLIENT, {"b": text}, [text])

        assert parse_element(write_element(tree)) == tree


@in_one_test("character", ["\0", "\x01", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_a_character_that_xml_cannot_hold_is_replaced(character: str) -> None:
    message = Message(
        id=f"a{character}", payload=payload(element("body", CLIENT, {"b": character}, [f"O {character}Romeo"]))
    )

    assert parse_stanza(write_stanza(message)) == Message(
        id="a\ufffd", payload=payload(element("body", CLIENT, {"b": "\ufffd"}, ["O \ufffdRomeo"]))
    )


@in_one_test(
    "tree",
    [
        element("", CLIENT),
        element("a b", CLIENT),
        element("a:b", CLIENT),
        element("1a", CLIENT),
        element("-a", CLIENT),
        element("a>", CLIENT),
        element("a/><b", CLIENT),
        element("{urn:x}a", CLIENT),
        element("a\n", CLIENT),
        element("x" * 1000 + " ", CLIENT),
        element("a", "urn:x}y"),
        element("a", "urn:x y"),
        element("a", "urn:x\ny"),
        element("a", "urn:\0"),
        element("a", "http://www.w3.org/2000/xmlns/"),
        element("a", CLIENT, {"": "1"}),
        element("a", CLIENT, {"b c": "1"}),
        element("a", CLIENT, {"b:c": "1"}),
        element("a", CLIENT, {"xmlns": "urn:x"}),
        element("a", CLIENT, {"xmlns:b": "urn:x"}),
        element("a", CLIENT, {"{}b": "1"}),
        element("a", CLIENT, {"{urn:x}": "1"}),
        element("a", CLIENT, {"{urn:x": "1"}),
        element("a", CLIENT, {"{urn:x y}b": "1"}),
        element("a", CLIENT, {"{http://www.w3.org/2000/xmlns/}b": "1"}),
        Element("a", CLIENT, (("b", "1"), ("b", "2"))),
        Element("a", CLIENT, (("b", "1"), ("c", "1"), ("b", "1"))),
    ],
    ids=repr,
)
def test_a_tree_that_no_xml_can_stand_for_is_refused(tree: Element) -> None:
    for inside in (tree, element("message", CLIENT, {}, [tree])):
        with pytest.raises(Unwritable):
            write_element(inside)
    with pytest.raises(Unwritable):
        write_stanza(Message(payload=payload(tree)))
    with pytest.raises(Unwritable):
        write_fan_out(Message(payload=payload(tree)), ["romeo@example.net"])


NAMELIKE = st.one_of(
    st.sampled_from(["a", "xml", "xmlns", "xmlns:a", "{urn:x}a", "{}a", "{a", f"{{{XML}}}lang", "é", "·a"]),
    st.text(st.characters(max_codepoint=0xFF), max_size=4),  # beyond it, expat knows an older XML's names only
)
SPACELIKE = st.one_of(
    st.sampled_from([CLIENT, SERVER, "", "urn:x", XML, "http://www.w3.org/2000/xmlns/", "&amp;<>\"'"]),
    st.text(st.characters(max_codepoint=0x2FF), max_size=4),
)


@given(
    st.recursive(
        st.text(),
        lambda children: st.builds(
            element,
            NAMELIKE,
            SPACELIKE,
            st.dictionaries(NAMELIKE, st.text(), max_size=3),
            st.lists(children, max_size=3),
        ),
        max_leaves=5,
    ).filter(lambda tree: isinstance(tree, Element))
)
def test_every_input_is_refused_or_written_well_formed_in_its_namespaces(tree: Element) -> None:
    try:
        written = write_element(tree)
    except Unwritable:
        return

    read = parse_element(written)
    assert shape(read) == shape(tree)
    assert parse_element(write_element(read)) == read


def shape(tree: Element) -> object:
    attributes = [name for name, _ in tree.attributes]
    return tree.name, tree.namespace, attributes, [shape(child) for child in tree.elements]


def test_an_attribute_of_the_header_is_written_once() -> None:
    message = Message(parse_address("romeo@example.net"), attributes=(("extra", "1"), ("to", "x"), ("type", "y")))

    assert write_stanza(message) == b'<message to="romeo@example.net" extra="1"/>'


# --- the fan-out --------------------------------------------------------------------------------------------

RECIPIENTS = ["romeo@example.net", "nurse@example.com/\"'&<>\n", "example.org", "fußball@example.net"]


@given(stanzas(), st.lists(st.sampled_from(RECIPIENTS), max_size=5), st.sampled_from(NAMESPACES), st.booleans())
@example(Message(), RECIPIENTS, "jabber:client", False)
@example(Message(), RECIPIENTS[2:], "jabber:client", False)
def test_a_fan_out_is_the_stanza_to_each_recipient(
    stanza: Stanza, recipients: list[str], namespace: str, declare: bool
) -> None:
    written = list(write_fan_out(stanza, iter(recipients), namespace, declare=declare))

    assert written == [
        write_stanza(stanza.stamped(to=parse_address(recipient)), namespace, declare=declare)
        for recipient in recipients
    ]


def test_the_recipients_of_a_fan_out_are_looked_through_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def counting(text: str) -> str:
        seen.append(text)
        return escape_value(text)

    monkeypatch.setattr(stanza_writer, "escape_value", counting)
    recipients = [f"user{number}@example.net" for number in range(100)]

    assert len(list(write_fan_out(Message(), recipients))) == 100
    assert len(seen) == 1


def test_a_fan_out_to_nobody_has_no_effect() -> None:
    assert list(write_fan_out(MESSAGE, [])) == []


# --- the round trip -----------------------------------------------------------------------------------------


@given(stanzas(), st.sampled_from(NAMESPACES), st.booleans())
def test_a_stanza_that_was_written_reads_back_equal(stanza: Stanza, namespace: str, declare: bool) -> None:
    assert parse_stanza(write_stanza(stanza, namespace, declare=declare), namespace) == stanza


@given(elements(), st.sampled_from(NAMESPACES), st.booleans())
def test_an_element_that_was_written_reads_back_equal(tree: Element, namespace: str, declare: bool) -> None:
    assert parse_element(write_element(tree, namespace, declare=declare), namespace) == tree


@given(stanzas())
def test_a_stanza_is_written_as_its_element_is(stanza: Stanza) -> None:
    assert parse_element(write_stanza(stanza)) == parse_element(write_element(to_element(stanza)))


@given(stanzas())
def test_another_parser_reads_the_same(stanza: Stanza) -> None:
    assert from_etree(ET.fromstring(write_stanza(stanza, declare=True))) == to_element(stanza)


def test_a_document_with_prefixes_and_cdata_reads_as_one_without() -> None:
    prefixed = (
        "<c:message xmlns:c='jabber:client' xmlns:x='urn:x' c:a='1' b='2'>"
        "<c:body><![CDATA[Art thou not <Romeo>]]>?</c:body><x:y x:z='3' xmlns='urn:y'><w/></x:y></c:message>"
    )

    assert parse_element(prefixed) == element(
        "message",
        CLIENT,
        {"{jabber:client}a": "1", "b": "2"},
        [
            element("body", CLIENT, {}, ["Art thou not <Romeo>?"]),
            element("y", "urn:x", {"{urn:x}z": "3"}, [element("w", "urn:y")]),
        ],
    )
    assert parse_element(write_element(parse_element(prefixed))) == parse_element(prefixed)


def test_the_writer_takes_the_names_that_the_reader_takes_and_no_others() -> None:
    """Each character that XML can hold, as the first of a name and as another one."""
    for code in [*range(0x20, 0xD800), *range(0xE000, 0xFFFE), 0x10000, 0x1F600, 0x20000, 0xEFFFF]:
        for name in (chr(code), f"a{chr(code)}"):
            assert is_name(name) is readable(name), f"{name!r} (U+{code:04X})"


def readable(name: str) -> bool:
    """Whether expat, which is what reads here, takes this for the name of an element, without a prefix."""
    started: list[str] = []
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = lambda found, attributes: started.append(found)
    try:
        parser.Parse(f"<{name}></{name}>".encode(), True)
    except expat.ExpatError:
        return False
    return started == [name] and ":" not in name
