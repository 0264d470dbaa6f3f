"""What the command line's options say of a program on standard input and output."""

from __future__ import annotations

import shlex
from typing import Any

import click

from xmpp_im_conformance.drivers.stdio.program import Program


def stdio_program(command: str | None, **given: float | int | None) -> Program:
    """Return the program that the options speak of.

    :param given: of ``timeout`` and ``restarts`` what stands there.
    :raises click.UsageError: if they do not say what to start.
    """
    try:
        words = shlex.split(command or "")
    except ValueError as problem:
        raise click.UsageError(f"--command cannot be split into words: {problem}") from problem
    if not words:
        raise click.UsageError("--driver stdio needs --command: what starts the program")
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return Program(words, **changes)
