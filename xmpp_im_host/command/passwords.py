"""Passwords for commands: from a prompt that does not echo, from the standard input, or from a file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

PASSWORD_FILE = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="The file whose first line is the password; - is the standard input.",
)
"""The option that says where the password comes from."""


def read_password(file: Path | None) -> str:
    """Return the password: never an argument, which other users of the machine could read."""
    if file is not None and str(file) != "-":
        return _first_line(file.read_text(encoding="utf-8"))
    if file is not None or not sys.stdin.isatty():
        return _first_line(sys.stdin.readline())
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _first_line(text: str) -> str:
    found = text.split("\n", 1)[0].removesuffix("\r")
    if not found:
        raise click.ClickException("the password is empty")
    return found
