"""How an explanation reads: one screen, whatever the step."""

from __future__ import annotations

from attrs import evolve

from tests.explain.test_explanation import BALCONY, NOON, ROMEO, account, balcony, sends
from tests.one_test import in_one_test
from xmpp_im_core.explain import explain, explain_step
from xmpp_im_core.explain.explanation import Reason
from xmpp_im_core.jid import Malformed
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import Rule
from xmpp_im_core.server import Ignored, State, Transition
from xmpp_im_core.server.events import AccountRemoved, Inbound, OfflineLoaded, SessionDetached
from xmpp_im_core.server.visibility import DIRECTED, INVISIBLE, SELF, SUBSCRIBED, Visibility
from xmpp_im_core.stanza import Message
from xmpp_im_core.subscription import Subscription


def crowd(size: int) -> list[Contact]:
    return [Contact(f"montague{n}@verona.example", Subscription.BOTH, version=n + 1) for n in range(size)]


def test_a_step_reads_as_who_what_why_and_by_which_rule() -> None:
    juliet = account(Contact(ROMEO, Subscription.FROM, version=1), sessions=(balcony(),))

    text = str(explain(juliet, sends("unavailable")))

    assert text.startswith(
        "juliet@capulet.example, event e1 at 2026-07-12 12:00:00+00:00: balcony#7 sent: presence of type\n"
        '         "unavailable"\n'
        "\n"
        "sent\n"
        '  1. fan out presence of type "unavailable" from juliet@capulet.example/balcony\n'
        "     why subscribed: romeo@montague.example\n"
        "     by  presence:unavailable: When a presence session ends, for any reason, the server sends"
    )
    assert text.endswith(
        "\n"
        "changed\n"
        "     session balcony#7 is not available, interested\n"
        "stored\n"
        '     put last-unavailable: presence of type "unavailable" from juliet@capulet.example/balcony'
    )


def test_a_session_is_shown_with_its_stream_and_the_number_of_those_who_know_it() -> None:
    known = balcony("paris@verona.example", "tybalt@capulet.example")

    text = str(explain(account(sessions=(known,)), SessionDetached(NOON, "e1", BALCONY)))

    assert "detached, known to 2 by directed presence" in " ".join(text.split())


def test_the_section_that_decides_is_named_before_everything_else_that_the_rule_cites() -> None:
    text = str(explain(account(Contact(ROMEO, Subscription.FROM, version=1), sessions=(balcony(),)), sends(None)))

    assert (
        "         decided by RFC 6121 §4.4.2; also RFC 6121 §4.1, §3, §11, §8.2, §8.3, §4.6.3 and 5 more\n"
        "         6121-4.4.2-01, 6121-4.4.2-02, 6121-4.1-03, "
    ) in text


def test_a_rule_that_cites_nothing_is_shown_by_its_sentence_alone() -> None:
    juliet, event = account(), sends(None)
    step = Transition[State](juliet, (Ignored(Rule("extension:own", "The extension ignores it.")),))

    text = str(explain_step(juliet, event, step))

    assert "by  extension:own: The extension ignores it.\n" in f"{text}\n"
    assert "decided by" not in text


def test_ten_thousand_recipients_are_summarised_by_reason() -> None:
    juliet = account(*crowd(10_000), sessions=(balcony("tybalt@capulet.example"),))

    text = str(explain(juliet, sends("unavailable")))

    first = "montague0@verona.example, montague1000@verona.example, montague1001@verona.example"
    assert f"why 10,000 subscribed: {first} and 9,997 more" in " ".join(text.split())
    assert "why directed: tybalt@capulet.example" in text
    assert len(text.split("\n")) <= 40


def test_effects_of_one_rule_are_told_twice_and_then_counted() -> None:
    juliet = account(*crowd(1_000), sessions=(balcony(),))

    text = str(explain(juliet, AccountRemoved(NOON, "e1")))

    assert "by  account:removed-cancels, as above" in text
    assert "and 998 more by account:removed-cancels, to " in text
    assert len(text.split("\n")) <= 70


def test_long_lists_of_what_is_forgotten_are_counted() -> None:
    message = Message(None, None)
    stored = tuple((f"m{n:03}", message) for n in range(100))

    text = str(explain(account(sessions=(balcony(),)), OfflineLoaded(NOON, "e1", BALCONY, stored)))

    assert "     delete offline m007\n     and 92 more" in text
    assert "delete offline m008" not in text


def test_no_line_is_wider_than_a_terminal() -> None:
    juliet = account(*crowd(10), sessions=(balcony("tybalt@capulet.example"),))

    for event in (sends(None), sends("unavailable"), sends("subscribe", ROMEO), AccountRemoved(NOON, "e1")):
        assert max(len(line) for line in str(explain(juliet, event)).split("\n")) <= 100


def test_what_a_peer_wrote_cannot_reach_the_terminal_as_it_is() -> None:
    hostile = Malformed("\x1b[2J\n@@", "no JID")
    stanza = Message(account().address, hostile, type="\x1b]0;title\x07")

    text = str(explain(account(), Inbound(NOON, "e1", evolve(stanza, id="x" * 1000))))

    assert "\x1b" not in text
    assert "\\x1b" in text


def test_what_a_peer_wrote_at_length_is_cut() -> None:
    stanza = Message(account().address, Malformed("~" * 1000, "no JID"))

    text = str(explain(account(), Inbound(NOON, "e1", stanza)))

    assert text.count("~") == 77
    assert "~..." in text


@in_one_test(
    ("seen", "word"), [(SELF, "self"), (SUBSCRIBED, "subscribed"), (DIRECTED, "directed"), (INVISIBLE, "none")]
)
def test_each_reason_to_see_presence_has_its_word(seen: Visibility, word: str) -> None:
    assert str(Reason(seen, False, (ROMEO,))) == f"{word}: romeo@montague.example"
    assert str(Reason(seen, True, (ROMEO,))) == f"{word} by this step: romeo@montague.example"
