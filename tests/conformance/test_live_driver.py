"""The live driver, against a tiny server on loopback: what works, and what is said of a server that does not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.live import driving, impatient, result
from tests.conformance.loopback import SASL, Connection, Loopback, listening
from tests.conformance.stage import BALCONY, JULIET, ROMEO, receive, send
from xmpp_im_conformance.drivers.live import LiveConfig, LiveDriver
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.steps.looks import UNSEEN
from xmpp_im_conformance.format.worlds import Setup
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_core.element import Element

PRESENCE = [
    send("<presence/>"),
    receive(f"<presence from='{BALCONY}' to='{JULIET}'/>"),
]


# --- a server that speaks correctly -----------------------------------------------------------------------


def test_a_scenario_passes_with_a_new_account_that_is_removed_afterwards(tmp_path: Path) -> None:
    server = Loopback()
    seen: list[str] = []

    def noted(connection: Connection, stanza: Element) -> None:
        seen.append(connection.user)

    server.answer = noted
    with driving(server) as driver:
        first = result(tmp_path, driver, *PRESENCE)
        second = result(tmp_path, driver, *PRESENCE)

    assert [(each.outcome, each.detail) for each in (first, second)] == [(Outcome.PASSED, "")] * 2
    users = set(seen)
    assert len(users) == 3  # the driver asks once what the server offers
    assert all(user.startswith("juliet-") for user in users)
    assert server.passwords == {}


def test_the_server_is_called_what_it_calls_itself_and_where_it_is(tmp_path: Path) -> None:
    def named(connection: Connection, stanza: Element) -> str | None:
        if not stanza.elements or stanza.elements[0].namespace != "jabber:iq:version":
            return None
        query = "<query xmlns='jabber:iq:version'><name>Veron</name><version>1.2</version><os>x</os></query>"
        return f"<iq id='{stanza.get('id')}' type='result'>{query}</iq>"

    with driving(Loopback(answer=named)) as driver:
        before = driver.about
        result(tmp_path, driver, *PRESENCE)
        after = driver.about

    where = f"127.0.0.1:{driver.config.port}"
    assert (before, after) == (where, f"Veron 1.2 at {where}")


def test_a_server_that_hides_its_name_is_called_by_its_address(tmp_path: Path) -> None:
    with driving(Loopback()) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.PASSED, found.detail
    assert driver.about == f"127.0.0.1:{driver.config.port}"


def test_a_roster_is_arranged_and_looked_at(tmp_path: Path) -> None:
    item = {"jid": "nurse@capulet.example", "name": "Nurse", "groups": ["Servants"]}
    with driving(Loopback()) as driver:
        found = result(
            tmp_path,
            driver,
            {"roster": {"of": JULIET, "items": [item]}},
            accounts={JULIET: {"roster": [item]}},
        )

    assert found.outcome is Outcome.PASSED, found.detail


def test_requests_that_no_client_sees_are_left_out_of_rosters_on_both_sides(tmp_path: Path) -> None:
    request = {"jid": ROMEO, "pending_in": "{any}"}
    with driving(Loopback()) as driver:
        found = result(tmp_path, driver, {"roster": {"of": JULIET, "items": [request]}})

    assert found.outcome is Outcome.PASSED, found.detail


def test_a_roster_that_no_protocol_makes_is_not_applicable(tmp_path: Path) -> None:
    item = {"jid": "nurse@capulet.example", "subscription": "both"}
    with driving(Loopback()) as driver:
        found = result(tmp_path, driver, accounts={JULIET: {"roster": [item]}})

    assert (found.outcome, found.detail) == (
        Outcome.NOT_APPLICABLE,
        "nobody can speak for nurse@capulet.example, to arrange a roster",
    )


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"restart": JULIET}, "restart an account"),
        ({"storage_fails": {"of": JULIET, "what": "store"}}, "let the storage fail"),
        ({"storage_waits": JULIET}, "let the storage wait"),
        ({"storage_answers": JULIET}, "let the storage wait"),
        ({"expire": BALCONY}, "let the time for resuming a session pass"),
    ],
    ids=["restart", "storage", "waits", "answers", "expire"],
)
def test_what_no_socket_can_do_is_not_applicable(tmp_path: Path, step: Mapping[str, Any], why: str) -> None:
    with driving(Loopback()) as driver:
        found = result(tmp_path, driver, step)

    assert (found.outcome, found.detail) == (
        Outcome.NOT_APPLICABLE,
        f"the driver for live servers cannot {why}",
    )


def test_without_a_component_the_other_server_is_not_applicable(tmp_path: Path) -> None:
    needy: list[dict[str, Any]] = [
        {"remote_send": f"<message from='{ROMEO}/orchard' to='{JULIET}'/>"},
        {"remote_receive": "<message/>"},
        {"send": {"from": BALCONY, "xml": f"<presence to='{ROMEO}'/>"}},
        {"one_of": [[{"remote_silent": True}], [{"remote_receive": "<message/>"}]]},
    ]
    with driving(Loopback()) as driver:
        found = [result(tmp_path, driver, step) for step in needy]
        found += [
            result(tmp_path, driver, accounts={JULIET: {"roster": [{"jid": ROMEO, **state}]}})
            for state in ({"subscription": "from"}, {"ask": True}, {"pending_in": "{any}"})
        ]

    assert {(each.outcome, each.detail) for each in found} == {
        (Outcome.NOT_APPLICABLE, "nobody plays remote.example: neither a component nor federation is configured")
    }


def test_without_a_component_a_contact_at_the_other_server_is_a_name(tmp_path: Path) -> None:
    """No server sends anything to a contact without a subscription: nobody has to be there to take it."""
    item = {"jid": ROMEO, "name": "Romeo"}
    steps: list[dict[str, Any]] = [
        {"roster": {"of": JULIET, "items": [item]}},
        {"send": {"from": BALCONY, "xml": f"<iq type='set' id='b'><block><item jid='{ROMEO}'/></block></iq>"}},
        {"flush": [BALCONY]},
    ]
    with driving(Loopback()) as driver:
        found = result(tmp_path, driver, *steps, accounts={JULIET: {"roster": [item]}})

    assert found.outcome is Outcome.PASSED, found.detail
    assert found.findings == {}


@pytest.mark.parametrize("component", [False, True])
def test_a_silence_that_nobody_can_hear_is_told(tmp_path: Path, component: bool) -> None:
    steps: list[dict[str, Any]] = [{"remote_flush": True}, {"remote_absent": "<message/>"}, {"remote_silent": True}]
    with driving(Loopback(), component=component) as driver:
        found = result(tmp_path, driver, *steps)

    assert found.outcome is Outcome.PASSED, found.detail
    assert found.findings == ({} if component else {UNSEEN: 2})


def test_a_feature_that_the_server_does_not_offer_is_not_applicable(tmp_path: Path) -> None:
    with driving(Loopback()) as driver:
        offered = result(tmp_path, driver, *PRESENCE, features=["rosterver"])
        missing = result(tmp_path, driver, *PRESENCE, features=["preapproval"])

    assert offered.outcome is Outcome.PASSED, offered.detail
    assert (missing.outcome, missing.detail) == (
        Outcome.NOT_APPLICABLE,
        "the server does not offer 'preapproval'",
    )


def test_nothing_that_the_server_says_is_hidden(tmp_path: Path) -> None:
    def chatty(connection: Connection, stanza: Element) -> str | None:
        said = "<message from='capulet.example'><body>Welcome!</body></message>"
        return said if stanza.name == "presence" else None

    with driving(Loopback(answer=chatty)) as driver:
        found = result(tmp_path, driver, send("<presence/>"))

    assert found.outcome is Outcome.FAILED
    assert "at juliet@capulet.example/balcony nothing was expected, but there came" in found.detail
    assert "Welcome!" in found.detail


# --- a server that does not -------------------------------------------------------------------------------


def test_a_server_that_is_not_there_has_failed(tmp_path: Path) -> None:
    with listening(Loopback()) as gone:
        pass
    with closing(LiveDriver(LiveConfig(port=gone.port))) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    port = f"127.0.0.1:{gone.port}"
    assert found.outcome is Outcome.NOT_RUN
    assert found.detail.startswith(f"the client port {port} does not work: no connection to {port}")


@pytest.mark.parametrize(
    ("server", "part", "why"),
    [
        (Loopback(script=()), "the client port 127.0.0.1:", "the server has not answered within 1 seconds"),
        (Loopback(hangs_up=True), "the client port 127.0.0.1:", "the server has closed the connection"),
        (
            Loopback(script=(b"HTTP/1.1 400 Bad Request\r\n",)),
            "the client port 127.0.0.1:",
            "the server has sent what is not XMPP",
        ),
        (Loopback(registers=False), "registration", "the server creates no account in-band (not-allowed)"),
        (
            Loopback(mechanisms=("X-TOKEN",)),
            "login",
            "none of the SASL mechanisms PLAIN, SCRAM-SHA-256, SCRAM-SHA-1 can be used; offered: X-TOKEN",
        ),
    ],
    ids=["hangs", "closes", "garbage", "no registration", "no mechanism"],
)
def test_the_part_of_a_server_that_does_not_work_is_named_and_nothing_is_run(
    tmp_path: Path, server: Loopback, part: str, why: str
) -> None:
    with driving(server, timeout=1 if "1 seconds" in why else 30) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.NOT_RUN
    assert found.detail.startswith(part)
    assert f" does not work: {why}" in found.detail


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "the server has not answered within 0.25 seconds"),
        ("</stream:stream>", f"the stream of {BALCONY} is at its end: the server has closed the stream"),
        ("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", "stream: reset"),
        ("<presence", "the server has not answered within 0.25 seconds"),
        ("<presence></message>", "the server has sent what is not XMPP"),
    ],
    ids=["hangs", "closes", "stream error", "stops", "garbage"],
)
def test_a_server_that_fails_in_a_step_has_failed_there_and_the_rest_goes_on(
    tmp_path: Path, said: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: set[str] = set()
    if "0.25 seconds" in why:
        impatient(monkeypatch, "send", but_for="<presence/>")

    def answer(connection: Connection, stanza: Element) -> str | None:
        if stanza.name == "message":
            broken.add(connection.user)
            return said
        return "" if connection.user in broken and connection.resource == "balcony" else None

    with driving(Loopback(answer=answer)) as driver:
        failed = result(tmp_path, driver, *PRESENCE, send("<message/>"))
        next_one = result(tmp_path, driver, *PRESENCE)

    assert failed.outcome is Outcome.FAILED
    assert failed.detail.startswith("step 4 of 4 (send): "), failed.detail
    assert why in failed.detail.partition("\nwhat happened:")[0]
    assert next_one.outcome is Outcome.PASSED, next_one.detail


def test_a_stream_that_a_client_has_broken_may_end(tmp_path: Path) -> None:
    over: set[str] = set()

    def answer(connection: Connection, stanza: Element) -> str | None:
        error = "<not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
        if stanza.name == "message":
            over.add(connection.user)
            return f"<stream:error>{error}</stream:error></stream:stream>"
        return "" if connection.user in over and connection.resource == "balcony" else None

    with driving(Loopback(answer=answer)) as driver:
        found = result(tmp_path, driver, *PRESENCE, send("<message/>"))

    assert found.outcome is Outcome.PASSED, found.detail


def test_a_server_that_has_never_worked_is_not_asked_again(tmp_path: Path) -> None:
    server = Loopback(hangs_up=True)
    with driving(server) as driver:
        first = result(tmp_path, driver, *PRESENCE)
        asked = server.connections
        found = [result(tmp_path, driver, *PRESENCE) for _ in range(7)]

    assert {each.outcome for each in found} == {Outcome.NOT_RUN}
    assert {each.detail for each in found} == {first.detail}
    assert server.connections == asked


def test_a_clock_that_a_scenario_sets_is_not_applicable(tmp_path: Path) -> None:
    with driving(Loopback()) as driver:
        found = result(tmp_path, driver, {"time": "2026-01-01T12:00:00Z"})

    assert found.outcome is Outcome.NOT_APPLICABLE


def test_an_account_may_be_created_by_a_command(tmp_path: Path) -> None:
    server = Loopback(registers=False)
    noted = tmp_path / "accounts"
    command = f"sh -c 'echo $0 $1 >> {noted}; exit 3' {{local}} {{domain}}"
    with driving(server, register_command=command) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    for line in noted.read_text(encoding="utf-8").splitlines():
        local, domain = line.split()
        assert (local.partition("-")[0], domain) == ("juliet", "capulet.example")
    assert found.outcome is Outcome.NOT_RUN
    assert "registration does not work" in found.detail
    assert "exit status 3" in found.detail


def test_a_set_up_that_needs_no_server_is_refused_without_asking_it() -> None:
    server = Loopback()
    with driving(server) as driver, pytest.raises(Exception, match=r"nobody plays remote\.example"):
        driver.world(Setup({JULIET: (RosterItem(jid=ROMEO),)}))

    assert server.connections == 0


# --- what it costs ----------------------------------------------------------------------------------------


def cost(folder: Path, driver: LiveDriver, server: Loopback, *steps: Mapping[str, Any], **keys: Any) -> tuple[int, int]:
    """Return how much clients have sent in a scenario, and over how many connections."""
    before, connections = len(server.heard), server.connections
    found = result(folder, driver, *steps, **keys)
    assert found.outcome is Outcome.PASSED, found.detail
    return len(server.heard) - before, server.connections - connections


def messages(number: int) -> list[dict[str, Any]]:
    return [*PRESENCE, *[send(f"<message id='m{each}'/>") for each in range(number)]]


@pytest.mark.parametrize(("orderly", "requests"), [(False, 1 + 2), (True, 1)])
def test_a_step_costs_a_few_requests_and_no_login(tmp_path: Path, orderly: bool, requests: int) -> None:
    """Each step needs a round trip for what it sends, and two in which nothing comes; the first is enough if the server
    is orderly.
    """
    server = Loopback()
    with driving(server, orderly=orderly) as driver:
        cost(tmp_path, driver, server)
        few, first = cost(tmp_path, driver, server, *messages(1))
        many, second = cost(tmp_path, driver, server, *messages(11))

    assert many - few == 10 * (1 + requests)
    assert first == second == 1  # the user logs in where the account was created


def test_an_orderly_server_is_asked_once_by_each_client(tmp_path: Path) -> None:
    server = Loopback()
    others = [{"connect": f"{JULIET}/{number}"} for number in range(3)]
    with driving(server, orderly=True) as driver:
        cost(tmp_path, driver, server)
        few, _ = cost(tmp_path, driver, server, *others, *messages(1))
        many, _ = cost(tmp_path, driver, server, *others, *messages(11))

    assert many - few == 10 * (1 + 1 + 3)


@pytest.mark.parametrize(("orderly", "questions"), [(False, 2), (True, 1)])
def test_the_other_server_asks_as_often_where_no_client_can_ask_it(
    tmp_path: Path, orderly: bool, questions: int
) -> None:
    """The tiny server sends nothing that clients ask to the component."""
    asked: list[Element] = []

    def noted(element: Element) -> None:
        if element.name == "iq":
            asked.append(element)

    with driving(Loopback(remote_answer=noted), component=True, orderly=orderly) as driver:
        counts = []
        for number in (0, 1, 11):
            asked.clear()
            assert result(tmp_path, driver, *messages(number)).outcome is Outcome.PASSED
            counts.append(len(asked))

    assert counts[2] - counts[1] == 10 * questions


@pytest.mark.parametrize(("orderly", "requests"), [(False, 1 + 2), (True, 1)])
def test_to_arrange_a_roster_costs_a_login_and_a_few_requests(tmp_path: Path, orderly: bool, requests: int) -> None:
    """The account is created and arranged on one connection; the scenario has another one."""
    server = Loopback()
    accounts = {JULIET: {"roster": [{"jid": "nurse@capulet.example"}]}}
    with driving(server, orderly=orderly) as driver:
        cost(tmp_path, driver, server)
        without, first = cost(tmp_path, driver, server)
        arranged, second = cost(tmp_path, driver, server, accounts=accounts)

    login, item, look = 4, 1, 1  # a header, SASL, another header, the resource
    assert (first, second) == (1, 2)
    assert arranged - without == login + item + requests + look


def test_only_accounts_with_a_roster_or_in_one_log_in_to_arrange_it(tmp_path: Path) -> None:
    server = Loopback()
    romeo, others = "romeo@montague.example", [f"nurse{number}@capulet.example" for number in range(5)]
    accounts = {JULIET: {"roster": [{"jid": romeo}]}, romeo: {}, **{other: {} for other in others}}
    with driving(server) as driver:
        result(tmp_path, driver, *PRESENCE)
        used = len(server.used)
        found = result(tmp_path, driver, {"roster": {"of": JULIET, "items": [{"jid": romeo}]}}, accounts=accounts)

    assert found.outcome is Outcome.PASSED, found.detail
    removing = len(accounts) - 1  # Juliet's session is open
    assert len(server.used) - used == 2 + 1 + 1 + removing


@pytest.mark.parametrize("asks", [True, False])
def test_a_roster_is_looked_at_where_it_is_known_and_else_in_another_session(tmp_path: Path, asks: bool) -> None:
    """To ask for the roster makes a session interested (RFC 6121 §2.2), which the scenario has to decide."""
    server = Loopback()
    get = "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>"
    known = [send(get), receive("<iq type='result' id='g'><query xmlns='jabber:iq:roster'/></iq>")] if asks else []
    asked: list[str] = []

    def noted(connection: Connection, stanza: Element) -> None:
        if stanza.elements and stanza.elements[0].namespace == "jabber:iq:roster":
            asked.append(connection.resource)

    server.answer = noted
    with driving(server) as driver:
        cost(tmp_path, driver, server)
        _, connections = cost(tmp_path, driver, server)
        _, looking = cost(tmp_path, driver, server, *known, {"roster": {"of": JULIET, "items": []}})

    assert looking == connections + (not asks)
    assert [each == "balcony" for each in asked] == ([True, True] if asks else [False])


# --- logging in where the account was created -------------------------------------------------------------


def test_a_user_who_cannot_log_in_where_the_account_was_created_does_so_elsewhere(tmp_path: Path) -> None:
    """After the first time nobody tries it any more."""
    tried: list[bool] = []

    def refuses(connection: Connection, element: Element) -> str | None:
        if element.name != "auth":
            return None
        tried.append(connection.registered)
        return f"<failure xmlns='{SASL}'><not-authorized/></failure>" if connection.registered else None

    with driving(Loopback(negotiates=refuses)) as driver:
        found = [result(tmp_path, driver, *PRESENCE) for _ in range(3)]

    assert {each.outcome for each in found} == {Outcome.PASSED}
    assert tried == [True, False] + [False] * 3


def test_a_server_that_ends_the_stream_on_which_an_account_was_created_is_asked_on_another(tmp_path: Path) -> None:
    def ends(connection: Connection, element: Element) -> str | None:
        return "</stream:stream>" if element.name == "auth" and connection.registered else None

    with driving(Loopback(negotiates=ends)) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.PASSED, found.detail


@pytest.mark.parametrize("at", ["auth", "bind"])
def test_a_server_that_says_nothing_where_an_account_was_created_is_asked_on_another(tmp_path: Path, at: str) -> None:
    """So is jabberd2, which binds no resource there."""

    def hangs(connection: Connection, element: Element) -> str | None:
        asked = element.name == at or (element.first(at) is not None if element.name == "iq" else False)
        return "" if asked and connection.registered else None

    with driving(Loopback(negotiates=hangs), timeout=1) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.PASSED, found.detail
