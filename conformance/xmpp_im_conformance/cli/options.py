"""The options that several commands share, and those that name the files to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from xmpp_im_conformance.drivers import NAMES

_F = TypeVar("_F", bound=Callable[..., Any])

ACT_CHAPTERS: Final = ("rosters", "subscriptions", "presence", "messages")
"""The keys of ``differ.kinds.ACTS_OF_CHAPTERS``, which takes long to import."""

_FILE: Final = click.Path(dir_okay=False, writable=True, path_type=Path)
ARRANGEMENTS: Final = ("memory", "cold", "late", "doubt", "parts", "alone", "moving", "again")
"""The keys of ``drivers.embedded.arrangements.ARRANGEMENTS``, which takes long to import."""
_CONFIG: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


def _together(*options: Callable[[_F], _F]) -> Callable[[_F], _F]:
    """Return a decorator that gives a command all these options, in this order."""

    def decorate(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_KNOWN: Final = click.Path(dir_okay=False, path_type=Path)
LEVELS: Final = ("MUST", "SHOULD", "MAY", "peer")
"""``format.vectors.LEVELS``; importing that takes long."""

selection_options: Final = _together(
    click.option(
        "--section", "sections", multiple=True, help="Only vectors about this section of RFC 6121, or below it."
    ),
    click.option("--id", "ids", multiple=True, help="Only vectors with this id; * and ? are wildcards."),
    click.option("--level", "levels", multiple=True, type=click.Choice(LEVELS), help="Only vectors of this level."),
)

jobs_option: Final = click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="live: how many vectors run side by side, each on separate accounts.",
)

known_options: Final = _together(
    click.option("--known", type=_KNOWN, metavar="FILE", help="The known deviations: these failures are no failures."),
    click.option("--write-known", type=_KNOWN, metavar="FILE", help="Write, or renew, the file of known deviations."),
)

file_options: Final = _together(
    click.option("--json", type=_FILE, metavar="FILE", help="Write the results as JSON."),
    click.option("--junit", type=_FILE, metavar="FILE", help="Write the results as JUnit XML, for CI systems."),
    click.option("--html", type=_FILE, metavar="FILE", help="Write the results as an HTML page with diagrams."),
)

driver_options: Final = _together(
    click.option(
        "--arrangement",
        type=click.Choice(("all", *ARRANGEMENTS)),
        default=ARRANGEMENTS[0],
        show_default=True,
        help="embedded: how it keeps the accounts of a server; all: each vector has to pass in each arrangement.",
    ),
    click.option("--command", help="stdio: what starts the program, with its arguments."),
    click.option("--restarts", type=click.IntRange(0), help="stdio: how often it is started again.  [default: 20]"),
    click.option("--config", type=_CONFIG, help="live: a TOML file."),
    click.option("--host", help="live: where the server is.  [default: 127.0.0.1]"),
    click.option("--port", type=int, help="live: where clients connect.  [default: 5222]"),
    click.option("--domain", "domains", multiple=True, metavar="NAME=HOST", help="live: its name of a virtual host."),
    click.option("--component", metavar="DOMAIN:PORT:SECRET", help="live: plays remote.example (XEP-0114)."),
    click.option("--federation", metavar="DOMAIN:PORT:LISTEN", help="live: plays it between servers, at port LISTEN."),
    click.option("--remote-accounts", metavar="DOMAIN", help="live: its accounts play remote.example where they can."),
    click.option("--register-command", help="live: creates an account; {local}, {domain}, {password} are filled in."),
    click.option("--unregister-command", help="live: removes it."),
    click.option(
        "--patience", type=click.FloatRange(0), help="live: seconds to wait for a server that is gone.  [default: 30]"
    ),
    click.option("--timeout", type=float, help="Seconds to wait for an answer.  [default: live 5, stdio 10]"),
)


def driver_option(default: str) -> Callable[[_F], _F]:
    """Return the option that names the driver."""
    return click.option("--driver", type=click.Choice(NAMES), default=default, show_default=True)
