"""How the commands start. If a package is missing, a command says what to install and exits with 2.

This module imports nothing from outside the standard library before it has looked for those packages.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

NEEDED: Final = (
    "attrs",
    "cattrs",
    "click",
    "hypothesis",
    "jinja2",
    "jsonschema",
    "referencing",
    "rich",
    "scramp",
    "xmpp_im_core",
)
"""The packages that the dependencies in ``pyproject.toml`` provide."""


def main() -> None:
    """Run ``xmpp-im-conformance``."""
    exit_if_incomplete("xmpp-im-conformance")
    from xmpp_im_conformance.cli.commands import main as commands

    commands()


def exit_if_incomplete(command: str) -> None:
    """End the process with status 2 if a package is missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"{command}: not installed: {', '.join(missing)}. This installs all that it needs:"
            " pip install xmpp-im-conformance (in a checkout: pip install . ./conformance)",
            file=sys.stderr,
        )
        sys.exit(2)
