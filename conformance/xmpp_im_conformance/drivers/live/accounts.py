"""Accounts on the server: made for one scenario, and removed after it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from itertools import count
from typing import Final
from xml.sax.saxutils import escape

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.config import LiveConfig, filled_in
from xmpp_im_conformance.drivers.live.login import Login, condition, connected, is_private
from xmpp_im_conformance.drivers.live.stream import Stream, StreamEnded
from xmpp_im_conformance.drivers.live.tolerance import Tolerance
from xmpp_im_conformance.drivers.redaction import command_in_words, hidden, secrets_of
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.element import Element

REGISTER: Final = "jabber:iq:register"
_SHOWN: Final = 2000
"""The characters of a command's output that are shown: its end."""
_KEPT: Final = 65_536
"""The bytes of it that are kept. A secret that is cut at their beginning is not among those that are shown."""


async def create(config: LiveConfig, login: Login, tolerance: Tolerance) -> tuple[Stream, Element] | None:
    """Create an account, by the command of the configuration or else in-band (XEP-0077).

    :return: the stream on which it was created in-band, with the features offered there: the user can log in there.
    :raises ServerFailed: if the server does not create it.
    """
    if config.register_command is not None:
        await _run(config.register_command, login)
        return None
    attempts = count()
    return await tolerance.again(lambda: _register(config, login, is_repeated=next(attempts) > 0))


async def _register(config: LiveConfig, login: Login, *, is_repeated: bool) -> tuple[Stream, Element]:
    # XEP-0077 §8 lets a server keep silent about this in its stream features: the request itself is answered.
    stream, features = await connected(config, login.domain)
    with stream.kept():
        if not is_private(config, stream):
            raise ServerFailed(f"no account is created in-band at {config.host} without TLS: it needs the password")
        fields = f"<username>{escape(login.local)}</username><password>{escape(login.password)}</password>"
        stream.write(f"<iq id='register' type='set'><query xmlns='{REGISTER}'>{fields}</query></iq>")
        answer = await stream.next_element()
        # A server that has ended the stream of an earlier attempt may have created the account first.
        is_there = is_repeated and condition(answer) == "conflict"
        if answer.get("type") != "result" and not is_there:
            raise ServerFailed(
                f"the server creates no account in-band ({condition(answer)}); a command for it can be configured"
            )
        return stream, features


async def remove(config: LiveConfig, login: Login, session: Channel) -> None:
    """Remove an account, by the command of the configuration or else in-band.

    :param session: a session of that account; the server may end it.
    :raises ServerFailed: if the server does not remove it.
    """
    if config.unregister_command is not None:
        await _run(config.unregister_command, login)
        return
    try:
        answer = await session.request(f"<query xmlns='{REGISTER}'><remove/></query>", "set")
    except StreamEnded:
        return  # XEP-0077 §3.2: the server may close the stream instead
    if answer.get("type") != "result":
        raise ServerFailed(f"the server does not remove the account {login.bare}: {condition(answer)}")


async def _run(command: str, login: Login) -> None:
    words = filled_in(command, local=login.local, domain=login.domain, password=login.password)
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as problem:
        raise ServerFailed(f"{command_in_words(words)}: {problem.strerror}") from None
    try:
        output = await _end_of_output(process)
    except asyncio.CancelledError:  # it is not waited for any longer; what it has started must not stay either
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode != 0:
        secret = secrets_of(words) - {login.local, login.domain}
        said = hidden(output.decode(errors="replace"), secret)[-_SHOWN:]
        raise ServerFailed(f"{command_in_words(words)}: exit status {process.returncode}\n{said}")


async def _end_of_output(process: asyncio.subprocess.Process) -> bytes:
    """Read all that a command writes until it has ended, and return the end of that."""
    assert process.stdout is not None, "it was started with a pipe"
    output = b""
    while piece := await process.stdout.read(_KEPT):
        output = (output + piece)[-_KEPT:]
    await process.wait()
    return output
