"""The program at the other end of a pipe: started, asked line by line, and started again if it breaks."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import cattrs
from attrs import define, field

from xmpp_im_conformance.drivers.redaction import command_in_words, hidden, secrets_of
from xmpp_im_conformance.drivers.stdio.capabilities import Capabilities
from xmpp_im_conformance.drivers.stdio.messages import (
    PROTOCOL,
    Garbage,
    ProtocolMessage,
    check_answer,
    excerpt,
    read_line,
    write_line,
)
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed

LONGEST: Final = 4 * 1024 * 1024
"""The bytes that a line of a program may have."""
_KEPT: Final = 4096
"""The bytes of its standard error that are kept for a failure's detail."""
_LEAVE: Final = 2.0
"""The seconds that a program has to end by itself once nothing more comes."""


@define
class Program:
    """A program that is asked for one thing at a time.

    A separate event loop runs only while the program is asked. Close it in the end.
    """

    command: Sequence[str] = field(repr=False)
    timeout: float = 10.0
    """The seconds that it has for an answer."""
    restarts: int = 20
    """How often, in all, it is started again after it broke."""
    _runner: asyncio.Runner = field(factory=asyncio.Runner)
    _process: asyncio.subprocess.Process | None = None
    _capabilities: Capabilities | None = None
    _starts: int = 0
    _number: int = 0
    _said: bytearray = field(factory=bytearray)
    """The end of what it wrote to its standard error since a scenario began."""
    _listening: asyncio.Task[None] | None = None

    def ready(self) -> Capabilities:
        """Return what the program can do, once it runs: before a scenario begins.

        :raises ServerFailed: if it does not run, and has been started often enough.
        """
        self._said.clear()
        if self._process is None:
            self._start()
        if self._capabilities is None:
            self._capabilities = cattrs.structure(self.ask("hello", "hello", protocol=PROTOCOL), Capabilities)
        return self._capabilities

    def ask(self, op: str, kind: str, **arguments: object) -> ProtocolMessage:
        """Ask for something, and return the answer.

        :param kind: the name of the answer's form in the schema.
        :raises NotApplicable: if the program says that it cannot do that.
        :raises ServerFailed: if it says that it failed, or the answer is malformed. If it gives no answer, or one
            that cannot be told from others, it is ended.
        """
        self._number += 1
        request = {"id": self._number, "op": op, **arguments}
        try:
            answer = read_line(self._exchange(op, write_line(request)))
            if answer.get("id") != self._number:
                found = answer.get("id")
                raise Garbage(f"the program answered {op!r}, request {self._number}, with the id {found!r}")
        except (_Broken, Garbage) as problem:
            self._end()
            raise ServerFailed(f"{self._shown(str(problem))}{self._last_words()}") from None
        for refusal in ("not_applicable", "error"):
            if refusal in answer:
                check_answer(answer, op, refusal)
        if "not_applicable" in answer:
            raise NotApplicable(self._shown(answer["not_applicable"]))
        if "error" in answer:
            raise ServerFailed(f"the program failed to do {op!r}: {self._shown(answer['error'])}{self._last_words()}")
        check_answer(answer, op, kind)
        return answer

    @property
    def about(self) -> str:
        """What the program calls itself, once it was asked, and how it was started."""
        named = [self.software] if self._capabilities is not None else []
        return " started by ".join([*named, command_in_words(self.command)])

    @property
    def software(self) -> str:
        """The name and version that the program gives itself, once it was asked."""
        known = self._capabilities
        return "" if known is None else " ".join([each for each in (known.name, known.version) if each])

    def close(self) -> None:
        """Let the program end, and see to it that it does."""
        if self._process is not None:
            self._runner.run(self._leave(self._process))
            self._end()
        self._runner.close()

    # --- the process ------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._starts > self.restarts:
            raise ServerFailed(f"the program has been started again {self.restarts} times, which is the limit")
        self._starts += 1
        try:
            self._runner.run(self._spawn())
        except (OSError, ValueError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else problem
            raise ServerFailed(f"{command_in_words(self.command)} cannot be started: {why}") from None

    async def _spawn(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._capabilities = None
        self._process = await asyncio.create_subprocess_exec(
            # It leads a new process group, so that the processes it starts can be ended with it.
            *self.command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            limit=LONGEST,
            start_new_session=True,
        )
        assert self._process.stderr is not None
        self._listening = asyncio.create_task(self._listen(self._process.stderr))

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(_KEPT):
            self._said += data
            del self._said[:-_KEPT]

    def _exchange(self, op: str, line: bytes) -> bytes:
        if self._process is None:
            raise ServerFailed("the program does not run")
        return self._runner.run(self._line(self._process, op, line))

    async def _line(self, process: asyncio.subprocess.Process, op: str, line: bytes) -> bytes:
        """Write a request, and return the line that follows.

        :raises _Broken: if there is no such line.
        """
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self.timeout):
                process.stdin.write(line)
                with suppress(ConnectionError):  # what it wrote before it ended may yet be read
                    await process.stdin.drain()
                answer = await process.stdout.readuntil()
                await _catch_up()
                return answer
        except TimeoutError:
            raise _Broken(f"the program gave no answer to {op!r} within {self.timeout:g} s") from None
        except asyncio.LimitOverrunError:
            raise _Broken(f"the program answered {op!r} with a line of more than {LONGEST:,} bytes") from None
        except asyncio.IncompleteReadError as problem:
            how = await self._ended(process)
            half = f" in the middle of the line {excerpt(problem.partial)}" if problem.partial else ""
            raise _Broken(f"the program {how}{half} instead of answering {op!r}") from None

    async def _ended(self, process: asyncio.subprocess.Process) -> str:
        """Return how a program ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE):
                status = await process.wait()
                return f"ended with status {status}" if status >= 0 else f"was ended by {_signal(-status)}"
        return "closed its standard output"

    async def _leave(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE):
                await process.wait()

    def _end(self) -> None:
        """End the program, and whatever it has started, at once."""
        process, self._process = self._process, None
        if process is not None:
            self._runner.run(self._kill(process))

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        if self._listening is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAVE):
                    await self._listening

    def _shown(self, said: str) -> str:
        """Return what the program has said, without what its command line may keep secret."""
        return hidden(said, secrets_of(self.command))

    def _last_words(self) -> str:
        lines = self._shown(self._said.decode(errors="replace")).splitlines()
        return "\n".join(["", "its standard error ended with:", *[f"  {line}" for line in lines]]) if lines else ""


async def _catch_up() -> None:
    """Let the event loop read what lies there: what the program complained of before it answered."""
    for _ in range(3):  # the loop sees that there is something, reads it, and hands it over
        await asyncio.sleep(0)


class _Broken(Exception):
    """There is no answer, and will be none."""


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
