"""Addresses: RFC 7622, its examples first."""

from __future__ import annotations

import contextlib
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from xmpp_im_core import jid
from xmpp_im_core.jid import (
    MAX_PART_BYTES,
    Address,
    InvalidJID,
    Malformed,
    address_of,
    parse_address,
    parse_jid,
)
from xmpp_im_core.jid import _enforced as enforced
from xmpp_im_core.testing.value_strategies import jids

# --- RFC 7622 §3.5 ----------------------------------------------------------------------------------------

LEGAL = {  # number: (the JID, its localpart, domainpart and resourcepart when prepared)
    1: ("juliet@example.com", ("juliet", "example.com", None)),
    2: ("juliet@example.com/foo", ("juliet", "example.com", "foo")),
    3: ("juliet@example.com/foo bar", ("juliet", "example.com", "foo bar")),
    4: ("juliet@example.com/foo@bar", ("juliet", "example.com", "foo@bar")),
    5: (r"foo\20bar@example.com", (r"foo\20bar", "example.com", None)),
    6: ("fussball@example.com", ("fussball", "example.com", None)),
    7: ("fu\u00dfball@example.com", ("fu\u00dfball", "example.com", None)),
    8: ("\u03c0@example.com", ("\u03c0", "example.com", None)),
    9: ("\u03a3@example.com/foo", ("\u03c3", "example.com", "foo")),
    10: ("\u03c3@example.com/foo", ("\u03c3", "example.com", "foo")),
    11: ("\u03c2@example.com/foo", ("\u03c2", "example.com", "foo")),
    12: ("king@example.com/\u265a", ("king", "example.com", "\u265a")),
    13: ("example.com", (None, "example.com", None)),
    14: ("example.com/foobar", (None, "example.com", "foobar")),
    15: ("a.example.com/b@example.net", (None, "a.example.com", "b@example.net")),
}
ILLEGAL = {
    16: '"juliet"@example.com',
    17: "foo bar@example.com",
    19: "@example.com/",
    20: "henry\u2163@example.com",
    21: "\u265a@example.com",
    22: "juliet@",
    23: "/foobar",
}


@in_one_test("number", LEGAL)
def test_a_legal_jid_of_table_1_is_taken_apart(number: int) -> None:
    text, parts = LEGAL[number]

    prepared = parse_jid(text)

    assert (prepared.local, prepared.domain, prepared.resource) == parts


@in_one_test("number", ILLEGAL)
def test_a_string_of_table_2_is_no_jid(number: int) -> None:
    with pytest.raises(InvalidJID):
        parse_jid(ILLEGAL[number])


def test_example_18_is_accepted_as_its_profile_has_it() -> None:
    # Table 2 lists it for its leading space, which OpaqueString allows; the module says so.
    assert parse_jid("juliet@example.com/ foo").resource == " foo"


def test_sigma_matches_capital_sigma_and_not_final_sigma() -> None:
    capital, small, final = (parse_jid(LEGAL[number][0]) for number in (9, 10, 11))

    assert capital == small
    assert capital != final


@pytest.mark.parametrize("part", ["{}@example.com", "{}.example.com", "{}"])
def test_what_stands_around_a_capital_sigma_changes_nothing(part: str) -> None:
    assert parse_jid(part.format("ΑΣ")).full == part.format("ασ")
    assert parse_jid(part.format("ΑΣΑ")).full == part.format("ασα")


# --- what is written, and what it means --------------------------------------------------------------------

SPELLINGS_OF_JULIET = [
    "juliet@example.com",
    "Juliet@Example.COM",
    "JULIET@example.com.",
    "ｊｕｌｉｅｔ@example.com",
    "juliet@ｅxample.com",
]


@in_one_test("written", SPELLINGS_OF_JULIET)
def test_every_spelling_is_the_same_contact_and_stays_as_written(written: str) -> None:
    address = parse_address(written)

    assert isinstance(address, Address)
    assert address.jid == parse_jid("juliet@example.com")
    assert hash(address.jid) == hash(parse_jid("juliet@example.com"))
    assert str(address) == written


@in_one_test(
    ("one", "other"),
    [
        ("juliet@example.com", "ju1iet@example.com"),
        ("juliet@example.com", "jul\u0456et@example.com"),  # CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I
        ("paypal@example.com", "p\u0430ypal@example.com"),  # CYRILLIC SMALL LETTER A
        ("juliet@example.com", "juliet@ex\u0430mple.com"),
        ("fussball@example.com", "fu\u00dfball@example.com"),
        ("i@example.com", "\u0131@example.com"),  # LATIN SMALL LETTER DOTLESS I
        ("juliet@example.com/foo", "juliet@example.com/Foo"),
        ("juliet@example.com/foo", "juliet@example.com/foo "),
    ],
)
def test_look_alikes_are_not_the_same_contact(one: str, other: str) -> None:
    assert parse_jid(one) != parse_jid(other)


