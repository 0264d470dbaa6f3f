"""Authentication (RFC 6120 §6): the mechanism is chosen here, SCRAM itself is the library's."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from typing import Final

from scramp import ScramClient, ScramException  # type: ignore[import-untyped]  # it has no type hints

from xmpp_im_conformance.drivers.live.stream import Stream
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.element import Element

SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
MOST_ITERATIONS: Final = 1_000_000
"""Servers ask for 4,096 to some 100,000 iterations. Each costs this process time, in which nothing is bounded."""
_ITERATIONS: Final = re.compile(r"(?:^|,)i=0*([0-9]+)(?:,|$)")


def choose_mechanism(offered: Collection[str], allowed: Sequence[str], private: bool) -> str:
    """Return the mechanism to use: the first allowed one that the server offers.

    :param private: whether nobody else can read the connection; else PLAIN is not used.
    :raises ServerFailed: if there is none.
    """
    for mechanism in allowed:
        if mechanism in offered and (private or mechanism != "PLAIN"):
            return mechanism
    raise ServerFailed(
        f"none of the SASL mechanisms {', '.join(allowed)} can be used; offered: {', '.join(offered) or 'none'}"
    )


async def authenticate(stream: Stream, mechanism: str, user: str, password: str) -> None:
    """Authenticate; the stream has to be opened again after that.

    :raises ServerFailed: if the server refuses it, or does not know the password either.
    """
    try:
        if mechanism == "PLAIN":
            await _plain(stream, user, password)
        else:
            await _scram(stream, mechanism, user, password)
    except (ScramException, LookupError, ValueError) as problem:
        raise ServerFailed(f"{mechanism}: {problem}") from problem


def plain(user: str, password: str) -> str:
    """Return what PLAIN sends, in base64."""
    return b64encode(f"\0{user}\0{password}".encode()).decode()


async def _plain(stream: Stream, user: str, password: str) -> None:
    stream.write(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{plain(user, password)}</auth>")
    await _answer(stream, "success")


async def _scram(stream: Stream, mechanism: str, user: str, password: str) -> None:
    client = ScramClient([mechanism], user, password)
    stream.write(_tag("auth", client.get_client_first(), f" mechanism='{mechanism}'"))
    challenge = _decoded(await _answer(stream, "challenge"))
    _check_iterations(mechanism, challenge)
    client.set_server_first(challenge)
    stream.write(_tag("response", client.get_client_final()))
    last = await _answer(stream, "success", "challenge")
    client.set_server_final(_decoded(last))
    if last.name == "challenge":
        stream.write(_tag("response", ""))
        await _answer(stream, "success")


def _check_iterations(mechanism: str, challenge: str) -> None:
    """See that a server does not ask for more work than any server needs.

    :raises ServerFailed: if it does.
    """
    found = _ITERATIONS.search(challenge)
    if found is None:
        return  # the library refuses that
    digits = found[1]
    if len(digits) > len(str(MOST_ITERATIONS)) or int(digits) > MOST_ITERATIONS:
        asked = f"{int(digits):,}" if len(digits) <= 12 else f"a number of {len(digits):,} digits of"
        raise ServerFailed(
            f"{mechanism}: the server asks for {asked} iterations; more than {MOST_ITERATIONS:,} are refused"
        )


async def _answer(stream: Stream, *names: str) -> Element:
    came = await stream.next_element()
    if came.namespace != SASL or came.name not in names:
        condition = ", ".join([child.name for child in came.elements if child.name != "text"])
        raise ServerFailed(f"the server does not authenticate the user: <{came.name}> {condition}".rstrip())
    return came


def _tag(name: str, text: str, attributes: str = "") -> str:
    return f"<{name} xmlns='{SASL}'{attributes}>{b64encode(text.encode()).decode()}</{name}>"


def _decoded(came: Element) -> str:
    return b64decode(came.text, validate=True).decode()
