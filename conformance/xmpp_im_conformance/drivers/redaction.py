"""Removing credentials from messages: a failure goes to terminals, CI logs and reports that people pass on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed

HIDDEN: Final = "[…]"
_SHORTEST: Final = 4
"""A shorter text is not a secret, and removing it would make a failure unreadable."""
_BETWEEN: Final = re.compile(r"[\s'\"=:,;&?]+")
_ASSIGNMENT: Final = re.compile(r"\w+=")


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return a text with each of these secrets blanked out."""
    for secret in sorted({each for each in secrets if len(each) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


@contextmanager
def hiding(secrets: Iterable[str]) -> Iterator[None]:
    """Blank out secrets in the errors that say what an implementation under test has done."""
    try:
        yield
    except (ServerFailed, NotApplicable) as problem:
        text = hidden(str(problem), secrets)
        if text == str(problem):
            raise
        kind = NotApplicable if isinstance(problem, NotApplicable) else ServerFailed
        raise kind(text) from None


def command_in_words(command: Sequence[str]) -> str:
    """Return what may be shown of a command: its program, and the arguments that are files; a token is not a file."""
    program, *arguments = command
    words = [HIDDEN if _ASSIGNMENT.match(program) else program]
    for argument in arguments:
        if os.path.exists(argument):
            words.append(argument)
        elif words[-1] != HIDDEN:
            words.append(HIDDEN)
    return " ".join(words)


def secrets_of(command: Sequence[str]) -> frozenset[str]:
    """Return the arguments of a command that are not files, whole and in pieces: each may be a password or a token."""
    arguments = [argument for argument in command[1:] if not os.path.exists(argument)]
    return frozenset([*arguments, *[piece for argument in arguments for piece in _BETWEEN.split(argument)]])
