"""Small programs that speak the stdio protocol, and break it where a test says so."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.schema import problems

SERVER_OPS: Final = (
    "connect",
    "send",
    "remote_send",
    "disconnect",
    "replace",
    "detach",
    "resume",
    "expire",
    "restart",
    "storage_fails",
    "storage_waits",
    "storage_answers",
    "time",
    "account_created",
    "account_removed",
    "account_moved",
    "items_shared",
    "stanza_again",
    "decide",
    "roster",
    "stream_features",
    "binding_refused",
)
CLIENT_OPS: Final = (
    "client_does",
    "client_sends",
    "from_server",
    "client_roster",
    "client_ver",
    "client_presence",
)
ALL_OPS: Final = {"hello", "begin", "begin_client", *SERVER_OPS, *CLIENT_OPS, "obeyed"}
HELLO: Final = {
    "protocol": 1,
    "name": "a small program",
    "version": "1.0",
    "server": {"ops": SERVER_OPS, "features": ["rosterver"], "sees_requests": True},
    "client": {"ops": CLIENT_OPS, "events": ["available"]},
}

_TEXT: Final = """
import json, os, signal, sys, time

def answer(**keys):
    print(json.dumps({{"id": request["id"], **keys}}), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    with open({asked!r}, "a") as asked:
        asked.write(line)
    does = json.loads({does!r})
    exec(does.get(request["op"], "answer()"))
"""


def program(folder: Path, /, *, hello: Mapping[str, Any] = HELLO, restarts: int = 20, **does: str) -> Program:
    """A program that answers each op by running this Python, and where there is none, that nothing came of it."""
    answers = {"hello": f"answer(**json.loads({json.dumps(hello)!r}))", **does}
    file = folder / "program.py"
    file.write_text(_TEXT.format(asked=str(folder / "asked"), does=json.dumps(answers)), encoding="utf-8")
    # It is given all the time it wants: tests of its patience set that themselves.
    return Program([sys.executable, "-IS", str(file)], timeout=60, restarts=restarts)


def asked(folder: Path) -> list[dict[str, Any]]:
    """What it has been asked, but for ids; each is a request as the schema has it."""
    requests = [json.loads(line) for line in (folder / "asked").read_text(encoding="utf-8").splitlines()]
    for request in requests:
        assert problems("stdio", request, "/$defs/request") == []
    return [{key: value for key, value in request.items() if key != "id"} for request in requests]
