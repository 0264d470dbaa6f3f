"""A stream in use: what comes is kept for the scenario, except the answers to the driver's own requests.

The driver's own requests have ids that nobody else uses, and its own sessions, resources. What comes of either is
taken out, and nothing else is: everything else that a server sends is for the scenario to judge.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar, Final
from xml.sax.saxutils import quoteattr

from attrs import define, field

from xmpp_im_conformance.drivers.live.stream import Stream, StreamEnded
from xmpp_im_conformance.drivers.live.tolerance import CLIENTS, Tolerance
from xmpp_im_conformance.format.worlds import ServerFailed, taken
from xmpp_im_core.codec import NonStanza, StreamEvent
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import Stanza, to_element

SM: Final = "urn:xmpp:sm:3"
MOST_UNTAKEN: Final = 10_000
"""What a server may send before the scenario looks at it: no vector causes a hundredth of that."""
MOST_OTHERS: Final = 100
"""How many elements that are no stanzas may wait: the driver itself causes each of them."""


@define(eq=False)
class Channel:
    """What reads a stream all the time, and gives the driver's own requests their answers.

    :param mark: how the ids of the driver's own requests begin.
    :param own: how the resources of the driver's own sessions begin.
    """

    asked: ClassVar[str] = CLIENTS
    """Who is asked, if the server itself asks something here."""

    stream: Stream
    mark: str
    own: str
    inbox: list[Element] = field(factory=list)
    """What has come and was not looked at yet."""
    came: int = 0
    """How many stanzas have come that were no answers to the driver."""
    received: int | None = None
    """How many stanzas have come since stream management was enabled (XEP-0198); None: it was not."""
    ended: ServerFailed | None = None
    """How the stream has ended; None while it is open."""
    tolerance: Tolerance = field(factory=Tolerance)
    _answers: dict[str, asyncio.Future[Element]] = field(factory=dict)
    _other: asyncio.Queue[Element] = field(factory=asyncio.Queue)
    _numbers: int = 0
    _reading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._reading = asyncio.get_running_loop().create_task(self._read())

    def take(self) -> list[Element]:
        """Return what has come since the last call."""
        self.forget()
        return taken(self.inbox)

    def forget(self) -> None:
        """Note that all that has come by now has been looked at."""
        self.stream.allow_more()

    async def request(
        self, content: str, type: str = "get", *, to: str = "", sender: str = "", before: str = ""
    ) -> Element:
        """Send a request of the driver, and return the answer, whatever it is.

        :param sender: the address that it is sent from, if it has to be stated.
        :param before: what the scenario sends, written together with the request. A server may end the stream for it,
            and to write to a stream that has ended loses what the server has said at its end.
        :raises StreamEnded: if the stream ends before it comes.
        """
        if self.ended is not None:
            raise self.ended
        self._numbers += 1
        id = f"{self.mark}{self._numbers}"
        answer: asyncio.Future[Element] = asyncio.get_running_loop().create_future()
        self._answers[id] = answer
        addresses = "".join([f" {name}={quoteattr(jid)}" for name, jid in (("from", sender), ("to", to)) if jid])
        self.stream.write(f"{before}<iq id='{id}' type='{type}'{addresses}>{content}</iq>")
        return await answer

    async def other(self) -> Element:
        """Return the first-level element that comes next and is no stanza.

        :raises StreamEnded: if the stream ends before it comes.
        """
        coming: asyncio.Task[Element] = asyncio.ensure_future(self._other.get())
        await asyncio.wait([coming, self._reader()], return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            raise self.ended or StreamEnded("the stream is not read")
        return coming.result()

    async def finish(self) -> None:
        """Wait until the server has ended the stream."""
        await asyncio.wait([self._reader()])

    async def stop(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None

    async def close(self, clean: bool = True) -> None:
        """End the stream, and read what still comes before the server has ended it too."""
        try:
            if self.ended is None:
                await self.stop()
                await self.stream.close(clean)
                self.ended = StreamEnded("the client has closed the stream")
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the connection without waiting."""
        if self._reading is not None:
            self._reading.cancel()
        self.stream.drop()

    async def _read(self) -> None:
        try:
            await self.stream.listen(self._hear)
        except ServerFailed as problem:
            self.end(problem)

    def _hear(self, event: StreamEvent) -> None:
        if isinstance(event, Stanza):
            self._take(to_element(event))
        elif isinstance(event, NonStanza):
            self._take_other(event.element)

    def _take(self, stanza: Element) -> None:
        if self.received is not None:
            self.received += 1
        answer = self._answers.pop(stanza.get("id") or "", None)
        if answer is not None and stanza.name == "iq" and stanza.get("type") in ("result", "error"):
            if not answer.done():
                answer.set_result(stanza)
        elif not self.is_answered(stanza) and not self._is_of_own_session(stanza) and not self._is_question(stanza):
            self.keep(stanza)

    def keep(self, stanza: Element) -> None:
        """Keep a stanza until somebody takes it.

        :raises ServerFailed: if there are too many.
        """
        self.came += 1
        self.inbox.append(stanza)
        check_untaken(len(self.inbox))

    def _take_other(self, element: Element) -> None:
        if (element.name, element.namespace) == ("r", SM) and self.received is not None:
            self.stream.write(f"<a xmlns='{SM}' h='{self.received}'/>", later=True)
            return
        if (element.name, element.namespace) == ("enabled", SM):
            self.received = 0
        self._other.put_nowait(element)
        if self._other.qsize() > MOST_OTHERS:
            raise ServerFailed(f"the server has sent more than {MOST_OTHERS:,} elements that are no stanzas")

    def _is_of_own_session(self, stanza: Element) -> bool:
        """Whether a stanza comes of a session that no scenario knows of, in which a roster was looked at."""
        return (stanza.get("from") or "").partition("/")[2].startswith(self.own)

    def _is_question(self, stanza: Element) -> bool:
        """Whether a stanza is a question of the server itself; then it is answered."""
        answer = self.tolerance.answer(stanza, self.asked)
        if answer is not None:
            self.stream.write(answer, later=True)
        return answer is not None

    def is_answered(self, stanza: Element) -> bool:
        """Whether a stanza is the driver's own request at another of its streams; then it is answered here."""
        return False

    def end(self, how: ServerFailed) -> None:
        """Note that the stream has ended: all that wait for an answer are told."""
        self.ended = how
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(how)
        self._answers.clear()

    def _reader(self) -> asyncio.Task[None]:
        assert self._reading is not None, "the channel was not started"
        return self._reading


def check_untaken(number: int) -> None:
    """See that no more stanzas wait to be looked at than any scenario causes.

    :raises ServerFailed: if there are more.
    """
    if number > MOST_UNTAKEN:
        raise ServerFailed(f"the server has sent more than {MOST_UNTAKEN:,} stanzas in one step")
