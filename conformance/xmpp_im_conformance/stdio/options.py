"""The command line's options for programs on standard input and output."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from xmpp_im_conformance.stdio.program import Program

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--command", help="stdio: what starts the program, with its arguments."),
    click.option("--restarts", type=click.IntRange(0), help="stdio: how often it is started again.  [default: 20]"),
)


def stdio_options(command: _F) -> _F:
    """Give a command the options of the stdio driver, but for ``--timeout``, which others have too."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def stdio_program(command: str | None, **given: float | int | None) -> Program:
    """Return the program that the options speak of.

    :param given: of ``timeout`` and ``restarts`` what stands there.
    :raises click.UsageError: where they do not say what to start.
    """
    try:
        words = shlex.split(command or "")
    except ValueError as problem:
        raise click.UsageError(f"--command cannot be split into words: {problem}") from problem
    if not words:
        raise click.UsageError("--driver stdio needs --command: what starts the program")
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return Program(words, **changes)
