"""The control socket: commands talk to a running server through it. Only the user who runs the server can connect.

A request is ``{"call": name, "arguments": {...}}``; its answer is ``{"result": ...}`` or ``{"error": message}``. Each
is JSON after its length, which has eight bytes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from xmpp_im_host.log import failure

Call: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Takes the name of a call and its arguments, and returns plain data. It raises :class:`CallFailed`."""

_LENGTH: Final = 8
_LONGEST: Final = 256 << 20
_PATIENCE: Final = 600.0
"""Seconds that a command waits for an answer: an export of a large database takes a while."""
_LONGEST_PATH: Final = 100
"""Bytes of a path to which a socket can be bound; Linux allows 107."""


class CallFailed(Exception):
    """The message says why, to the user of the command."""


class NotRunning(Exception):
    """No server listens on the control socket."""


async def listen(path: Path, call: Call) -> asyncio.Server:
    """Listen on the control socket. The caller holds the lock of the database, so an old socket is removed."""
    path.unlink(missing_ok=True)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _short(path) as short:
            found.bind(short)
    except BaseException:
        found.close()
        raise
    finally:
        os.umask(before)
    return await asyncio.start_unix_server(lambda reader, writer: _serve(reader, writer, call), sock=found)


def ask(path: Path, name: str, arguments: dict[str, Any], patience: float = _PATIENCE) -> Any:
    """Call a running server, and wait for the answer.

    :param patience: how many seconds the server may be silent.
    :raises NotRunning: if no server listens.
    :raises CallFailed: if the server refuses, stops or does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with _short(path) as short:
                connection.connect(short)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(str(path)) from None
        connection.settimeout(patience)
        try:
            connection.sendall(_framed({"call": name, "arguments": arguments}))
            with connection.makefile("rb") as opened:
                length = opened.read(_LENGTH)
                data = opened.read(int.from_bytes(length)) if len(length) == _LENGTH else b""
        except TimeoutError:
            raise CallFailed(f"the server did not answer within {patience:g} seconds") from None
    if not data:
        raise CallFailed("the server stopped before it answered")
    answer = json.loads(data)
    if "error" in answer:
        raise CallFailed(answer["error"])
    return answer["result"]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: Call) -> None:
    try:
        with suppress(OSError, asyncio.IncompleteReadError):
            length = int.from_bytes(await reader.readexactly(_LENGTH))
            if length <= _LONGEST:
                writer.write(await _answer(await reader.readexactly(length), call))
                await writer.drain()
    finally:
        writer.close()


async def _answer(data: bytes, call: Call) -> bytes:
    try:
        request = json.loads(data)
        return _framed({"result": await call(request["call"], request["arguments"])})
    except CallFailed as error:
        return _framed({"error": str(error)})
    except (ValueError, LookupError, TypeError) as error:
        failure("control request failed", error)
        return _framed({"error": "the request is malformed"})
    except Exception as error:
        failure("control request failed", error)
        return _framed({"error": "internal error"})


def _framed(value: Any) -> bytes:
    data = json.dumps(value).encode()
    return len(data).to_bytes(_LENGTH) + data


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Return a short name for a path: the system allows about 100 bytes for the name of a socket."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
