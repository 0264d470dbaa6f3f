"""How guesses are slowed down: how many logins may wait, and which are refused."""

from __future__ import annotations

import base64
import selectors
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.xmpp_im_host.raw_client import SASL, RawClient
from tests.xmpp_im_host.test_throttle import Clock
from xmpp_im_core.element import Element
from xmpp_im_host.network import failed_logins
from xmpp_im_host.network.failed_logins import LONGEST, PER_ACCOUNT, Attempt, FailedLogins
from xmpp_im_host.pytest_plugin import RunningServer
from xmpp_im_host.storage.errors import EngineFailed

HERE, THERE = "192.0.2.1", "192.0.2.2"
FREE = 10
"""How often an address may fail before its logins wait."""
PER_ADDRESS = 5


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(clock: Clock) -> FailedLogins:
    return FailedLogins(clock)


def begun(logins: FailedLogins, address: str = HERE, account: str = "juliet@localhost") -> Attempt:
    attempt = logins.begin(address, account)
    assert attempt is not None
    return attempt


def fail(logins: FailedLogins, times: int, address: str = HERE) -> None:
    """Fail so many times, each login after the end of the one before."""
    for _ in range(times):
        begun(logins, address).failed()


def test_some_failures_are_free(logins: FailedLogins) -> None:
    for _ in range(FREE):
        attempt = begun(logins)
        assert attempt.delay == 0
        attempt.failed()

    assert begun(logins).delay == 2


def test_logins_in_parallel_wait_one_after_the_other(logins: FailedLogins) -> None:
    fail(logins, FREE)

    assert [begun(logins).delay for _ in range(PER_ADDRESS)] == [2, 4, 6, 8, 10]


def test_no_more_logins_of_an_address_wait_than_the_longest_delay_holds(logins: FailedLogins) -> None:
    fail(logins, FREE)
    for _ in range(PER_ADDRESS):
        begun(logins)

    assert [logins.begin(HERE, "juliet@localhost") for _ in range(100)] == [None] * 100
    assert logins.waiting == PER_ADDRESS


def test_other_addresses_neither_wait_nor_are_refused(logins: FailedLogins) -> None:
    fail(logins, FREE)
    while logins.begin(HERE, "juliet@localhost") is not None:
        pass

    assert begun(logins, THERE).delay == 0


def test_guesses_go_on_at_the_rate_however_many_are_tried(logins: FailedLogins, clock: Clock) -> None:
    """In a thousand seconds five hundred: one every two seconds, and what waits in the end."""
    fail(logins, FREE)
    guesses, waiting = 0, list[tuple[float, Attempt]]()
    while clock.now < 1_000:
        while (attempt := logins.begin(HERE, "juliet@localhost")) is not None:
            assert attempt.delay <= LONGEST
            waiting.append((clock.now + attempt.delay, attempt))
        clock.now += 1
        for due, attempt in list(waiting):
            if due <= clock.now:
                waiting.remove((due, attempt))
                attempt.go_on()
                attempt.failed()
                guesses += 1

    assert guesses == 500
    assert logins.waiting == len(waiting) <= PER_ADDRESS + 1


def test_logins_that_begin_before_any_of_them_fails_are_paid_for_afterwards(logins: FailedLogins, clock: Clock) -> None:
    for attempt in [begun(logins) for _ in range(50)]:
        attempt.failed()

    assert logins.begin(HERE, "juliet@localhost") is None
    clock.now = (50 - FREE - PER_ADDRESS) * 2 + 1
    assert logins.begin(HERE, "juliet@localhost") is None
    clock.now += 1
    assert begun(logins).delay == LONGEST


def test_a_login_that_succeeds_costs_nothing(logins: FailedLogins) -> None:
    fail(logins, FREE)
    for _ in range(100):
        attempt = begun(logins)
        assert attempt.delay == 2
        attempt.go_on()
        attempt.forgive()

    assert logins.waiting == 0


def test_logins_in_parallel_without_failures_never_wait(logins: FailedLogins) -> None:
    assert {begun(logins).delay for _ in range(1_000)} == {0}


def test_one_failure_does_not_let_the_others_of_an_address_wait(logins: FailedLogins) -> None:
    fail(logins, 1)

    assert {begun(logins).delay for _ in range(1_000)} == {0}


