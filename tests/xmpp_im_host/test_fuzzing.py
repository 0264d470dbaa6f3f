"""The fuzzer of the server works and finds faults; ``make fuzz`` runs it for longer."""

from __future__ import annotations

import sys

import pytest

from tests.xmpp_im_host.fuzzing.running import Run
from tests.xmpp_im_host.raw_client import RawClient
from xmpp_im_host.network.client_driver import ClientDriver
from xmpp_im_host.network.links import Links

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it counts open files as Linux does")


def attacked(attacks: int, first: int = 0) -> Run:
    run = Run(seed=1)
    run.go_on(seconds=300, first=first, attacks=attacks)
    return run


@pytest.mark.slow
def test_mutated_streams_disturb_nobody_and_leave_nothing() -> None:
    run = attacked(25)

    assert (run.attacks.total(), run.findings) == (25, [])
    assert run.written > 5_000


@pytest.mark.slow
def test_an_exception_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(driver: ClientDriver) -> None:
        raise KeyError("fault")

    monkeypatch.setattr("tests.xmpp_im_host.fuzzing.running._SETTLING", 0.1)
    monkeypatch.setattr(ClientDriver, "lost", broken)
    run = attacked(5)

    assert "KeyError: 'fault'" in "\n".join(run.findings)


@pytest.mark.slow
def test_a_connection_that_is_never_forgotten_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.xmpp_im_host.fuzzing.running._SETTLING", 0.1)
    monkeypatch.setattr(Links, "remove", lambda links, link: None)
    run = attacked(1)

    assert "is left, and not" in "\n".join(run.findings)


def test_a_client_that_is_disturbed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(seed=1)

    def settle(client: RawClient) -> None:
        if run.attacks:
            raise ConnectionResetError("fault")

    monkeypatch.setattr(RawClient, "settle", settle)
    run.go_on(seconds=300, attacks=2)

    assert run.attacks.total() == 1
    assert "was disturbed: ConnectionResetError('fault')" in "\n".join(run.findings)
