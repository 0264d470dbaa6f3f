"""The server: it opens the database, the host, the services and the listeners, and closes them in order."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from socket import gethostname
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from attrs import evolve

from xmpp_im_core.codec import CLIENT_TO_SERVER
from xmpp_im_core.extensions import carbons, last_activity
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.host import Wire
from xmpp_im_core.jid import JID
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server import PLAIN, Service, features, hosting, stream_features
from xmpp_im_core.stanza import IQ, Condition, Stanza
from xmpp_im_host.cluster.cluster_host import ClusterHost
from xmpp_im_host.cluster.interfaces import PartitionFigures
from xmpp_im_host.cluster.life import ClusterSettings
from xmpp_im_host.cluster.liveness import Pace
from xmpp_im_host.cluster.reports import State
from xmpp_im_host.configuration import Configuration, Endpoint
from xmpp_im_host.counters import Counters
from xmpp_im_host.hosting.administration import AccountExists, Administration, AdministrationError, InvalidPassword
from xmpp_im_host.hosting.async_host import AsyncHost
from xmpp_im_host.log import log
from xmpp_im_host.network.client_driver import ClientDriver
from xmpp_im_host.network.client_link import ClientLink
from xmpp_im_host.network.component_driver import ComponentLink
from xmpp_im_host.network.draining import Draining
from xmpp_im_host.network.listeners import Listeners, check_loop
from xmpp_im_host.network.moving import Moving
from xmpp_im_host.network.network import Network, RegistrationRefused
from xmpp_im_host.network.tls import BadCertificate, ServerTLS, from_files, self_signed
from xmpp_im_host.network.websocket_link import WebSocketLink
from xmpp_im_host.network.wire import NetworkWire
from xmpp_im_host.operations import control, http
from xmpp_im_host.operations.calls import Calls
from xmpp_im_host.operations.metrics import Levels, exposition
from xmpp_im_host.services import Answering, Registration, served_namespaces
from xmpp_im_host.services.discovery import Discovery
from xmpp_im_host.services.registration import Refused
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import DatabaseRefused, EngineFailed
from xmpp_im_host.storage.layout import check_layout
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.sharded_engine import ShardedEngine
from xmpp_im_host.storage.sqlite_engine import SQLiteEngine
from xmpp_im_host.streams.settings import ComponentSettings, StreamSettings

_SECRET_BYTES = 32
_ID_BYTES, _IDS_AT_ONCE = 16, 64


class XMPPServer:
    """A server. It listens from ``async with`` until the block is left, which drains it.

    ``async with XMPPServer(configuration) as server: await server.stopped.wait()``
    """

    network: Network
    host: AsyncHost[Any] | ClusterHost
    administration: Administration
    draining: Draining

    def __init__(self, configuration: Configuration, cluster: Engine | None = None) -> None:
        """Note what to run.

        :param cluster: an engine that this server shares with others as one of several nodes. It stays open. By default
            the configuration says which database to open.
        """
        self.configuration = configuration
        self._cluster = cluster
        self.counters = Counters()
        self.listeners, self.operator_listeners = Listeners(), Listeners()
        self.stopped = asyncio.Event()
        """Set when the server is to stop: at a signal, when another process has taken the database, or in the end."""
        self._stack = AsyncExitStack()

    # --- start and stop -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stopped.set()
        await self._stack.aclose()
        log(logging.INFO, "stopped")

    async def _start(self) -> None:
        configuration, stack = self.configuration, self._stack
        engine = self._cluster
        if engine is None:
            engine = await stack.enter_async_context(aclosing(await open_engine(configuration)))
        tls = self._certificate()
        policy, service = policy_of(configuration), service_of(configuration)
        settings = stream_settings(configuration, policy)
        self.network = network = Network(configuration, settings, policy, tls, self.counters, self._register)
        found = Discovery(
            features(policy, service.machine), tuple(sorted(configuration.components)), configuration.registration
        )
        registration = Registration(self._set_password, self._remove) if configuration.registration else None
        services = Answering(found, registration, lambda answer: self.host.send(answer), network.start)
        wire = NetworkWire(network, services.delegate)
        moving = Moving(network)
        self.draining = Draining(network, self.listeners, moving, self.stopped.set)
        if self._cluster is not None or configuration.engine:
            self.host = network.host = ClusterHost(
                engine,
                wire,
                cluster_settings(configuration, service, policy),
                network.forget,
                sessions=lambda: len(network.sessions),
                moves=moving,
                flush=network.flush,
                directed=self.draining.direct,
                state=self._state,
            )
        else:
            self.host = network.host = AsyncHost(
                service,
                engine,
                wire,
                policy,
                outbox=configuration.outbox,
                flush=network.flush,
                event_log=configuration.event_log,
            )
            network.start(self._watch_fence(self.host))
        self.administration = Administration(self.host, keys_changed=self._keys_changed)
        await stack.enter_async_context(self.host)
        if isinstance(self.host, ClusterHost):
            shared = await self.host.shared_secret(settings.secret.hex())
            network.settings = evolve(settings, secret=bytes.fromhex(shared))
        stack.push_async_callback(network.cancel_tasks)
        stack.callback(self.operator_listeners.close)
        stack.push_async_callback(network.drain, configuration.drain_seconds)
        if isinstance(self.host, ClusterHost):
            stack.push_async_callback(self._leave, self.host, moving)
        network.start(network.links.watch())
        stack.callback(self.listeners.close)
        await self._listen()
        stored = "in memory" if configuration.in_memory else configuration.database_file
        stored = "PostgreSQL" if configuration.engine else stored
        log(
            logging.INFO, "ready", domains=" ".join(configuration.domains), database=stored, certificate=tls.certificate
        )
        stack.callback(log, logging.INFO, "stopping")

    async def _leave(self, host: ClusterHost, moving: Moving) -> None:
        """Let the other nodes own the accounts and take the sessions; what is left then ends."""
        seconds = self.configuration.drain_seconds
        self.draining.end()
        await asyncio.gather(host.retire(seconds), moving.hand_over_all(seconds))

    def _certificate(self) -> ServerTLS:
        given, configuration = self.configuration.tls, self.configuration
        if given.certificate is not None:
            return from_files(given.certificate, given.key)
        if configuration.in_memory:
            directory = self._stack.enter_context(TemporaryDirectory(prefix="xmpp-im-host-"))
            return self_signed(Path(directory) / "server.pem", configuration.domains)
        return self_signed(configuration.beside(".pem"), configuration.domains)

    async def _listen(self) -> None:
        listen, network = self.configuration.listen, self.network
        if not self.configuration.in_memory:
            path = self.configuration.beside(".control")
            opened = await control.listen(path, Calls(self.administration))
            self._stack.callback(path.unlink, missing_ok=True)
            self._stack.callback(opened.close)
        for name in ("tls", "websocket"):
            if getattr(listen, name):
                check_loop(name)
        await self.listeners.open("tcp", listen.tcp, lambda: ClientLink(network))
        await self.listeners.open("tls", listen.tls, lambda: ClientLink(network, direct=True))
        await self.listeners.open("websocket", listen.websocket, lambda: WebSocketLink(network))
        components = ComponentSettings(dict(self.configuration.components))
        await self.listeners.open("components", listen.components, lambda: ComponentLink(network, components))
        page = http.OperatorPage(
            exposition(self.counters, self.host.figures().committed, self.levels, self._partitions()),
            self.serves,
        )
        for endpoint in listen.metrics:
            self.operator_listeners.add("metrics", await http.listen(page, endpoint.host, endpoint.port))

    def serves(self) -> bool:
        """Whether clients can log in here: the server does not stop, and other nodes have not cut it off."""
        cut_off = isinstance(self.host, ClusterHost) and self.host.life is None
        return not (self.network.stopping or self.network.leaving or self.draining.away or cut_off)

    def _partitions(self) -> Callable[[], Mapping[int, PartitionFigures]] | None:
        return self.host.partitions if isinstance(self.host, ClusterHost) else None

    def _state(self) -> State:
        return State.STOPPING if self.stopped.is_set() else self.draining.state

    async def _watch_fence(self, host: AsyncHost[Any]) -> None:
        await host.fenced.wait()
        log(logging.ERROR, "another process has taken the database")
        self.listeners.close()
        self.network.stop()
        self.stopped.set()

    def address(self, listener: str = "tcp") -> Endpoint:
        """Return the first address of a listener, with its real port."""
        return (self.listeners.addresses.get(listener) or self.operator_listeners.addresses[listener])[0]

    # --- what the network and the services ask for ----------------------------------------------------------

    async def _register(self, account: JID, password: str) -> None:
        try:
            await self.administration.create(account.full, password)
        except AccountExists:
            raise RegistrationRefused(Condition.CONFLICT) from None
        except InvalidPassword:
            raise RegistrationRefused(Condition.NOT_ACCEPTABLE) from None
        except (AdministrationError, EngineFailed):
            raise RegistrationRefused(Condition.INTERNAL_SERVER_ERROR) from None

    async def _set_password(self, account: JID, password: str) -> None:
        try:
            await self.administration.set_password(account.full, password)
        except InvalidPassword:
            raise Refused(Condition.NOT_ACCEPTABLE) from None
        except (AdministrationError, EngineFailed):
            raise Refused(Condition.INTERNAL_SERVER_ERROR) from None

    async def _remove(self, account: JID, answer: IQ) -> None:
        try:
            await self.administration.remove(account.full, answer)
        except (AdministrationError, EngineFailed):
            raise Refused(Condition.INTERNAL_SERVER_ERROR) from None

    def _keys_changed(self, account: str) -> None:
        for link in list(self.network.links.all):
            if isinstance(link.driver, ClientDriver):
                link.driver.keys_changed(account)

    def reload_certificate(self) -> None:
        """Read the certificate again, for the connections to come. The old one stays if that fails."""
        given = self.configuration.tls
        if given.certificate is None:
            return
        try:
            self.network.tls = from_files(given.certificate, given.key)
        except BadCertificate as error:
            log(logging.ERROR, "certificate not reloaded", reason=error)
        else:
            log(logging.INFO, "certificate reloaded", file=given.certificate)

    def levels(self) -> Levels:
        """Return what the server has at the moment."""
        figures = self.host.figures()
        network, queues = self.network, [link.queued for link in self.network.links.all]
        return Levels(
            connections=len(queues),
            sessions=len(network.sessions),
            detached=network.sessions.detached,
            components=len(network.components),
            events=figures.waiting,
            queued_bytes=sum(queues),
            largest_queue=max(queues, default=0),
            accounts=figures.accounts,
            idle=figures.idle,
            reads=figures.reads,
            commits_waiting=figures.commits_waiting,
        )


# --- the parts of a server ----------------------------------------------------------------------------------


async def open_engine(configuration: Configuration) -> Engine:
    """Open the database.

    :raises DatabaseRefused: if it cannot be used.
    """
    if configuration.in_memory:
        return MemoryEngine()
    if configuration.engine:
        return await _on_postgres(configuration.engine)
    file = configuration.database_file
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return await SQLiteEngine.open(file, power_safe=configuration.power_safe)


async def _on_postgres(uris: Sequence[str]) -> Engine:
    try:  # psycopg is installed by those who need it
        from xmpp_im_host.storage.postgres_engine import PostgresEngine
    except ImportError as error:
        raise DatabaseRefused(f"PostgreSQL needs psycopg ({error}): pip install 'xmpp-im-host[postgres]'") from None
    async with AsyncExitStack() as stack:
        engines = [await stack.enter_async_context(await PostgresEngine.open(each)) for each in uris]
        await check_layout(engines)
        stack.pop_all()  # from here on, the engine closes them
    if len(engines) == 1:
        return engines[0]
    sharded = ShardedEngine(engines)
    sharded.start()
    return sharded


def policy_of(configuration: Configuration) -> Policy:
    """Return the choices of RFC 6121 with this configuration."""
    served = FrozenMap(served_namespaces(configuration.registration))
    return evolve(DEFAULT, sessions=configuration.limits.sessions, served=served)


def service_of(configuration: Configuration) -> Service[Any]:
    """Return the accounts: RFC 6121 with carbons and last activity."""
    return hosting(*configuration.domains, machine=last_activity(carbons(PLAIN)))


def stream_settings(configuration: Configuration, policy: Policy) -> StreamSettings:
    """Return the settings of the streams of clients."""
    limits = configuration.limits
    return StreamSettings(
        domains=frozenset(configuration.domains),
        secret=secrets.token_bytes(_SECRET_BYTES)
        if configuration.in_memory
        else secret(configuration.beside(".secret")),
        features=stream_features(policy),
        require_tls=not configuration.plaintext,
        plain_in_clear=configuration.plaintext,
        registration=configuration.registration,
        early_bytes=limits.login_bytes,
        limits=evolve(CLIENT_TO_SERVER, stanza_bytes=limits.stanza_bytes),
        resumption_seconds=ceil(configuration.resumption_seconds),
        unacknowledged_stanzas=limits.queue_stanzas,
        unacknowledged_bytes=limits.unacknowledged_bytes,
    )


def secret(file: Path) -> bytes:
    """Return the random bytes in a file, which are made once. Only its owner can read the file."""
    try:
        found = file.read_bytes()
    except FileNotFoundError:
        found = b""
    if len(found) == _SECRET_BYTES:
        return found
    new = secrets.token_bytes(_SECRET_BYTES)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(new)
    return new


def cluster_settings(configuration: Configuration, service: Service[Any], policy: Policy) -> ClusterSettings:
    """Return the settings of a node."""
    node = configuration.node
    return ClusterSettings(
        service=service,
        policy=evolve(policy, keep_sessions=True),
        clock=lambda: datetime.now(UTC),
        ids=random_ids(),
        components=tuple(configuration.components),
        name=node.name or gethostname(),
        weight=node.weight,
        pace=Pace(beat_seconds=node.beat_seconds, dead_seconds=node.dead_seconds),
        event_log=configuration.event_log,
    )


def random_ids() -> Callable[[], str]:
    """Return what returns a new random id each time: the randomness of the kernel, taken for many at once."""

    def ids() -> Iterator[str]:
        while True:
            block = os.urandom(_ID_BYTES * _IDS_AT_ONCE).hex()
            for place in range(0, len(block), 2 * _ID_BYTES):
                yield block[place : place + 2 * _ID_BYTES]

    return ids().__next__


class _Nobody(Wire):
    """The wire of a host without connections."""

    def deliver(self, account: str, session: object, stanza: Stanza, effect: object) -> bool:
        return False

    def close(self, account: str, session: object, condition: str) -> None:
        return None


@asynccontextmanager
async def offline(configuration: Configuration) -> AsyncIterator[Calls]:
    """Open the database for the calls of commands, where no server runs that could perform them.

    Nodes may share the database. Then the calls are performed by the nodes that own the accounts; if there is none,
    this process is one until it has finished.

    :raises DatabaseRefused: if the database cannot be used.
    """
    service, policy = service_of(configuration), policy_of(configuration)
    async with aclosing(await open_engine(configuration)) as engine:
        if not configuration.engine:
            async with AsyncHost(service, engine, _Nobody(), policy, wakes=False) as host:
                yield Calls(Administration(host))
            return
        settings = evolve(cluster_settings(configuration, service, policy), reserve=True)
        async with ClusterHost(engine, _Nobody(), settings) as node:
            yield Calls(Administration(node))