def test_few_logins_as_one_account_wait_from_all_addresses(logins: FailedLogins) -> None:
    addresses = [f"192.0.2.{number}" for number in range(PER_ACCOUNT + 1)]
    for address in addresses:
        fail(logins, FREE, address)
    *some, last = addresses
    attempts = [begun(logins, address, "juliet@localhost") for address in some]

    assert logins.begin(last, "juliet@localhost") is None
    begun(logins, last, "romeo@localhost")
    begun(logins, "203.0.113.1", "juliet@localhost")  # it has not failed, so it does not wait
    attempts[0].go_on()
    assert begun(logins, last, "juliet@localhost").delay == 4


def test_few_logins_wait_in_all(logins: FailedLogins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "IN_ALL", 3)
    for address in (HERE, THERE):
        fail(logins, FREE, address)
    for number in range(3):
        begun(logins, HERE, f"user{number}@localhost")

    assert logins.begin(THERE, "juliet@localhost") is None
    assert begun(logins, "203.0.113.1").delay == 0


def test_a_refused_login_leaves_nothing_behind(logins: FailedLogins) -> None:
    fail(logins, FREE)
    attempts = []
    while (attempt := logins.begin(HERE, "juliet@localhost")) is not None:
        attempts.append(attempt)
    for number in range(1_000):
        assert logins.begin(HERE, f"user{number}@localhost") is None
    for attempt in attempts:
        attempt.go_on()

    assert logins.waiting == len(logins._accounts) == 0


# --- on a server --------------------------------------------------------------------------------------------


@pytest.fixture
def frozen(xmpp_server: RunningServer) -> RunningServer:
    """A server whose time stands still, as far as failed logins go; this machine has failed as often as is free."""
    logins = FailedLogins(Clock())
    xmpp_server.server.network.failed_logins = logins
    for _ in range(FREE):
        logins.failed("127.0.0.1")
    return xmpp_server


@pytest.fixture
def clients(frozen: RunningServer) -> Iterator[list[RawClient]]:
    with ExitStack() as stack:
        found = [stack.enter_context(RawClient(frozen)) for _ in range(20)]
        for client in found:
            client.open()
        yield found


def first_answers(clients: list[RawClient], number: int) -> list[Element]:
    """Return what comes first, on whichever connection."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        answers: list[Element] = []
        while len(answers) < number:
            for key, _ in selector.select():
                selector.unregister(key.fileobj)
                answers.append(key.data.next())
        return answers


@pytest.mark.xmpp_server(accounts={"juliet": "balcony"})
def test_guesses_in_parallel_are_refused(frozen: RunningServer, clients: list[RawClient]) -> None:
    """RFC 6120 §6.5.11: temporary-auth-failure. Five of twenty wait; the others are answered meanwhile."""
    text = base64.b64encode(b"\0juliet\0a guess").decode()
    for client in clients:
        client.write(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{text}</auth>")
    answers = [each.elements[0].name for each in first_answers(clients, 15)]

    assert answers.count("temporary-auth-failure") == frozen.server.counters.refused["failed_logins"] == 15


@pytest.mark.xmpp_server(registration=True)
def test_registrations_in_parallel_are_refused(frozen: RunningServer, clients: list[RawClient]) -> None:
    """RFC 6120 §8.3.3.12: policy-violation, of type wait."""
    for number, client in enumerate(clients):
        fields = f"<username>user{number}</username><password>a password</password>"
        client.write(f"<iq type='set' id='1'><query xmlns='jabber:iq:register'>{fields}</query></iq>")
    answers = first_answers(clients, 15)
    errors = [found for each in answers if (found := each.first("error")) is not None]

    assert [(each.get("type"), each.elements[0].name) for each in errors] == [("wait", "policy-violation")] * 15


@pytest.mark.xmpp_server(accounts={"juliet": "balcony"})
def test_who_knows_the_password_logs_in_after_waiting(frozen: RunningServer) -> None:
    logins = frozen.server.network.failed_logins
    with RawClient(frozen) as juliet:
        juliet.log_in("juliet", "balcony")

    assert begun(logins, "127.0.0.1").delay == 2  # as before the login


@pytest.mark.xmpp_server(accounts={"juliet": "balcony"})
def test_a_server_that_cannot_read_the_keys_blames_nobody(
    frozen: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(account: str) -> None:
        raise EngineFailed("the disk is gone")

    network = frozen.server.network
    monkeypatch.setattr(network.host, "credentials", fails)
    with RawClient(frozen) as juliet:
        juliet.open()
        answer = juliet.authenticate("juliet", "balcony")

    assert [each.name for each in answer.elements] == ["temporary-auth-failure"]
    assert begun(network.failed_logins, "127.0.0.1").delay == 2
