"""The live driver on the tiny server, for the length of a test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.loopback import Loopback, listening
from tests.conformance.stage import JULIET, scenario
from xmpp_im_conformance.drivers.live import ComponentConfig, LiveConfig, LiveDriver
from xmpp_im_conformance.drivers.live.world import LiveWorld
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.running.outcome import Result
from xmpp_im_conformance.running.run import run_vector

ACCOUNTS: Mapping[str, Any] = {JULIET: {}}


@contextmanager
def driving(server: Loopback, timeout: float = 30, component: bool = False, **config: Any) -> Iterator[LiveDriver]:
    """Let the server listen and the driver know where; with a component, if that is wanted, which knows the secret."""
    with listening(server):
        remote = ComponentConfig(port=server.component_port, secret="rose") if component else None
        with closing(LiveDriver(LiveConfig(port=server.port, timeout=timeout, component=remote, **config))) as driver:
            yield driver


def impatient(monkeypatch: pytest.MonkeyPatch, act: str, *, but_for: str = "") -> None:
    """Let the driver give up soon where the server will not answer, and only there: nothing that succeeds is hurried.

    :param act: the method of the world that waits in vain.
    :param but_for: what it sends when there will be an answer.
    """
    patient = getattr(LiveWorld, act)

    def hurried(world: LiveWorld, jid: str, *arguments: object) -> None:
        if but_for not in arguments:
            world.timeout = 0.25
        patient(world, jid, *arguments)

    monkeypatch.setattr(LiveWorld, act, hurried)


def result(folder: Path, driver: LiveDriver, *steps: Mapping[str, Any], **keys: Any) -> Result:
    file = folder / "vector.json"
    file.write_text(json.dumps(scenario(*steps, **{"accounts": ACCOUNTS, **keys})), encoding="utf-8")
    (vector,) = read_file(file, "vector")
    return run_vector(vector, driver)
