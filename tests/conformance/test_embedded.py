"""The embedded server: every step kind does at it what the format says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.stage import (
    BALCONY,
    CHAMBER,
    JULIET,
    ROMEO,
    flush,
    receive,
    result,
    scenario,
    send,
)
from xmpp_im_conformance.drivers.embedded import host
from xmpp_im_conformance.drivers.embedded.storage import FailingStorage, found_item
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import Rule
from xmpp_im_core.server import Delete, Deliver, Effect, FanOut, Kind, Put
from xmpp_im_core.server.effects import AS_IT_STANDS
from xmpp_im_core.server.presence import broadcasting
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import Subscription

GET = "<iq id='g' type='get'><query xmlns='jabber:iq:roster'/></iq>"
SET = f"<iq id='s' type='set'><query xmlns='jabber:iq:roster'><item jid='{ROMEO}'/></query></iq>"
HELLO = f"<message from='{ROMEO}/orchard' to='{JULIET}' type='chat'><body>hi</body></message>"
SUBSCRIBER = {JULIET: {"roster": [{"jid": ROMEO, "subscription": "from"}]}}
REMOTE_FLUSH = {"remote_flush": True}
RULE = Rule("test:rule", "It is tested.")
STANZA = Presence(None, None)


def passes(tmp_path: Path, *steps: dict[str, Any], **keys: Any) -> None:
    found = result(tmp_path, scenario(*steps, **keys))
    assert found.outcome is Outcome.PASSED, found.detail


def test_an_account_is_reported_as_it_is_stored(tmp_path: Path) -> None:
    request = f"<presence from='{ROMEO}' id='r' to='{JULIET}' type='subscribe'><status>a <b/> c</status></presence>"
    items = [
        {"jid": "a@x.example", "subscription": "both", "name": "A", "groups": ["1", "2"]},
        {"jid": "b@x.example", "ask": True},
        {"jid": "c@x.example", "subscription": "to", "approved": True},
        {"jid": ROMEO, "pending_in": request},
        {"jid": "d@x.example", "subscription": "to", "pending_in": request},
        {"jid": "e@x.example", "subscription": "none"},
    ]

    passes(
        tmp_path,
        {"roster": {"of": JULIET, "items": items}},
        {"restart": JULIET},
        {"roster": {"of": JULIET, "items": items}},
        accounts={JULIET: {"roster": items}},
    )


def test_a_request_is_reported_as_pending_although_its_stanza_is_lost() -> None:
    found = found_item(Contact(ROMEO, Subscription.TO_IN, version=1))
    unlisted = found_item(Contact(ROMEO, Subscription.NONE_IN, listed=False))

    assert found == RosterItem(jid=ROMEO, subscription="to", pending_in="{any}")
    assert unlisted == RosterItem(jid=ROMEO, pending_in="{any}", listed=False)
    assert found_item(Contact(ROMEO, listed=False, version=1)) is None


@pytest.mark.parametrize("kind", [Kind.ROSTER, Kind.LAST_UNAVAILABLE, Kind.MOVED])
def test_a_key_is_refused_where_an_account_has_one_record(kind: Kind) -> None:
    storage = FailingStorage()

    with pytest.raises(ValueError, match=kind.value):
        storage.commit([(JULIET, Put(kind, "x", None))])
    with pytest.raises(ValueError, match=kind.value):
        storage.commit([(JULIET, Delete(kind, "x"))])
    storage.commit([(JULIET, Delete(kind, ""))])


def test_a_disconnected_client_becomes_unavailable_once(tmp_path: Path) -> None:
    unavailable = {"remote_receive": f"<presence from='{BALCONY}' to='{ROMEO}' type='unavailable'/>"}
    for how in ("clean", "abrupt"):
        passes(
            tmp_path,
            send("<presence/>"),
            REMOTE_FLUSH,
            {"disconnect": {"jid": BALCONY, "how": how}},
            unavailable,
            {"remote_silent": True},
            accounts=SUBSCRIBER,
        )


def test_a_replaced_session_becomes_unavailable_and_the_new_one_has_begun(tmp_path: Path) -> None:
    passes(
        tmp_path,
        send("<presence/>"),
        flush(),
        REMOTE_FLUSH,
        {"replace": BALCONY},
        {"remote_receive": f"<presence from='{BALCONY}' to='{ROMEO}' type='unavailable'/>"},
        {"silent": [BALCONY]},
        send("<presence/>"),
        flush(),
        {"remote_receive": f"<presence from='{BALCONY}' to='{ROMEO}'/>"},
        accounts=SUBSCRIBER,
    )


def test_what_comes_while_a_session_is_detached_is_kept_for_it(tmp_path: Path) -> None:
    passes(
        tmp_path,
        send("<presence/>"),
        flush(),
        {"detach": BALCONY},
        {"remote_send": HELLO},
        {"silent": [BALCONY]},
        {"resume": BALCONY},
        receive(HELLO),
    )


def test_what_was_kept_for_a_session_that_expires_is_processed_again(tmp_path: Path) -> None:
    delayed = HELLO.replace("</body>", "</body><x xmlns='urn:scenario:any'/>")
    passes(
        tmp_path,
        send("<presence/>"),
        {"detach": BALCONY},
        {"remote_send": HELLO},
        {"expire": BALCONY},
        {"connect": CHAMBER},
        send("<presence/>", CHAMBER),
        receive(delayed, at=CHAMBER, anywhere=True),
        flush(CHAMBER),
    )


def test_a_commit_that_fails_fails_once_and_changes_nothing(tmp_path: Path) -> None:
    failing = {"storage_fails": {"of": JULIET, "what": "store"}}
    error = "<iq from='{opt}' id='s' to='{opt}' type='error'><x xmlns='urn:scenario:any'/></iq>"
    passes(
        tmp_path,
        failing,
        send(SET),
        receive(error),
        {"roster": {"of": JULIET, "items": []}},
        send(SET),
        receive("<iq from='{opt}' id='s' to='{opt}' type='result'/>"),
        {"roster": {"of": JULIET, "items": [{"jid": ROMEO}]}},
    )


def test_an_account_whose_loading_failed_is_unreadable_until_it_is_loaded_again(tmp_path: Path) -> None:
    error = "<iq from='{opt}' id='g' to='{opt}' type='error'><x xmlns='urn:scenario:any'/></iq>"
    item = f"<item jid='{ROMEO}' subscription='from'/>"
    query = f"<query xmlns='jabber:iq:roster' ver='{{any}}'>{item}</query>"
    roster = f"<iq from='{{opt}}' id='g' to='{{opt}}' type='result'>{query}</iq>"
    passes(
        tmp_path,
        {"storage_fails": {"of": JULIET, "what": "load"}},
        {"restart": JULIET},
        {"connect": BALCONY},
        send(GET),
        receive(error),
        send(GET),
        receive(error),
        {"restart": JULIET},
        {"connect": BALCONY},
        send(GET),
        receive(roster),
        accounts=SUBSCRIBER,
    )


def test_time_moves_only_when_it_is_said_to(tmp_path: Path) -> None:
    accounts = {JULIET: {"roster": [{"jid": ROMEO, "ask": True}]}}
    again = {"remote_receive": f"<presence from='{JULIET}' to='{ROMEO}' type='subscribe'/>"}
    begins = {"time": "2030-06-01T00:00:00Z"}

    found = result(
        tmp_path,
        {
            **scenario(accounts=accounts),
            "steps": [
                begins,
                {"remote_silent": True},
                {"time": "2030-06-07T00:00:00Z"},
                {"remote_silent": True},
                {"restart": JULIET},
                {"time": "2030-06-08T00:00:00Z"},
                again,
            ],
        },
    )

    assert found.outcome is Outcome.PASSED, found.detail


def test_accounts_come_and_go(tmp_path: Path) -> None:
    unavailable = f"<presence from='{JULIET}' to='{{any}}' type='unavailable'/>"
    probe = {"remote_send": f"<presence from='{ROMEO}' id='p' to='{JULIET}' type='probe'/>"}
    denied = {"remote_receive": f"<presence from='{JULIET}' id='p' to='{ROMEO}' type='unsubscribed'/>"}
    passes(
        tmp_path,
        {"account_removed": JULIET},
        REMOTE_FLUSH,
        {"roster": {"of": JULIET, "items": []}},
        probe,
        denied,
        {"account_created": JULIET},
        {"connect": BALCONY},
        send(SET),
        flush(),
        {"roster": {"of": JULIET, "items": [{"jid": ROMEO}]}},
        {"remote_absent": unavailable},
        accounts=SUBSCRIBER,
    )


def test_a_decision_answers_the_next_request_of_that_sender_only(tmp_path: Path) -> None:
    request = {"remote_send": f"<presence from='{ROMEO}' to='{JULIET}' type='subscribe'/>"}
    decide = {"decide": {"at": JULIET, "request_from": ROMEO, "decision": "deny"}}
    denied = {"remote_receive": f"<presence from='{JULIET}' to='{ROMEO}' type='unsubscribed'/>"}
    passes(tmp_path, decide, request, denied, request, {"remote_silent": True})


def test_a_decision_answers_a_request_from_a_local_user_too(tmp_path: Path) -> None:
    nurse = "nurse@capulet.example"
    passes(
        tmp_path,
        {"decide": {"at": nurse, "request_from": JULIET, "decision": "approve"}},
        send(f"<presence to='{nurse}' type='subscribe'/>"),
        flush(),
        {"roster": {"of": nurse, "items": [{"jid": JULIET, "subscription": "from"}]}},
        accounts={JULIET: {}, nurse: {}},
    )


def test_a_domain_that_cannot_be_reached_returns_an_error(tmp_path: Path) -> None:
    passes(
        tmp_path,
        send("<message to='a@nowhere.example' id='m'><body>hi</body></message>"),
        receive(
            "<message from='a@nowhere.example' to='{any}' id='m' type='error'><error type='{any}'>"
            "<remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        ),
    )


def test_what_breaks_a_stream_ends_the_session(tmp_path: Path) -> None:
    passes(
        tmp_path,
        send("<presence/>"),
        REMOTE_FLUSH,
        send("<other/>"),
        {"remote_receive": f"<presence from='{BALCONY}' to='{ROMEO}' type='unavailable'/>"},
        send("<presence/>"),
        {"remote_silent": True},
        accounts=SUBSCRIBER,
        lenient=[BALCONY],
    )


def test_another_server_cannot_speak_for_a_hosted_domain(tmp_path: Path) -> None:
    forged = f"<message from='nurse@capulet.example' to='{JULIET}'><body>hi</body></message>"
    passes(tmp_path, send("<presence/>"), flush(), {"remote_send": forged}, {"silent": [BALCONY]})


def test_the_hosts_own_services_answer_where_the_feature_is_on(tmp_path: Path) -> None:
    ping = send("<iq id='p' to='capulet.example' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    own = send(f"<iq id='p' to='{JULIET}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    answered = "<iq from='{any}' id='p' to='{any}' type='result'/>"
    refused = "<iq from='{any}' id='p' to='{any}' type='error'><x xmlns='urn:scenario:any'/></iq>"

    passes(tmp_path, ping, receive(answered), own, receive(answered), features=["ping"])
    passes(tmp_path, ping, receive(refused), own, receive(refused))


def test_disco_tells_accounts_from_servers(tmp_path: Path) -> None:
    def asking(to: str) -> dict[str, Any]:
        return send(f"<iq id='d' to='{to}' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")

    def told(category: str, type: str) -> dict[str, Any]:
        return receive(
            "<iq from='{any}' id='d' to='{any}' type='result'><query xmlns='http://jabber.org/protocol/disco#info'>"
            f"<identity category='{category}' type='{type}'/><x xmlns='urn:scenario:any'/></query></iq>"
        )

    passes(
        tmp_path,
        asking(JULIET),
        told("account", "registered"),
        asking("capulet.example"),
        told("server", "im"),
        features=["disco"],
    )


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (["mam"], "the feature 'mam' is not supported"),
        (["csi"], "the feature 'csi' is not supported"),
        (["offline", "no-offline"], "the features no-offline, offline exclude one another"),
    ],
)
def test_what_is_not_supported_is_not_applicable_in_the_open(tmp_path: Path, features: list[str], reason: str) -> None:
    found = result(tmp_path, scenario(features=features))

    assert found == Result(found.vector, Outcome.NOT_APPLICABLE, reason)


def test_a_core_without_end_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_ENDLESS", 1)

    found = result(tmp_path, scenario(send("<message to='a@nowhere.example'/>")))

    assert found.outcome is Outcome.FAILED
    assert "one event has caused more than 1 others" in found.detail


@pytest.mark.parametrize("to_nobody", [Deliver(STANZA, (), AS_IT_STANDS, RULE), FanOut(STANZA, (), RULE)])
def test_an_effect_that_sends_something_to_nobody_is_a_failure(
    to_nobody: Effect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcasting, "_fan_out", lambda presence, recipients, rule: [to_nobody])

    found = result(tmp_path, scenario({"connect": BALCONY}, send("<presence/>"), flush(BALCONY)))

    assert found.outcome is Outcome.FAILED
    assert "sends something to nobody" in found.detail
