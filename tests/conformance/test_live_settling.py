"""When a step is over: after rounds of requests in which nothing comes, and more of them where a stream has ended."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from attrs import define

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.settling import QUIET, QUIET_AFTER_END, settle
from xmpp_im_core.element import Element, element
from xmpp_im_core.stanza import CLIENT


@define
class Client:
    """A client whose server sends it one stanza late: while it answers this request."""

    late: int
    came: int = 0
    asked: int = 0

    async def request(self, content: str, **keywords: object) -> Element:
        self.asked += 1
        self.came += self.asked == self.late
        return element("iq", CLIENT, {"type": "result"})


@define
class Nobody:
    came: int = 0
    is_played: bool = False
    domain: str = "remote.example"

    async def ask(self, number: int, *, asked: bool) -> None:
        raise AssertionError("nobody can ask")


@pytest.mark.parametrize("quiet", [QUIET, QUIET_AFTER_END])
def test_what_comes_in_the_last_quiet_round_is_waited_for(quiet: int) -> None:
    waited, missed = Client(late=quiet), Client(late=quiet + 1)
    for client in (waited, missed):
        asyncio.run(settle([cast("Channel", client)], Nobody(), quiet))

    assert (waited.came, missed.came) == (1, 0)
    assert (waited.asked, missed.asked) == (2 * quiet, quiet)


def test_the_end_of_a_stream_has_more_of_them() -> None:
    assert QUIET_AFTER_END > 2 * QUIET
