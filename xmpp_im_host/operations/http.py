"""The HTTP port of an operator: ``/metrics`` for Prometheus, and ``/health``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from xmpp_im_host.operations.metrics import CONTENT_TYPE

_LONGEST: Final = 8_192
_PATIENCE: Final = 10.0
_TEXT: Final = "text/plain; charset=utf-8"


class OperatorPage:
    """Answers one request on each connection. It reads no request body, and answers GET and HEAD only."""

    def __init__(self, metrics: Callable[[], bytes], healthy: Callable[[], bool]) -> None:
        self.metrics, self.healthy = metrics, healthy

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answer(head.split(b"\r\n", 1)[0]))
                await writer.drain()
        writer.close()

    def answer(self, request: bytes) -> bytes:
        """Return the answer to a request line."""
        words = request.decode("ascii", "replace").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response("400 Bad Request", b"bad request\n", _TEXT)
        method, target, _ = words
        if method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", b"GET is allowed\n", _TEXT, "Allow: GET, HEAD\r\n")
        status, body, kind = self._page(target.partition("?")[0])
        return _response(status, body, kind, head=method == "HEAD")

    def _page(self, path: str) -> tuple[str, bytes, str]:
        if path == "/metrics":
            return "200 OK", self.metrics(), CONTENT_TYPE
        if path == "/health":
            healthy = self.healthy()
            return ("200 OK", b"ok\n", _TEXT) if healthy else ("503 Service Unavailable", b"stopping\n", _TEXT)
        return "404 Not Found", b"there are /metrics and /health\n", _TEXT


async def listen(page: OperatorPage, host: str, port: int) -> asyncio.Server:
    """Listen for requests."""
    return await asyncio.start_server(page.serve, host, port, limit=_LONGEST)


def _response(status: str, body: bytes, kind: str, more: str = "", *, head: bool = False) -> bytes:
    lines = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return lines.encode() + (b"" if head else body)
