"""What was expected, next to what came: what makes the difference is marked, and what the placeholders allow is not."""

from __future__ import annotations

from tests.one_test import in_one_test
from xmpp_im_conformance.format.comparing import ComparedLine, compare_stanzas, is_among, pair_off
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.placeholders import BadPlaceholder
from xmpp_im_conformance.reports.html.legible import legible

ANYTHING = "<x xmlns='urn:scenario:any'/>"


def marked(expected: str, came: str, bindings: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """What is marked on both sides, row by row, of the rows in which something is."""
    return [
        ("".join([part.text for part in row.expected if part.differs]), _came(row))
        for row in compare_stanzas(read_xml(expected), read_xml(came), bindings or {}).rows
        if row.differs
    ]


def matches(expected: str, came: str) -> bool:
    """Whether the matcher takes one for the other; a name that was never bound matches nothing."""
    try:
        return is_among(read_xml(expected), [read_xml(came)], {"who": "romeo"})
    except BadPlaceholder:
        return False


def _came(row: ComparedLine) -> str:
    return "".join([part.text for part in row.came if part.differs])


@in_one_test(
    ("expected", "came"),
    [
        ("<presence from='{any}'/>", "<presence from='romeo@remote.example'/>"),
        ("<presence from='{opt}'/>", "<presence/>"),
        ("<presence/>", "<presence id='x' xml:lang='en'/>"),
        ("<presence from='{var:who}'/>", "<presence from='romeo'/>"),
        (f"<message>{ANYTHING}</message>", "<message><body>hi</body><thread>t</thread></message>"),
        (
            "<iq><query xmlns='jabber:iq:roster'><item jid='a'/></query></iq>",
            "<iq><query xmlns='jabber:iq:roster'><item jid='a' name='' approved='false'/></query></iq>",
        ),
        ("<message><body>{any}</body></message>", "<message><body>hi</body></message>"),
        (
            "<iq><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
            "<iq><error type='cancel' by='x'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text><own xmlns='urn:x'/></error></iq>",
        ),
    ],
)
def test_an_allowed_value_is_not_marked(expected: str, came: str) -> None:
    assert marked(expected, came, {"who": "romeo"}) == []
    assert matches(expected, came)


@in_one_test(
    ("expected", "came", "differs"),
    [
        ("<presence to='a' type='{any}'/>", "<presence to='b' type='x'/>", [('to="a"', 'to="b"')]),
        ("<presence/>", "<presence type='x'/>", [("", 'type="x"')]),
        ("<presence type='x'/>", "<presence/>", [('type="x"', "")]),
        ("<presence/>", "<message/>", [("<presence", "<message")]),
        ("<presence id='1'/>", "<presence id='2'/>", [('id="1"', 'id="2"')]),
        ("<presence from='{var:who}'/>", "<presence from='tybalt'/>", [('from="{var:who}"', 'from="tybalt"')]),
        ("<presence from='{var:nobody}'/>", "<presence from='x'/>", [('from="{var:nobody}"', 'from="x"')]),
        ("<message><body>a</body></message>", "<message><body>b</body></message>", [("a", "b")]),
        ("<message><body>a</body></message>", "<message>b<body>a</body></message>", [("", "  b")]),
        (
            "<message><body>a</body><thread>t</thread></message>",
            "<message><subject>s</subject><body>a</body></message>",
            [("  <thread>t</thread>", ""), ("", "  <subject>s</subject>")],
        ),
    ],
)
def test_what_makes_the_difference_is_marked(expected: str, came: str, differs: list[tuple[str, str]]) -> None:
    assert marked(expected, came, {"who": "romeo"}) == differs
    assert not matches(expected, came)


def test_items_of_a_roster_are_compared_with_those_of_the_same_jid() -> None:
    query = "<iq><query xmlns='jabber:iq:roster'>{}</query></iq>"
    romeo, nurse = "<item jid='romeo@x' subscription='{}'/>", "<item jid='nurse@x' subscription='to'/>"

    differs = marked(query.format(romeo.format("none") + nurse), query.format(nurse + romeo.format("to")))

    assert differs == [('subscription="none"', 'subscription="to"')]


def test_each_is_compared_with_what_is_most_like_it() -> None:
    expected = [read_xml(xml) for xml in ("<presence type='subscribe'/>", "<message type='chat'/>")]
    came = [read_xml(xml) for xml in ("<presence/>", "<iq type='set'/>", "<presence type='subscribe' to='x'/>")]

    compared = pair_off(expected, came, {})

    assert [
        tuple(["".join([part.text for part in side]) for side in (each.rows[0].expected, each.rows[0].came)])
        for each in compared
    ] == [
        ('<presence type="subscribe"/>', '<presence to="x" type="subscribe"/>'),
        ('<message type="chat"/>', "<presence/>"),
        ("", '<iq type="set"/>'),
    ]


# --- what cannot be seen ----------------------------------------------------------------------------------


@in_one_test(
    ("text", "expected"),
    [
        ("Wherefore\tart\nthou?", "Wherefore\tart\nthou?"),
        ("\u05e8\u05d5\u05de\u05d0\u05d5 \U0001f339", "\u05e8\u05d5\u05de\u05d0\u05d5 \U0001f339"),
        ("a\x00b\x1b[31m", "a\\u{0000}b\\u{001b}[31m"),
        ("\u202eoemor", "\\u{202e}oemor"),
        ("\ud800", "\\u{d800}"),
        ("a\r\nb\u2028", "a\\u{000d}\nb\\u{2028}"),
        ("x" * 5000, "x" * 4000 + " \u2026 1000 more characters"),
        ("\n" * 500, "\n" * 400 + "\u2026 101 more lines"),
    ],
)
def test_text_shows_its_invisible_characters_and_has_an_end(text: str, expected: str) -> None:
    assert legible(text) == expected
