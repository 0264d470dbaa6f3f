"""Resourceparts of others that OpaqueString refuses: taken as they are, and never equal to a prepared one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from xmpp_im_core.jid import (
    MAX_PART_BYTES,
    Address,
    InvalidJID,
    Malformed,
    parse_address,
    parse_jid,
    prepared_jid,
    received_bare,
    received_jid,
)
from xmpp_im_core.jid import _opaque as opaque

ROOM = "room@muc.example"
NICKNAMES = {
    "a variation selector": "\u2665\ufe0f",
    "a joiner": "\U0001f3f3\ufe0f\u200d\U0001f308",
    "a letter of no Unicode yet": "\U000e0fff",
    "a letter for private use": "\ue000",
    "a line separator": "a\u2028b",
    "not composed": "e\u0301\ufe0f",
}
EACH = in_one_test("nickname", NICKNAMES.values(), ids=NICKNAMES)


@EACH
def test_an_opaque_resourcepart_is_written_as_it_came_and_compared_by_its_nfc_text(nickname: str) -> None:
    address = parse_address(f"{ROOM}/{nickname}")

    assert isinstance(address, Address)
    assert address.written == f"{ROOM}/{nickname}"
    assert address.jid.resource == unicodedata.normalize("NFC", nickname)
    assert address.jid.bare == ROOM
    assert address.jid == received_jid(f"Room@MUC.example/{nickname}")


@EACH
def test_such_resources_are_not_bound(nickname: str) -> None:
    """RFC 7622 §4: what the own users bind is the own server's to enforce."""
    with pytest.raises(InvalidJID, match="resourcepart"):
        parse_jid(f"{ROOM}/{nickname}")
    with pytest.raises(InvalidJID, match="resourcepart"):
        parse_jid(ROOM).with_resource(nickname)


@in_one_test(
    "resource", ["", "a\x00", "\t", "a\n", "\x7f", "\x85", "\ud800", "\ufffe", "\ufe0f" * 342, "a" * 1024], ids=ascii
)
def test_these_are_not_resourceparts(resource: str) -> None:
    assert isinstance(parse_address(f"{ROOM}/{resource}"), Malformed)
    assert received_bare(f"{ROOM}/{resource}") == parse_jid(ROOM)


def test_a_text_that_opaque_string_accepts_is_not_opaque() -> None:
    assert opaque("balcony") is None
    assert opaque("\u2665\ufe0f") == "\u2665\ufe0f"


def test_the_longest_opaque_resourcepart_has_1023_bytes() -> None:
    longest = "\ufe0f" * 341
    assert len(longest.encode()) == MAX_PART_BYTES

    assert received_jid(f"{ROOM}/{longest}").resource == longest


@in_one_test("bare", ["a@b@c", "@x", "", "romeo@montague_family.example", "romeo@montague.example:5222"])
def test_the_other_parts_are_as_strict_as_ever(bare: str) -> None:
    assert isinstance(parse_address(f"{bare}/\u2665\ufe0f"), Malformed)
    assert received_bare(f"{bare}/\u2665\ufe0f") is None


ODD = st.sampled_from(
    [*"aeE \u0301\u2000\u2001\u2126\u212b\u0344\ufe0f\u200d\u1e9b\u0323", "\ufb01", "\u00a0", "\u3000"]
)


@given(st.one_of(st.text(max_size=8), st.text(ODD, min_size=1, max_size=8)))
def test_an_opaque_resourcepart_never_equals_a_prepared_one(text: str) -> None:
    """An account's resource is bound in its prepared form: no opaque one can name it."""
    address = parse_address(f"{ROOM}/{text}")
    assume(isinstance(address, Address))
    assert isinstance(address, Address)
    resource = address.jid.resource or ""
    try:
        prepared = parse_jid(ROOM).with_resource(text)
    except InvalidJID:
        with pytest.raises(InvalidJID):
            parse_jid(ROOM).with_resource(resource)
    else:
        assert address.jid == prepared


@given(st.text(max_size=8))
def test_reading_again_gives_the_same_result(text: str) -> None:
    address = parse_address(f"{ROOM}/{text}")
    assume(isinstance(address, Address))
    assert isinstance(address, Address)

    assert received_jid(address.jid.full) == prepared_jid(address.jid.full) == address.jid