@in_one_test(
    ("one", "other"),
    [
        ("\u00e9@example.com", "e\u0301@example.com"),
        ("x@example.com/\u00e9", "x@example.com/e\u0301"),
        ("x@\u00e9.example", "x@e\u0301.example"),
        ("x@\u4e2d\u56fd", "x@XN--fiqs8s"),
        ("x@example.com/foo\u00a0bar", "x@example.com/foo bar"),
        ("\u212a@example.com", "k@example.com"),  # KELVIN SIGN
    ],
)
def test_forms_of_the_same_characters_are_the_same_contact(one: str, other: str) -> None:
    assert parse_jid(one) == parse_jid(other)


def test_an_address_written_in_its_prepared_form() -> None:
    assert address_of(parse_jid("Juliet@example.com/Foo")) == Address(
        "juliet@example.com/Foo", parse_jid("juliet@example.com/Foo")
    )


def test_the_bare_jid_is_the_key_of_a_contact() -> None:
    full = parse_jid("juliet@example.com/balcony")

    assert full.bare == "juliet@example.com"
    assert full.to_bare() == parse_jid("juliet@example.com")
    assert (full.is_bare, full.to_bare().is_bare) == (False, True)
    assert full.to_bare().to_bare() == full.to_bare()
    assert (str(full), str(full.to_bare())) == ("juliet@example.com/balcony", "juliet@example.com")
    assert full.to_bare().with_resource("chamber") == parse_jid("juliet@example.com/chamber")


def test_the_bare_jid_of_a_domain_is_the_domain() -> None:
    assert parse_jid("example.com/foobar").bare == "example.com"
    assert parse_jid("example.com").with_resource("foobar") == parse_jid("example.com/foobar")


@pytest.mark.parametrize("resource", ["", "x" * 1024, "a\x00b"])
def test_a_malformed_resourcepart_is_refused_on_its_own_too(resource: str) -> None:
    with pytest.raises(InvalidJID, match="resourcepart"):
        parse_jid("juliet@example.com").with_resource(resource)


# --- limits, "zero octets" to "1023 octets" (§3.2 to §3.4) -------------------------------------------------


