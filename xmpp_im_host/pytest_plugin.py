"""A plugin of pytest: the fixture ``xmpp_server`` is a fresh server in memory, on a free port of loopback.

    @pytest.mark.xmpp_server(accounts={"romeo": "rosaline"})
    def test_my_bot(xmpp_server):
        bot = MyBot("romeo@localhost", "rosaline", xmpp_server.host, xmpp_server.port)

The server has its own thread and event loop, so the test may be written for any framework, or for none.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pytest

if TYPE_CHECKING:
    from xmpp_im_host.configuration import Configuration
    from xmpp_im_host.server import XMPPServer

T = TypeVar("T")

_PATIENCE = 30.0
_LOGIN_SECONDS = 300.0
"""A client on a busy machine may be slow: its test decides how long that may be."""


class RunningServer:
    """A server that runs in a thread, from ``with`` until the block is left.

    :ivar host: the address that clients connect to.
    :ivar port: the port for clients: TCP, with STARTTLS.
    :ivar domain: the first domain, ``localhost`` unless the settings name another.
    :ivar cafile: the certificate, as a file that clients can trust.
    """

    host: str
    port: int
    domain: str
    cafile: str
    patience = _PATIENCE
    """Seconds that a start, a stop or a call may take."""

    def __init__(self, configuration: Configuration, accounts: Mapping[str, str]) -> None:
        self.configuration, self._accounts = configuration, accounts
        self._thread = threading.Thread(target=self._main, name="xmpp_server", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self.server: XMPPServer
        self._loop: asyncio.AbstractEventLoop

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(self.patience):
            raise TimeoutError(f"xmpp_server: the server did not start within {self.patience:g} seconds")
        self._raise_failure()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._failure is None:
            with suppress(RuntimeError):  # the loop is closed: the server has stopped by itself
                self._loop.call_soon_threadsafe(self.server.stopped.set)
        self._thread.join(self.patience)
        if self._thread.is_alive():
            raise TimeoutError(f"xmpp_server: the server did not stop within {self.patience:g} seconds")
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def add(self, account: str, password: str) -> str:
        """Create an account, and return its JID.

        :param account: a JID, or its localpart at the first domain.
        """
        jid = account if "@" in account else f"{account}@{self.domain}"
        self.run(self.server.administration.create(jid, password))
        return jid

    def remove(self, account: str) -> None:
        """Remove an account; its sessions end."""
        jid = account if "@" in account else f"{account}@{self.domain}"
        self.run(self.server.administration.remove(jid))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop of the server.

        :raises RuntimeError: if the server does not run any more; its error is the cause.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            raise RuntimeError("xmpp_server: the server has stopped") from self._failure
        return future.result(self.patience)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        from xmpp_im_host.server import XMPPServer

        self._loop = asyncio.get_running_loop()
        self.server = XMPPServer(self.configuration)
        async with self.server as server:
            self.domain = self.configuration.domains[0]
            self.cafile = str(server.network.tls.certificate)
            self.host, self.port = server.address().host, server.address().port
            for account, password in self._accounts.items():
                jid = account if "@" in account else f"{account}@{self.domain}"
                await server.administration.create(jid, password)
            self._started.set()
            await server.stopped.wait()


def running(accounts: Mapping[str, str] | None = None, **settings: Any) -> RunningServer:
    """Return a server for tests, to be used with ``with``.

    :param accounts: the accounts with their passwords.
    :param settings: as in the configuration file: ``domains=["capulet.example"]``, ``limits={"idle_seconds": 1}``.
        Clients connect to a free port of loopback unless ``listen`` names another for ``tcp``.
    """
    from xmpp_im_host.configuration import read_configuration

    stored = {} if "database" in settings else {"in_memory": True}
    usual = {"plaintext": True, "drain_seconds": 1, **stored}
    limits = settings.get("limits", {})
    if isinstance(limits, Mapping):
        settings["limits"] = {"login_seconds": _LOGIN_SECONDS, **limits}
    listen = settings.get("listen", {})
    if isinstance(listen, Mapping):  # if not, the error names it
        settings["listen"] = {"tcp": ["127.0.0.1:0"], **listen}
    return RunningServer(read_configuration({**usual, **settings}), accounts or {})


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "xmpp_server(accounts, **settings): the accounts and the settings of the fixture xmpp_server"
    )


@pytest.fixture
def xmpp_server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """Run a fresh server; a marker of the same name has its accounts and settings."""
    marker = request.node.get_closest_marker("xmpp_server")
    arguments = {} if marker is None else marker.kwargs
    with running(**arguments) as server:
        yield server
