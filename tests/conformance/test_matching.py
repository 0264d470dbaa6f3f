"""Each rule of matching: what it matches, and what it must not."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from xmpp_im_conformance.format.comparing import compare_stanzas
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.matching import EXACT, FROM_CLIENT, PART, Manner, check_pattern, match_all, match_stanza
from xmpp_im_conformance.format.placeholders import BadPlaceholder, Bindings

ANY = "<x xmlns='urn:scenario:any'/>"
STANZAS = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"


def bindings(expected: str, came: str, known: Bindings | None = None, manner: Manner = EXACT) -> Bindings | None:
    return next(match_stanza(read_xml(expected), read_xml(came), known or {}, manner), None)


def matches(expected: str, came: str, manner: Manner = EXACT) -> bool:
    return bindings(expected, came, manner=manner) is not None


# Each pair is an expectation and what came.

EQUAL = [
    ("<presence/>", "<presence/>"),
    ("<presence to='a@b' from='c@d'/>", "<presence from='c@d' to='a@b'/>"),
    ("<presence xmlns='jabber:client'/>", "<presence/>"),
    ("<a:presence xmlns:a='jabber:client'/>", "<presence/>"),
    ("<message><body>hi</body></message>", "<message><body>hi</body></message>"),
    ("<message><body>&lt;&amp;</body></message>", "<message><body><![CDATA[<&]]></body></message>"),
    ("<message> <body>hi</body>\n </message>", "<message><body>hi</body></message>"),
    ("<message><b> hi <i>x</i> </b></message>", "<message><b> hi <i>x</i></b></message>"),
]

DIFFERENT = [
    ("<presence/>", "<message/>"),
    ("<presence/>", "<presence xmlns='jabber:server'/>"),
    ("<presence/>", "<presence to='a@b'/>"),
    ("<presence/>", "<presence from='a@b'/>"),
    ("<presence/>", "<presence type='unavailable'/>"),
    ("<presence to='a@b'/>", "<presence/>"),
    ("<presence to='a@b'/>", "<presence to='A@b'/>"),
    ("<presence/>", "<presence><show>away</show></presence>"),
    ("<presence><show>away</show></presence>", "<presence/>"),
    ("<presence><show>away</show></presence>", "<presence><show>dnd</show></presence>"),
    ("<presence><show>away</show></presence>", "<presence><show xmlns='a'>away</show></presence>"),
    ("<message><body>hi</body></message>", "<message><body> hi</body></message>"),
    ("<message><body/></message>", "<message><body> </body></message>"),
    ("<message><a/><b/></message>", "<message><b/><a/></message>"),
    ("<message><a/><a/></message>", "<message><a/></message>"),
    ("<message><a/></message>", "<message><a/><a/></message>"),
    ("<message><b>a<i/>b</b></message>", "<message><b>b<i/>a</b></message>"),
    ("<message><a c='1'/></message>", "<message><a/></message>"),
    ("<message><a/></message>", "<message><a id='1'/></message>"),
]


@in_one_test(("expected", "came"), EQUAL)
def test_what_any_namespace_aware_reader_takes_for_the_same_matches(expected: str, came: str) -> None:
    assert matches(expected, came)


@in_one_test(("expected", "came"), DIFFERENT)
def test_what_differs_does_not_match(expected: str, came: str) -> None:
    assert not matches(expected, came)


def test_language_is_free_unless_stated_everywhere() -> None:
    assert matches(
        "<message><body>hi</body></message>", "<message xml:lang='en'><body xml:lang='en'>hi</body></message>"
    )
    assert matches("<message xml:lang='en'/>", "<message xml:lang='en'/>")
    assert not matches("<message xml:lang='en'/>", "<message xml:lang='de'/>")
    assert not matches("<message xml:lang='en'/>", "<message/>")


def test_the_id_of_a_stanza_is_free_unless_stated() -> None:
    assert matches("<presence/>", "<presence id='1'/>")
    assert matches("<presence id='1'/>", "<presence id='1'/>")
    assert not matches("<presence id='1'/>", "<presence id='2'/>")
    assert not matches("<presence id='1'/>", "<presence/>")


def test_a_client_may_omit_from_but_a_stated_from_counts() -> None:
    assert matches("<presence/>", "<presence from='a@b/c'/>", FROM_CLIENT)
    assert not matches("<presence from='a@b/d'/>", "<presence from='a@b/c'/>", FROM_CLIENT)
    assert not matches("<presence/>", "<presence to='a@b/c'/>", FROM_CLIENT)


# --- placeholders -----------------------------------------------------------------------------------------

VALUES = [
    ("{any}", "x", True),
    ("{any}", "", True),
    ("{any}", None, False),
    ("{opt}", "x", True),
    ("{opt}", None, True),
    ("{opt:x}", "x", True),
    ("{opt:x}", None, True),
    ("{opt:x}", "y", False),
    ("{opt:x}", "", False),
    ("{opt:}", None, True),
    ("{opt:}", "", True),
    ("{opt:}", "x", False),
    ("{bind:n}", "x", True),
    ("{bind:n}", "", False),
    ("{bind:n}", None, False),
    ("{var:known}", "value", True),
    ("{var:known}", "other", False),
    ("{var:known}", None, False),
    ("{not:known}", "other", True),
    ("{not:known}", "value", False),
    ("{not:known}", None, False),
]


@in_one_test(("pattern", "value", "expected"), VALUES)
def test_a_placeholder_as_the_value_of_an_attribute(pattern: str, value: str | None, expected: bool) -> None:
    came = "<message/>" if value is None else f"<message to='{value}'/>"

    assert (bindings(f"<message to='{pattern}'/>", came, {"known": "value"}) is not None) == expected


@in_one_test(("pattern", "value", "expected"), [each for each in VALUES if each[1] != ""])
def test_a_placeholder_as_the_text_of_an_element(pattern: str, value: str | None, expected: bool) -> None:
    came = f"<message><body>{value or ''}</body></message>"

    found = bindings(f"<message><body>{pattern}</body></message>", came, {"known": "value"})

    assert (found is not None) == expected


def test_what_is_bound_is_known_in_the_same_stanza_and_after_it() -> None:
    expected = "<message to='{bind:n}'><body>{var:n}</body></message>"

    assert bindings(expected, "<message to='a'><body>a</body></message>") == {"n": "a"}
    assert bindings(expected, "<message to='a'><body>b</body></message>") is None


def test_a_name_that_was_never_bound_is_an_error() -> None:
    with pytest.raises(BadPlaceholder, match="nothing was bound to 'n'"):
        bindings("<message to='{var:n}'/>", "<message to='a'/>")
    with pytest.raises(BadPlaceholder, match="nothing was bound to 'n'"):
        bindings("<message to='{not:n}'/>", "<message to='a'/>")


@in_one_test("text", ["{an}", "{bind}", "{bind:}", "{var}", "{not:}", "{any:x}", "{a:b}"])
def test_a_misspelt_placeholder_is_an_error(text: str) -> None:
    with pytest.raises(BadPlaceholder, match="is not a placeholder"):
        check_pattern(read_xml(f"<message to='{text}'/>"))
    with pytest.raises(BadPlaceholder, match="is not a placeholder"):
        check_pattern(read_xml(f"<message><body>{text}</body></message>"))


@in_one_test("text", ["{opt:}", "{opt:a b}", "{bind:n}", "a{any}", "{urn:a}b", "{Any}", "{}", '{"a":1}'])
def test_other_text_in_braces_is_text(text: str) -> None:
    check_pattern(read_xml(f"<message><body>{text}</body></message>"))


# --- any further children -----------------------------------------------------------------------------------


def test_the_wildcard_allows_further_children_wherever_they_stand() -> None:
    expected = f"<message><a/><b/>{ANY}</message>"

    assert matches(expected, "<message><a/><b/></message>")
    assert matches(expected, "<message><c/><a/><d>t</d><b/><e/></message>")
    assert not matches(expected, "<message><b/><a/></message>")
    assert not matches(expected, "<message><a/><c/></message>")
    assert not matches(expected, "<message to='x'><a/><b/></message>")


def test_the_wildcard_alone_allows_anything_inside() -> None:
    assert matches(f"<message>{ANY}</message>", "<message/>")
    assert matches(f"<message>{ANY}</message>", "<message>text<a/></message>")


def test_the_wildcard_reaches_no_deeper_than_it_stands() -> None:
    assert not matches(f"<message><a/>{ANY}</message>", "<message><a><b/></a></message>")


def test_the_wildcard_in_place_of_the_stanza_is_a_message_presence_or_iq() -> None:
    expected = "<x xmlns='urn:scenario:any' type='error' from='a@b'/>"

    for kind in ("message", "presence", "iq"):
        assert matches(expected, f"<{kind} type='error' from='a@b' id='1'><error/></{kind}>")
        assert not matches(expected, f"<{kind} type='error' from='a@c'/>")
        assert not matches(expected, f"<{kind} type='error' from='a@b' to='c@d'/>")
    assert not matches(expected, "<query type='error' from='a@b'/>")
    assert not matches(expected, "<message xmlns='jabber:server' type='error' from='a@b'/>")


# --- errors -------------------------------------------------------------------------------------------------


def error(content: str, attributes: str = "type='cancel'") -> str:
    return f"<message type='error'><error {attributes}>{content}</error></message>"


GONE = f"<gone {STANZAS}/>"


def test_an_error_needs_its_type_and_condition() -> None:
    assert matches(error(GONE), error(GONE))
    assert matches(error(GONE, "type='{any}'"), error(GONE, "type='wait'"))
    assert not matches(error(GONE), error(GONE, "type='modify'"))
    assert not matches(error(GONE), error(f"<conflict {STANZAS}/>"))
    assert not matches(error(GONE), error(""))
    assert not matches(error(""), error(GONE))


def test_text_by_application_conditions_and_what_the_condition_holds_are_free() -> None:
    came = error(
        f"<gone {STANZAS}>xmpp:a@b</gone><text {STANZAS}>Gone.</text><own xmlns='urn:own'/>",
        "type='cancel' by='b'",
    )

    assert matches(error(GONE), came)


def test_text_by_application_conditions_and_what_the_condition_holds_count_where_stated() -> None:
    came = error(f"<gone {STANZAS}>new</gone><text {STANZAS}>t</text><own xmlns='urn:own'/>", "type='cancel' by='b'")

    assert matches(error(f"<gone {STANZAS}>new</gone>"), came)
    assert not matches(error(f"<gone {STANZAS}>old</gone>"), came)
    assert matches(error(f"{GONE}<text {STANZAS}>t</text>"), came)
    assert not matches(error(f"{GONE}<text {STANZAS}>u</text>"), came)
    assert matches(error(f"{GONE}<own xmlns='urn:own'/>"), came)
    assert not matches(error(f"{GONE}<own xmlns='urn:other'/>"), came)
    assert not matches(error(GONE, "type='cancel' by='c'"), came)


def test_the_wildcard_stands_for_any_condition() -> None:
    assert matches(error(ANY, "type='{any}'"), error(GONE))
    assert matches(error(ANY), error(f"{GONE}<text {STANZAS}>t</text>"))
    assert not matches(error(ANY), error(GONE, "type='wait'"))
    assert not matches(error(ANY), "<message type='error'/>")


# --- rosters ------------------------------------------------------------------------------------------------


def roster(*items: str) -> str:
    return f"<iq type='result'><query xmlns='jabber:iq:roster'>{''.join(items)}</query></iq>"


def test_roster_items_and_their_groups_stand_in_any_order() -> None:
    a, b = "<item jid='a'><group>1</group><group>2</group></item>", "<item jid='b'/>"
    turned = "<item jid='a'><group>2</group><group>1</group></item>"

    assert matches(roster(a, b), roster(b, turned))
    assert not matches(roster(a, b), roster(a))
    assert not matches(roster(a), roster(a, b))
    assert not matches(roster(a, a), roster(a, b))
    assert not matches(roster(a), roster("<item jid='a'><group>1</group></item>"))
    assert not matches(roster("<item jid='a'><group>1</group></item>"), roster(a))


def test_an_item_may_say_the_default_of_what_is_not_stated() -> None:
    plain = roster("<item jid='a'/>")

    assert matches(plain, roster("<item jid='a' name='' approved='false'/>"))
    assert matches(plain, roster("<item jid='a' approved='0'/>"))
    assert not matches(plain, roster("<item jid='a' name='x'/>"))
    assert not matches(plain, roster("<item jid='a' approved='true'/>"))
    assert not matches(plain, roster("<item jid='a' approved=''/>"))
    assert not matches(roster("<item jid='a' name='x'/>"), roster("<item jid='a' name=''/>"))
    assert not matches("<iq><query><item/></query></iq>", "<iq><query><item name=''/></query></iq>")


def test_items_without_a_plain_jid_are_searched_for() -> None:
    expected = roster("<item jid='{any}'/>", "<item jid='{bind:n}' name='x'/>", "<item jid='c'/>")

    assert bindings(expected, roster("<item jid='a' name='x'/>", "<item jid='b'/>", "<item jid='c'/>")) == {"n": "a"}
    assert bindings(expected, roster("<item jid='a'/>", "<item jid='b'/>", "<item jid='c'/>")) is None


@pytest.mark.parametrize("many", [300, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_long_roster_is_matched_without_a_long_search(many: int) -> None:
    items = [f"<item jid='{n}'/>" for n in range(many)]

    assert matches(roster(*items), roster(*reversed(items)))
    assert not matches(roster(*items), roster(*items[1:], "<item jid='x'/>"))


def test_order_counts_in_other_namespaces() -> None:
    assert not matches(
        "<iq><query xmlns='a'><item jid='a'/><item jid='b'/></query></iq>",
        "<iq><query xmlns='a'><item jid='b'/><item jid='a'/></query></iq>",
    )


# --- parts --------------------------------------------------------------------------------------------------


def test_a_part_leaves_free_what_it_does_not_state() -> None:
    came = "<message from='a@b' to='c@d'><x a='1' b='2'><y>t</y><z/></x><body>hi</body></message>"

    for part in (
        "<message/>",
        "<message to='c@d'/>",
        "<message><body/></message>",
        "<message><x b='2'><z/></x></message>",
    ):
        assert matches(part, came, PART)
    for part in (
        "<presence/>",
        "<message to='a@b'/>",
        "<message><body>ho</body></message>",
        "<message><x b='3'/></message>",
    ):
        assert not matches(part, came, PART)


def test_a_part_of_a_roster_leaves_other_items_free() -> None:
    assert matches(roster("<item jid='b'/>"), roster("<item jid='a'/>", "<item jid='b' name='x'/>"), PART)
    assert not matches(roster("<item jid='c'/>"), roster("<item jid='a'/>"), PART)


def test_a_part_of_an_error_leaves_its_condition_free() -> None:
    assert matches("<message type='error'><error/></message>", error(GONE), PART)
    assert not matches(error(f"<conflict {STANZAS}/>"), error(GONE), PART)


# --- several stanzas ----------------------------------------------------------------------------------------


def test_several_stanzas_are_told_apart_by_search() -> None:
    expected = (read_xml("<message to='{any}'/>"), read_xml("<message to='a'/>"))
    came = (read_xml("<message to='a'/>"), read_xml("<presence/>"), read_xml("<message to='b'/>"))

    assert next(match_all(expected, came, {})) == ({}, frozenset({0, 2}))
    assert list(match_all(expected, came[:2], {})) == []


def test_bindings_hold_from_one_stanza_to_the_next() -> None:
    expected = (read_xml("<message to='{bind:n}'/>"), read_xml("<presence to='{var:n}'/>"))
    came = (read_xml("<message to='a'/>"), read_xml("<message to='b'/>"), read_xml("<presence to='b'/>"))

    assert next(match_all(expected, came, {})) == ({"n": "b"}, frozenset({1, 2}))


# --- saying why ---------------------------------------------------------------------------------------------

REASONS = [
    ("<presence/>", "<message/>", "expected <presence>, came <message>"),
    ("<presence/>", "<presence xmlns='a'/>", "expected <presence>, came <presence> in the namespace 'a'"),
    ("<presence to='a'/>", "<presence to='b'/>", "attribute 'to' of <presence>: expected 'a', came 'b'"),
    ("<presence to='a'/>", "<presence/>", "attribute 'to' of <presence>: expected 'a', came none"),
    ("<presence/>", "<presence to='b'/>", "attribute 'to' of <presence>: expected none, came 'b'"),
    ("<presence><a/></presence>", "<presence/>", "<a> is missing in <presence>"),
    ("<presence><a>1</a></presence>", "<presence><a>2</a></presence>", "text of <a>: expected '1', came '2'"),
    (
        "<message><a/><b/></message>",
        "<message><b/><a/></message>",
        "the children of <message> differ in number or order",
    ),
]


@in_one_test(("expected", "came", "reason"), REASONS)
def test_the_first_difference_is_named(expected: str, came: str, reason: str) -> None:
    assert compare_stanzas(read_xml(expected), read_xml(came), {}).why == reason


def test_both_stanzas_are_shown_a_line_for_each_child() -> None:
    shown = compare_stanzas(
        read_xml("<message to='a'><subject>s</subject><body>hi</body></message>"),
        read_xml("<message to='a'><subject>s</subject><body>ho</body></message>"),
        {},
    )

    assert str(shown).splitlines() == [
        '      <message to="a">',
        "        <subject>s</subject>",
        "    -   <body>hi</body>",
        "    +   <body>ho</body>",
        "      </message>",
    ]


DELAY = "<delay xmlns='urn:xmpp:delay' stamp='{any}'/>"
STAMPED = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>"
OPTIONAL = f"<optional xmlns='urn:scenario:any'>{DELAY}</optional>"
ANYWHERE = f"<anywhere xmlns='urn:scenario:any'>{DELAY}</anywhere>"


@in_one_test(
    "came",
    [
        f"<message>{STAMPED}<body>hi</body><thread>t</thread></message>",
        f"<message><body>hi</body>{STAMPED}<thread>t</thread></message>",
        f"<message> <body>hi</body> <thread>t</thread> {STAMPED} </message>",
    ],
)
@in_one_test("free", [OPTIONAL, ANYWHERE])
def test_a_child_without_a_fixed_place_may_stand_wherever_it_likes(free: str, came: str) -> None:
    assert matches(f"<message><body>hi</body><thread>t</thread>{free}</message>", came)
    assert matches(f"<message>{free} <body>hi</body><thread>t</thread></message>", came)


def test_an_optional_child_may_be_absent_and_another_one_may_not() -> None:
    assert matches(f"<presence>{OPTIONAL}</presence>", "<presence/>")
    assert matches(f"<presence>{OPTIONAL}</presence>", f"<presence> {STAMPED} </presence>")
    assert matches(f"<presence>{ANYWHERE}</presence>", f"<presence> {STAMPED} </presence>")
    assert not matches(f"<presence>{ANYWHERE}</presence>", "<presence/>")


@in_one_test("free", [OPTIONAL, ANYWHERE])
@in_one_test(
    "came",
    [
        "<presence><delay xmlns='urn:xmpp:delay'/></presence>",
        f"<presence>{STAMPED}{STAMPED}</presence>",
        f"<presence>{STAMPED}<show>away</show></presence>",
        "<presence><show>away</show></presence>",
        f"<presence>Wherefore?{STAMPED}</presence>",
    ],
)
def test_what_is_there_is_the_child_itself_once_and_nothing_else(free: str, came: str) -> None:
    assert not matches(f"<presence>{free}</presence>", came)


def test_the_others_keep_their_order() -> None:
    assert not matches(f"<message><a/><b/>{OPTIONAL}</message>", f"<message><b/>{STAMPED}<a/></message>")


def test_namespaces_bound_by_such_a_child_are_remembered() -> None:
    free = "<optional xmlns='urn:scenario:any'><delay xmlns='urn:xmpp:delay' stamp='{bind:when}'/></optional>"
    assert bindings(f"<presence>{free}</presence>", f"<presence>{STAMPED}</presence>") == {
        "when": "2026-01-01T00:00:00Z"
    }
    assert bindings(f"<presence>{free}</presence>", "<presence/>") == {}


@in_one_test(
    "child",
    [
        "<optionally xmlns='urn:scenario:any'><a xmlns='b'/></optionally>",
        "<optional xmlns='urn:scenario:any'/>",
        "<optional xmlns='urn:scenario:any'>text</optional>",
        "<anywhere xmlns='urn:scenario:any'><a xmlns='b'/><c xmlns='b'/></anywhere>",
        "<anywhere xmlns='urn:scenario:any' name='x'><a xmlns='b'/></anywhere>",
        "<anywhere xmlns='urn:scenario:any'><body/></anywhere>",
        "<optional xmlns='urn:scenario:any'><a xmlns='b' c='{misspelt}'/></optional>",
    ],
)
def test_a_misspelt_mark_is_an_error(child: str) -> None:
    with pytest.raises(BadPlaceholder):
        check_pattern(read_xml(f"<message>{child}</message>"))


def test_the_children_of_what_a_client_sends_may_be_in_any_order() -> None:
    expected, came = "<presence><show>xa</show><priority>1</priority></presence>", "<presence>{}</presence>"
    swapped = came.format("<priority>1</priority><show>xa</show>")

    assert matches(expected, swapped, FROM_CLIENT)
    assert not matches(expected, swapped)
    assert not matches(expected, came.format("<priority>1</priority>"), FROM_CLIENT)
    assert not matches(expected, came.format("<priority>1</priority><show>xa</show><status/>"), FROM_CLIENT)
    assert not matches(expected, came.format("<priority>1</priority><show>xa</show><show>xa</show>"), FROM_CLIENT)


def test_an_answer_of_a_client_may_hold_more_than_is_stated() -> None:
    query = "<query xmlns='jabber:iq:roster'/>"
    error = "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

    assert matches("<iq type='result'/>", f"<iq type='result'>{query}</iq>", FROM_CLIENT)
    assert matches(f"<iq type='error'>{error}</iq>", f"<iq type='error'>{query}{error}</iq>", FROM_CLIENT)
    assert not matches(f"<iq type='error'>{error}</iq>", f"<iq type='error'>{query}</iq>", FROM_CLIENT)
    assert not matches("<iq type='get'/>", f"<iq type='get'>{query}</iq>", FROM_CLIENT)
    assert not matches("<iq type='result'/>", f"<iq type='result'>{query}</iq>")


def test_a_message_of_a_client_without_a_type_is_a_normal_one() -> None:
    assert matches("<message type='normal'/>", "<message/>", FROM_CLIENT)
    assert not matches("<message type='normal'/>", "<message type='chat'/>", FROM_CLIENT)
    assert not matches("<message type='chat'/>", "<message/>", FROM_CLIENT)
    assert not matches("<message/>", "<message type='normal'/>", FROM_CLIENT)
    assert not matches("<message type='normal'/>", "<message/>")