@in_one_test(
    ("part", "character"), [("{}@example.com", "a"), ("example.com/{}", "a"), ("{}@example.com", "é"), ("x/{}", "é")]
)
def test_a_part_has_at_most_1023_bytes_of_utf_8(part: str, character: str) -> None:
    size = len(character.encode())
    longest = character * (MAX_PART_BYTES // size)

    assert len(parse_jid(part.format(longest)).full) == len(part.format(longest))
    with pytest.raises(InvalidJID):
        parse_jid(part.format(longest + character))


def test_a_part_is_measured_after_its_preparation() -> None:
    assert parse_jid("\N{FULLWIDTH LATIN SMALL LETTER A}" * 1023 + "@example.com").local == "a" * 1023
    assert parse_jid("example.com/" + "e\u0301" * 511).resource == "\u00e9" * 511


def test_a_text_that_no_mapping_makes_short_enough_is_not_even_looked_at() -> None:
    for part in ("{}@example.com", "example.com/{}", "{}"):
        with pytest.raises(InvalidJID, match="1023"):
            parse_jid(part.format("é" * 5000))


def test_the_length_limits_of_rfc_1034_apply_to_domains() -> None:
    label = "a" * 63

    assert parse_jid(label + ".com").domain == label + ".com"
    assert parse_jid(".".join([label] * 3 + ["a" * 61])).domain == ".".join([label] * 3 + ["a" * 61])  # 253
    for domain in ("a" * 64 + ".com", ".".join([label] * 3 + ["a" * 62]), "ü" * 64, ".".join(["ü" * 40] * 6)):
        with pytest.raises(InvalidJID, match="domainpart"):
            parse_jid(domain)


# --- domainparts --------------------------------------------------------------------------------------------


@in_one_test(
    ("written", "prepared"),
    [
        ("EXAMPLE.com", "example.com"),
        ("example.com.", "example.com"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("xn--fa-hia.example", "fa\u00df.example"),
        ("b\u00fccher.example", "b\u00fccher.example"),
        ("B\u00dcCHER.example", "b\u00fccher.example"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"),
        ("[fe80::1%25eth0]", "[fe80::1%25eth0]"),
    ],
)
def test_a_domainpart_is_prepared(written: str, prepared: str) -> None:
    assert parse_jid(f"juliet@{written}/balcony").domain == prepared


@in_one_test(
    "domain",
    [
        "",
        ".",
        ".example.com",
        "example..com",
        "example.com..",
        "-example.com",
        "example-.com",
        "ab--cd.com",
        "xn--",
        "xn--a-.com",
        "xn--ab-0000.com",
        "exa mple.com",
        "exa_mple.com",
        "\u265a.example",
        "[",
        "[]",
        "[::1",
        "[::1]x",
        "[192.0.2.1]",
        "[fe80::1%eth0]",
        "[fe80::1%25]",
        "\ud800.com",
        "a\u0000.com",
    ],
)
def test_a_malformed_domainpart_is_refused(domain: str) -> None:
    with pytest.raises(InvalidJID, match="domainpart"):
        parse_jid(domain)


# --- localparts (§3.3.1) ------------------------------------------------------------------------------------


@in_one_test("character", ['"', "&", "'", ":", "<", ">"])
def test_further_excluded_characters(character: str) -> None:
    with pytest.raises(InvalidJID, match="not allowed"):
        parse_jid(f"ju{character}liet@example.com")


def test_a_character_that_maps_to_an_excluded_one_is_refused_too() -> None:
    for excluded in "\"&'/:<>@":
        wide = chr(ord(excluded) + 0xFEE0)
        assert unicodedata.normalize("NFKC", wide) == excluded
        with pytest.raises(InvalidJID, match="not allowed"):
            parse_jid(f"ju{wide}liet@example.com")


def test_the_first_at_sign_ends_the_localpart_and_the_first_slash_the_rest() -> None:
    assert parse_jid("example.com/a/b@c").resource == "a/b@c"
    with pytest.raises(InvalidJID):
        parse_jid("a@b@c")


# --- properties ---------------------------------------------------------------------------------------------

CHARACTERS = st.one_of(
    st.sampled_from('az AZ09@/.-_\\"&[]%\x7f'),
    st.characters(),
    st.sampled_from("ßςΣİıſKÅǅⅣ♚１ａ／＠．\u0130\u200d\u0301\u00a0\u3000\ufeff\ud800"),
)


@given(jids())
def test_preparing_twice_changes_nothing_more(address: Address) -> None:
    assert parse_jid(address.jid.full) == address.jid
    assert parse_jid(address.jid.bare) == address.jid.to_bare()


@given(st.text(CHARACTERS, max_size=20))
@example("a\u0345\u0300@x")
def test_any_text_is_an_address_or_malformed_and_preparing_is_idempotent(text: str) -> None:
    address = parse_address(text)

    assert address.written == str(address) == text
    if isinstance(address, Malformed):
        assert address.reason
    else:
        assert parse_jid(address.jid.full) == address.jid
        assert parse_jid(address.jid.full).full == address.jid.full


def characters() -> Iterator[str]:
    """Every assigned character, but of the ideographs and Hangul syllables, tens of thousands alike, a few."""
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        if unicodedata.category(character) not in ("Cn", "Co", "Cs"):
            alike = unicodedata.name(character, "").startswith(("CJK UNIFIED", "HANGUL SYLLABLE", "TANGUT"))
            if not alike or point % 101 == 0:
                yield character


@cache
def some_of_each_class() -> tuple[str, ...]:
    """A few characters of each class: what a profile does with one follows from these properties (RFC 8264 §9)."""
    found: defaultdict[object, list[str]] = defaultdict(list)
    for character in characters():
        decomposition = unicodedata.decomposition(character)
        like = (
            unicodedata.category(character),
            unicodedata.bidirectional(character),
            unicodedata.east_asian_width(character),
            unicodedata.combining(character),
            decomposition.partition(" ")[0] if decomposition.startswith("<") else bool(decomposition),
            character.casefold() == character,
        )
        if len(found[like]) < 5:
            found[like].append(character)
    return tuple(chain.from_iterable(found.values()))


@pytest.mark.parametrize("part", ["a{}@x", "a{}.x", "x/a{}"])
@pytest.mark.parametrize("chosen", [some_of_each_class, pytest.param(characters, marks=pytest.mark.slow)])
def test_every_character_is_refused_or_prepared_for_good(chosen: Callable[[], Iterable[str]], part: str) -> None:
    prepared = []
    for character in chosen():
        with contextlib.suppress(InvalidJID):
            prepared.append(parse_jid(part.format(character)))

    assert [jid for jid in prepared if parse_jid(jid.full).full != jid.full] == []


NEARLY_ASCII = st.text(st.characters(max_codepoint=0x7F), max_size=12)
DOMAIN_LIKE = st.text(st.sampled_from("aZ09-.x_n"), max_size=12)


@given(st.builds("{}@{}/{}".format, NEARLY_ASCII, DOMAIN_LIKE, NEARLY_ASCII) | DOMAIN_LIKE | NEARLY_ASCII)
@example("xn--a@xn--a.com/x")
@example("A@0.1/~")
def test_the_path_for_ascii_gives_what_the_profiles_give(text: str) -> None:
    def outcome() -> str | None:
        try:
            return parse_jid(text).full
        except InvalidJID:
            return None

    fast = outcome()
    with pytest.MonkeyPatch.context() as without:
        for path in ("_ASCII_LOCAL", "_ASCII_LABEL", "_ASCII_RESOURCE"):
            without.setattr(jid, path, NEVER)
        slow = outcome()

    assert fast == slow


class _Never:
    """A pattern that nothing matches."""

    def match(self, _: str) -> None:
        return None


NEVER = _Never()


def test_a_text_that_a_second_preparation_would_change_is_refused() -> None:
    with pytest.raises(InvalidJID, match="not stable"):
        enforced("localpart", lambda text: f"{text}x", "juliet")
