"""The commands for accounts and their rosters. They work while the server runs, and while it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

import click

from xmpp_im_host.command.calling import call
from xmpp_im_host.command.options import configured
from xmpp_im_host.command.passwords import PASSWORD_FILE, read_password
from xmpp_im_host.configuration import Configuration


@click.group()
def user() -> None:
    """Add, list and remove accounts, and set passwords."""


@user.command("add")
@configured
@click.argument("account", metavar="USER@DOMAIN")
@PASSWORD_FILE
def add(configuration: Configuration, account: str, password_file: Path | None) -> None:
    """Create an account. The password comes from a prompt, the standard input or a file."""
    click.echo(f"added {call(configuration, 'add', account=account, password=read_password(password_file))}")


@user.command("password")
@configured
@click.argument("account", metavar="USER@DOMAIN")
@PASSWORD_FILE
def password(configuration: Configuration, account: str, password_file: Path | None) -> None:
    """Set the password of an account."""
    jid = call(configuration, "password", account=account, password=read_password(password_file))
    click.echo(f"set the password of {jid}")


@user.command("remove")
@configured
@click.argument("account", metavar="USER@DOMAIN")
@click.confirmation_option(prompt="This deletes everything that is stored for the account. Go on?")
def remove(configuration: Configuration, account: str) -> None:
    """Remove an account, and tell its contacts."""
    click.echo(f"removed {call(configuration, 'remove', account=account)}")


@user.command("list")
@configured
@click.argument("domain", required=False)
def list_(configuration: Configuration, domain: str | None) -> None:
    """List the accounts, of one domain or of all."""
    for each in call(configuration, "users", domain=domain):
        click.echo(each)


@click.group()
def roster() -> None:
    """Export and import rosters, block lists and stored messages as JSON."""


@roster.command("export")
@configured
@click.argument("accounts", nargs=-1, metavar="[USER@DOMAIN]...")
def export(configuration: Configuration, accounts: tuple[str, ...]) -> None:
    """Write the data of accounts, by default of all, to the standard output."""
    found = call(configuration, "export", accounts=list(accounts))
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@roster.command("import")
@configured
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
def import_(configuration: Configuration, file: IO[str]) -> None:
    """Create accounts with the data in a file, by default the standard input. Set their passwords afterwards."""
    try:
        data = json.load(file)
    except ValueError as error:
        raise click.ClickException(f"{file.name}: this is not JSON: {error}") from None
    for each in call(configuration, "import", data=data):
        click.echo(f"imported {each}")


@click.command()
@configured
@click.argument("account", metavar="USER@DOMAIN")
def inspect(configuration: Configuration, account: str) -> None:
    """Show the state of an account, and why its last events had their effects."""
    click.echo(json.dumps(call(configuration, "inspect", account=account), indent=2, ensure_ascii=False))
