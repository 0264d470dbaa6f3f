"""Accounts on the server: made for one scenario, and removed after it."""

from __future__ import annotations

import asyncio
import shlex
from typing import Final
from xml.sax.saxutils import escape

from xmpp_im_conformance.driver import ServerFailed
from xmpp_im_conformance.live.channel import Channel
from xmpp_im_conformance.live.config import LiveConfig
from xmpp_im_conformance.live.login import Login, connected
from xmpp_im_conformance.live.stream import StreamEnded
from xmpp_im_core.element import Element

REGISTER: Final = "jabber:iq:register"


async def create(config: LiveConfig, login: Login) -> None:
    """Create an account, by the command of the configuration or else in-band (XEP-0077).

    :raises ServerFailed: where the server does not create it.
    """
    if config.register_command is not None:
        await _run(config.register_command, login)
        return
    stream, _ = await connected(config, login.domain)
    try:
        fields = f"<username>{escape(login.local)}</username><password>{escape(login.password)}</password>"
        stream.write(f"<iq id='register' type='set'><query xmlns='{REGISTER}'>{fields}</query></iq>")
        answer = await stream.next_element()
        if answer.get("type") != "result":
            raise ServerFailed(
                f"the server creates no account in-band ({condition(answer)}); a command for it can be configured"
            )
    finally:
        stream.drop()


async def remove(config: LiveConfig, login: Login, session: Channel) -> None:
    """Remove an account, by the command of the configuration or else in-band.

    :param session: a session of that account; the server may end it.
    :raises ServerFailed: where the server does not remove it.
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


def condition(answer: Element) -> str:
    """Return the condition of an error, for people."""
    error = answer.first("error")
    return "no error" if error is None else ", ".join([child.name for child in error.elements][:1])


async def _run(command: str, login: Login) -> None:
    words = [
        word.format(local=login.local, domain=login.domain, password=login.password) for word in shlex.split(command)
    ]
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as problem:
        raise ServerFailed(f"{words[0]}: {problem}") from problem
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise ServerFailed(f"{shlex.join(words)}: exit status {process.returncode}\n{output.decode(errors='replace')}")
