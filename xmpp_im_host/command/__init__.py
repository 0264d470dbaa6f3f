"""The command ``xmpp-im-host``."""

from __future__ import annotations

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xmpp-im-host")
def main() -> None:
    """Run and administer an XMPP server."""
