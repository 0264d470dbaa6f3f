"""A server, or a part of it, that goes away during a run: it is waited for, and then named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from attrs import define, field

from tests.conformance.live import ACCOUNTS, driving, result
from tests.conformance.loopback import Connection, Loopback, listening
from tests.conformance.stage import BALCONY, JULIET, receive, send
from xmpp_im_conformance.drivers.live import ComponentConfig, LiveConfig, LiveDriver
from xmpp_im_conformance.drivers.live.watch import FIRST_PAUSE, LONGEST_PAUSE, Watch
from xmpp_im_conformance.format.worlds import ServerFailed, ServerGone
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_core.element import Element

PRESENCE = (send("<presence/>"), receive(f"<presence from='{BALCONY}' to='{JULIET}'/>"))
GONE = ServerGone("the client port", "nobody listens there")


@define
class Clock:
    """Time that passes only in pauses."""

    time: float = 0.0
    pauses: list[float] = field(factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def watch(self, missing: Callable[[], ServerGone | None], patience: float = 30.0) -> Watch:
        return Watch(missing, patience, sleep=self.sleep, now=lambda: self.time)


def test_a_server_that_is_there_is_not_waited_for() -> None:
    clock = Clock()

    clock.watch(lambda: None).wait()

    assert clock.pauses == []


def test_the_pauses_grow_and_are_bounded_each_and_in_all() -> None:
    clock = Clock()

    with pytest.raises(ServerGone):
        clock.watch(lambda: GONE).wait()

    assert clock.pauses[0] == FIRST_PAUSE
    assert max(clock.pauses) == LONGEST_PAUSE
    assert all(later >= earlier for earlier, later in zip(clock.pauses, clock.pauses[1:-1], strict=False))
    assert sum(clock.pauses) == pytest.approx(30)
    assert len(clock.pauses) < 20


def test_time_that_the_attempts_take_counts_too() -> None:
    clock = Clock()

    def hangs() -> ServerGone:
        clock.time += 5
        return GONE

    with pytest.raises(ServerGone):
        clock.watch(hangs, patience=10).wait()

    assert clock.time < 20


def test_a_server_that_comes_back_is_used_again() -> None:
    clock, answers = Clock(), [GONE, GONE, None]

    clock.watch(lambda: answers.pop(0)).wait()

    assert len(clock.pauses) == 2
    assert answers == []


def test_a_server_that_has_stayed_away_is_not_asked_again() -> None:
    clock, asked = Clock(), []

    def missing() -> ServerGone:
        asked.append(1)
        return GONE

    watch = clock.watch(missing, patience=0)
    for _ in range(3):
        with pytest.raises(ServerGone):
            watch.wait()

    assert len(asked) == 1


# --- in a run ---------------------------------------------------------------------------------------------


@define
class Away:
    """What the tiny server says to a login: it is away for some connections after the first scenario."""

    server: Loopback = field(factory=Loopback)
    away: bool = False
    refused: int = 0
    at_most: int = 1_000_000

    def __attrs_post_init__(self) -> None:
        self.server.negotiates = self.negotiates

    def negotiates(self, connection: Connection, element: Element) -> str | None:
        if not self.away or self.refused >= self.at_most:
            return None
        self.refused += 1
        connection.writer.close()
        return ""


def test_a_server_that_is_away_for_a_while_costs_no_vector(tmp_path: Path) -> None:
    away = Away(at_most=3)
    with driving(away.server, patience=30) as driver:
        first = result(tmp_path, driver, *PRESENCE)
        away.away = True
        others = [result(tmp_path, driver, *PRESENCE) for _ in range(3)]

    assert [each.outcome for each in (first, *others)] == [Outcome.PASSED] * 4, others
    assert away.refused == 3


def test_a_server_that_is_started_again_goes_on_with_the_next_vector(tmp_path: Path) -> None:
    """Nobody listens on its ports when the second scenario begins, and it is back after a few attempts."""
    server, pauses = Loopback(), list[float]()
    with ExitStack() as again:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                again.enter_context(listening(server))

        with listening(server):
            component = ComponentConfig(port=server.component_port, secret=server.secret)
            driver = again.enter_context(closing(LiveDriver(LiveConfig(port=server.port, component=component))))
            driver._watch._sleep = pause
            first = result(tmp_path, driver, *PRESENCE)
        others = [result(tmp_path, driver, *PRESENCE) for _ in range(2)]

    assert [each.outcome for each in (first, *others)] == [Outcome.PASSED] * 3, others
    assert len(pauses) == 3
    assert server.components == 2


@pytest.mark.parametrize(
    ("part", "leaves"),
    [
        ("login", lambda server: setattr(server, "mechanisms", ())),
        ("registration", lambda server: setattr(server, "registers", False)),
        ("the client port 127.0.0.1:", lambda server: setattr(server, "hangs_up", True)),
        ("the component port", lambda server: setattr(server, "secret", "thorn")),
    ],
    ids=["login", "registration", "client port", "component port"],
)
def test_the_part_that_stays_away_is_named_and_the_rest_is_not_run(
    tmp_path: Path, part: str, leaves: Callable[[Loopback], None]
) -> None:
    server = Loopback(remote_answer=lambda element: "</stream:stream>" if element.name == "message" else None)
    to_remote = {"remote_send": "<message from='romeo@remote.example' to='juliet@capulet.example'/>"}
    with driving(server, patience=0, component=True) as driver:
        first = result(tmp_path, driver, *PRESENCE)
        leaves(server)
        if part == "the component port":
            result(tmp_path, driver, to_remote)  # the server ends the component's stream for it
        elif part == "login":
            failed = result(tmp_path, driver, *PRESENCE)  # the user logs in when the scenario has begun
            assert (failed.outcome, failed.detail[:14]) == (Outcome.FAILED, "step 1 of 3 (c"), failed.detail
        others = [result(tmp_path, driver, *PRESENCE) for _ in range(2)]
        connections = server.connections
        others.append(result(tmp_path, driver, *PRESENCE))

    assert first.outcome is Outcome.PASSED
    assert {each.outcome for each in others} == {Outcome.NOT_RUN}
    assert {each.detail.startswith(part) for each in others} == {True}, others
    assert server.connections == connections


def test_a_vector_that_the_server_fails_to_begin_costs_itself_alone(tmp_path: Path) -> None:
    """The server works: it refuses one roster set, each time."""

    def refuses(connection: Connection, stanza: Element) -> str | None:
        if stanza.get("id") == "item":
            connection.writer.close()
            return ""
        return None

    listed = {JULIET: {"roster": [{"jid": "romeo@montague.example"}]}}
    with driving(Loopback(answer=refuses), patience=30) as driver:
        first = result(tmp_path, driver, *PRESENCE)
        second = result(tmp_path, driver, {"connect": BALCONY}, accounts=listed)
        third = result(tmp_path, driver, *PRESENCE)

    assert [each.outcome for each in (first, second, third)] == [Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]
    assert second.detail.startswith("before the first step: "), second.detail


def test_a_preflight_says_what_is_missing_without_waiting() -> None:
    server = Loopback(registers=False)
    with driving(server, patience=600) as driver:
        with pytest.raises(ServerGone, match=r"^registration does not work: ") as gone:
            driver.preflight()
        assert gone.value.part == "registration"
        with pytest.raises(ServerFailed):
            driver.preflight()


def test_a_preflight_of_a_server_that_works_is_made_once(tmp_path: Path) -> None:
    server = Loopback()
    with driving(server) as driver:
        driver.preflight()
        connections = server.connections
        driver.preflight()
        assert server.connections == connections
        assert result(tmp_path, driver, *PRESENCE, accounts=ACCOUNTS).outcome is Outcome.PASSED
