"""Hypothesis strategies for values: addresses, elements and stanzas.

:mod:`xmpp_im_core.codec` can write every drawn element and stanza, and reads back an equal one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from xmpp_im_core.element import XML_LANG, Element, element
from xmpp_im_core.jid import Address, InvalidJID, Malformed, parse_address, parse_jid
from xmpp_im_core.stanza import (
    CLIENT,
    IQ,
    IQ_TYPES,
    MESSAGE_TYPES,
    PRESENCE_TYPES,
    Message,
    Payload,
    Presence,
    Stanza,
    payload,
)

NAMESPACES: Final = (CLIENT, "jabber:server", "jabber:component:accept", "", "urn:example:a", "http://example.com/#b")
"""The namespaces of drawn elements: the content namespaces, none, and two of extensions."""

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_NAME_START: Final = _LETTERS + _LETTERS.upper() + "_\N{LATIN SMALL LETTER E WITH ACUTE}"
_SPECIAL: Final = "\t\n\r &<>\"'/@:;]\\{}\N{KELVIN SIGN}\N{GREEK CAPITAL LETTER SIGMA}\N{ZERO WIDTH NO-BREAK SPACE}"


def texts() -> st.SearchStrategy[str]:
    """Character data and attribute values that XML 1.0 allows, often with characters that must be escaped."""
    anything = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    return st.text(st.one_of(st.sampled_from(_SPECIAL), anything), max_size=12)


def names() -> st.SearchStrategy[str]:
    """Names of elements and attributes, without a prefix."""
    first = st.sampled_from(_NAME_START)
    rest = st.text(st.sampled_from(_NAME_START + "-.0123456789"), max_size=6)
    return st.builds(str.__add__, first, rest).filter(lambda name: not name.lower().startswith("xml"))


def jids(*, domains: Sequence[str] = ("example.com", "example.net"), bare: bool = False) -> st.SearchStrategy[Address]:
    """Valid addresses, not always in their prepared form; ``.jid`` is prepared.

    :param domains: the possible domainparts.
    :param bare: whether to draw only addresses without a resourcepart.
    """
    local = st.one_of(
        st.sampled_from(["romeo", "juliet", "Benvolio", "ΣΑΣ", "fu\N{LATIN SMALL LETTER SHARP S}ball"]), names()
    )
    resource = st.one_of(st.sampled_from(["balcony", "foo bar", "b@example.org", "\N{BLACK CHESS KING}"]), texts())
    domain = st.sampled_from(domains)
    forms = [st.builds("{}@{}".format, local, domain), domain]
    if not bare:
        forms += [st.builds("{}/{}".format, form, resource) for form in forms]
    return st.one_of(forms).filter(_is_jid).map(_address)


def _is_jid(text: str) -> bool:
    try:
        parse_jid(text)
    except InvalidJID:
        return False
    return True


def _address(text: str) -> Address:
    address = parse_address(text)
    assert isinstance(address, Address)
    return address


def addresses() -> st.SearchStrategy[Address | Malformed | None]:
    """Values of 'to' or 'from': an address, a malformed address, or None."""
    return st.one_of(st.none(), jids(), texts().map(parse_address))


def elements(namespaces: Sequence[str] = NAMESPACES, max_leaves: int = 6) -> st.SearchStrategy[Element]:
    """Element trees with attributes, some of them in a namespace, and mixed content."""
    qualified = st.builds("{{{}}}{}".format, st.sampled_from([ns for ns in namespaces if ns] or [CLIENT]), names())
    attributes = st.dictionaries(st.one_of(names(), st.just(XML_LANG), qualified), texts(), max_size=3)
    namespace = st.sampled_from(namespaces)

    def around(children: st.SearchStrategy[Element | str]) -> st.SearchStrategy[Element | str]:
        return st.builds(element, names(), namespace, attributes, st.lists(children, max_size=4))

    tree = st.recursive(texts(), around, max_leaves=max_leaves)
    return st.builds(element, names(), namespace, attributes, st.lists(tree, max_size=3))


def payloads(*known: Element) -> st.SearchStrategy[Payload]:
    """Payloads of stanzas: some of the given elements, and others."""
    child: st.SearchStrategy[Element | str] = st.one_of(elements(), texts(), *map(st.just, known))
    return st.lists(child, max_size=3).map(lambda children: payload(*children))


def _attributes() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """Attributes that RFC 6120 §8.1 does not define."""
    others = st.dictionaries(names(), texts(), max_size=2)
    return others.map(
        lambda found: tuple(sorted((k, v) for k, v in found.items() if k not in ("to", "from", "id", "type")))
    )


def messages() -> st.SearchStrategy[Message]:
    """Messages of every type, of an unknown type, and without a type."""
    body = element("body", CLIENT, {}, ["Art thou not Romeo, and a Montague?"])
    return st.builds(
        Message,
        addresses(),
        addresses(),
        st.none() | texts(),
        st.sampled_from([None, "unheard-of", *sorted(MESSAGE_TYPES)]),
        st.none() | st.sampled_from(["en", "cs", ""]),
        payloads(body),
        _attributes(),
    )


def presences() -> st.SearchStrategy[Presence]:
    """Presence stanzas of every type, of an unknown type, and without a type."""
    show = element("show", CLIENT, {}, ["dnd"])
    priority = element("priority", CLIENT, {}, ["-1"])
    return st.builds(
        Presence,
        addresses(),
        addresses(),
        st.none() | texts(),
        st.sampled_from([None, "unheard-of", *sorted(PRESENCE_TYPES)]),
        st.none() | st.sampled_from(["en", "cs", ""]),
        payloads(show, priority),
        _attributes(),
    )


def iqs() -> st.SearchStrategy[IQ]:
    """IQs of every type, of an unknown type, and without a type."""
    query = element("query", "jabber:iq:roster")
    return st.builds(
        IQ,
        addresses(),
        addresses(),
        st.none() | texts(),
        st.sampled_from([None, "unheard-of", *sorted(IQ_TYPES)]),
        st.none() | st.sampled_from(["en", "cs", ""]),
        payloads(query),
        _attributes(),
    )


def stanzas() -> st.SearchStrategy[Stanza]:
    """Stanzas of all three kinds."""
    return st.one_of(messages(), presences(), iqs())
