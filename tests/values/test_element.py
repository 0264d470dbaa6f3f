"""The immutable element tree, and the way to and from ``xml.etree``."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import attrs
import pytest
from hypothesis import given

from xmpp_im_core.element import (
    ATTRIBUTE_SIZE,
    ELEMENT_SIZE,
    TEXT_SIZE,
    XML_LANG,
    Element,
    canonical,
    element,
    from_etree,
    size,
    split_name,
    to_etree,
)
from xmpp_im_core.testing.value_strategies import elements

STATUS = element("status", "jabber:client", {XML_LANG: "cs"}, ["Dvořím se Julii"])


def test_an_element_in_its_canonical_form() -> None:
    built = element("x", "urn:a", {"b": "2", "a": "1"}, ["O ", "", "Romeo", STATUS, "", STATUS, "!"])

    assert built == Element("x", "urn:a", (("a", "1"), ("b", "2")), ("O Romeo", STATUS, STATUS, "!"))


def test_attributes_have_no_order() -> None:
    assert element("x", "", {"b": "2", "a": "1"}) == element("x", "", {"a": "1", "b": "2"})
    assert hash(element("x", "", {"b": "2", "a": "1"})) == hash(element("x", "", {"a": "1", "b": "2"}))


def test_children_have_one() -> None:
    assert element("x", "", {}, ["a", STATUS]) != element("x", "", {}, [STATUS, "a"])


def test_text_is_not_joined_across_an_element() -> None:
    assert canonical(["a", STATUS, "b"]) == ("a", STATUS, "b")


def test_an_element_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        STATUS.name = "show"  # type: ignore[misc]  # that is what is tested


def test_what_an_element_holds() -> None:
    root = element("presence", "jabber:client", {"id": "1"}, ["a", STATUS, "b", element("status", "urn:other")])

    assert (root.get("id"), root.get("to"), STATUS.get(XML_LANG)) == ("1", None, "cs")
    assert root.text == "ab"
    assert root.elements == (STATUS, element("status", "urn:other"))
    assert list(root.all("status")) == [STATUS]
    assert root.first("status") == STATUS
    assert root.first("status", "urn:other") == element("status", "urn:other")
    assert root.first("show") is None


def test_a_name_of_another_namespace_is_another_name() -> None:
    root = element("message", "jabber:client", {}, [element("body", "urn:other")])

    assert root.first("body") is None
    assert element("body", "urn:other") != element("body", "jabber:client")
    assert element("{urn:other}body", "") != element("body", "urn:other")


def test_the_size_counts_every_character_and_every_part() -> None:
    assert size("Romeo") == TEXT_SIZE + 5
    assert size("Roméo") == TEXT_SIZE + 4 * 5
    tree = element("ab", "urn:c", {"d": "ef"}, ["g", element("h", "")])
    assert size(tree) == 2 * ELEMENT_SIZE + ATTRIBUTE_SIZE + TEXT_SIZE + 2 + 5 + 3 + 1 + 1


def test_the_size_of_a_tree_of_any_depth_is_counted() -> None:
    tree = element("a", "")
    for _ in range(5000):
        tree = element("a", "", {}, [tree])

    assert size(tree) == 5001 * (ELEMENT_SIZE + 1)


@pytest.mark.parametrize(
    ("written", "split"),
    [
        ("body", ("", "body")),
        ("{urn:a}b", ("urn:a", "b")),
        ("{urn:a}x}b", ("urn:a}x", "b")),
    ],
)
def test_a_clark_name_is_split_at_the_last_brace(written: str, split: tuple[str, str]) -> None:
    assert split_name(written) == split


# --- xml.etree ----------------------------------------------------------------------------------------------


@given(elements())
def test_a_conversion_to_etree_and_back_keeps_the_element(root: Element) -> None:
    assert from_etree(to_etree(root)) == root


@given(elements())
def test_what_etree_writes_and_reads_is_still_the_same(root: Element) -> None:
    text = ET.tostring(to_etree(root), "unicode")
    read = ET.fromstring(text.replace("\r", "&#13;"))  # etree leaves them bare in text

    assert from_etree(read) == root


def test_an_etree_element_is_read_with_its_mixed_content() -> None:
    tree = ET.fromstring('<a xmlns="urn:x" xml:lang="en" y="1">O<b/> Romeo<c xmlns="">!</c></a>')

    assert from_etree(tree) == element(
        "a",
        "urn:x",
        {XML_LANG: "en", "y": "1"},
        ["O", element("b", "urn:x"), " Romeo", element("c", "", {}, ["!"])],
    )


def test_comments_and_processing_instructions_of_an_etree_are_left_out() -> None:
    tree = ET.Element("a")
    tree.text = "O"
    for node in (ET.Comment("x"), ET.ProcessingInstruction("x")):
        node.tail = " Romeo"
        tree.append(node)

    assert from_etree(tree) == element("a", "", {}, ["O Romeo Romeo"])


@pytest.mark.parametrize("node", [ET.Comment("x"), ET.ProcessingInstruction("x")])
def test_a_root_that_is_no_element_is_refused(node: ET.Element) -> None:
    with pytest.raises(ValueError, match="not an element"):
        from_etree(node)


def nested(levels: int) -> ET.Element:
    root = last = ET.Element("a")
    for _ in range(levels - 1):
        last = ET.SubElement(last, "a")
    return root


def test_a_tree_too_deep_to_be_compared_is_refused() -> None:
    deepest = from_etree(nested(256))

    assert deepest == from_etree(nested(256))
    assert hash(deepest) == hash(from_etree(nested(256)))
    for levels in (257, 100_000):
        with pytest.raises(ValueError, match="256 levels"):
            from_etree(nested(levels))


def test_an_etree_made_from_an_element_is_not_shared() -> None:
    one, other = to_etree(STATUS), to_etree(STATUS)

    one.text = "changed"

    assert (other.text, STATUS.text) == ("Dvořím se Julii", "Dvořím se Julii")
