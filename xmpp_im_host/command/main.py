"""The commands that do not concern one account: ``serve``, and the groups."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeAlias

import click

from xmpp_im_host.command.accounts import inspect, roster, user
from xmpp_im_host.command.nodes import drain, nodes, rebalance, undrain
from xmpp_im_host.command.options import CONFIG, DATABASE, DOMAIN, ENGINE, chosen, configuration
from xmpp_im_host.configuration import Configuration, Listen
from xmpp_im_host.log import failure, log
from xmpp_im_host.network.listeners import CannotListen
from xmpp_im_host.network.tls import BadCertificate
from xmpp_im_host.operations.log_format import set_up
from xmpp_im_host.server import XMPPServer
from xmpp_im_host.storage.errors import DatabaseRefused, EngineFailed

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

_OTHER_FILES: Final = 200
_OBJECTS: Final = 10_000
"""The collector looks for cycles when so many objects have been made that are still there: a few megabytes."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xmpp-im-host")
def main() -> None:
    """Run and administer an XMPP server.

    Without a configuration file the server hosts the domain localhost, on loopback only.
    """


main.add_command(user)
main.add_command(roster)
main.add_command(inspect)
main.add_command(nodes)
main.add_command(drain)
main.add_command(undrain)
main.add_command(rebalance)


@main.command()
@CONFIG
@DATABASE
@ENGINE
@DOMAIN
@click.option("--listen", "tcp", multiple=True, metavar="HOST:PORT", help="Listen for clients (STARTTLS).")
@click.option("--listen-tls", "tls", multiple=True, metavar="HOST:PORT", help="Listen for clients (TLS at once).")
@click.option("--listen-websocket", "websocket", multiple=True, metavar="HOST:PORT", help="Listen for WebSocket.")
@click.option("--listen-components", "components", multiple=True, metavar="HOST:PORT", help="Listen for components.")
@click.option("--metrics", multiple=True, metavar="HOST:PORT", help="Serve /metrics and /health on loopback.")
@click.option("--certificate", metavar="FILE", help="The certificate and its chain, in PEM.")
@click.option("--key", metavar="FILE", help="The private key, in PEM, if it is not in the same file.")
@click.option("--in-memory", is_flag=True, help="Store nothing, for tests.")
@click.option("--registration", is_flag=True, help="Let anybody create an account in-band.")
@click.option("--plaintext", is_flag=True, help="Allow logins without TLS, on loopback only.")
@click.option("--log-format", metavar="text|json", help="The format of the log.")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
def serve(config: Path | None, **given: Any) -> None:
    """Run the server until SIGTERM or SIGINT."""
    found = configuration(config, _flags(given))
    set_up(found.log_format, found.log_level)
    _allow_files(found.limits.connections)
    try:
        _run(_serve(found), _loop_factory(found.listen))
    except (DatabaseRefused, EngineFailed, BadCertificate, CannotListen) as error:
        raise click.ClickException(str(error)) from None


def _flags(given: dict[str, Any]) -> dict[str, Any]:
    flags = chosen(given["database"], given["engines"], given["domains"])
    for name in ("tcp", "tls", "websocket", "components", "metrics"):
        if given[name]:
            flags[f"listen.{name}"] = list(given[name])
    for name in ("certificate", "key"):
        if given[name] is not None:
            flags[f"tls.{name}"] = given[name]
    for name in ("in_memory", "registration", "plaintext"):
        if given[name]:
            flags[name] = True
    for name in ("log_format", "log_level"):
        if given[name] is not None:
            flags[name] = given[name]
    return flags


async def _serve(found: Configuration) -> None:
    server = XMPPServer(found)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, server.stopped.set)
    loop.set_exception_handler(_log_error)
    async with server:
        _collect_seldom()
        loop.add_signal_handler(signal.SIGHUP, server.reload_certificate)
        await server.stopped.wait()


def _log_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error of which asyncio learns and nobody else."""
    error = context.get("exception")
    if error is None:
        log(logging.ERROR, "error in the event loop", reason=context.get("message"))
    else:
        failure("error in the event loop", error, reason=context.get("message"))


def _collect_seldom() -> None:
    """Let the collector of cycles look seldom, and never at what the start has made, such as modules.

    What a server makes has almost no cycles, so it is freed without the collector. With the usual threshold, a tenth of
    the work for a stanza would be to look at the stanzas that are under way.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])


def _allow_files(connections: int) -> None:
    """Raise the limit of open files, as far as the system lets this process, so that it can have these connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        if wanted < needed:
            log(logging.WARNING, "few files can be open", files=wanted, connections=connections)


def _run(work: Coroutine[Any, Any, None], factory: LoopFactory | None) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


def _loop_factory(listen: Listen) -> LoopFactory | None:
    """Return uvloop if it is installed (the extra ``fast``) and no listener begins with TLS.

    See :func:`~xmpp_im_host.network.listeners.check_loop`. The loop would have to begin TLS itself: with the
    certificate of the start, and outside of the limits before a login.
    """
    try:
        import uvloop  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    if listen.tls or listen.websocket:
        log(logging.INFO, "uvloop not used", reason="listen.tls and listen.websocket need the loop of asyncio")
        return None
    factory: LoopFactory = uvloop.new_event_loop
    return factory
