"""The command ``xmpp-im-explain``: a snapshot and an event log, explained event by event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TextIO

import click

from xmpp_im_core.explain import Explanation, explain, explain_served
from xmpp_im_core.extensions import carbons, last_activity
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.accounts.machine import PLAIN, Machine
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.service.events import Arrived, ForAccount
from xmpp_im_core.server.service.serving import Service, serve
from xmpp_im_core.snapshot import FORMAT, SnapshotError, load_extended, load_service

# Each extension changes the type of a machine's state; which ones are used is known only at run time.
_EXTENSIONS: Final[Mapping[str, Callable[[Machine[Any]], Machine[Any]]]] = MappingProxyType(
    {"carbons": carbons, "last-activity": last_activity}
)


@click.command()
@click.argument("snapshot", type=click.File(encoding="utf-8"))
@click.argument("log", type=click.File(encoding="utf-8"))
@click.option("--event", "numbers", type=click.IntRange(min=1), multiple=True, metavar="N", help="Only the Nth event.")
@click.option("--account", metavar="JID", help="Only the steps of this account.")
@click.option("--policy", type=click.File(encoding="utf-8"), metavar="FILE", help="The policy, if not the default.")
@click.option(
    "--extension",
    "extensions",
    type=click.Choice(sorted(_EXTENSIONS)),
    multiple=True,
    help="An extension that was in use; the innermost first.",
)
def main(
    snapshot: TextIO,
    log: TextIO,
    numbers: tuple[int, ...],
    account: str | None,
    policy: TextIO | None,
    extensions: tuple[str, ...],
) -> None:
    """Explain what a server sent, to whom, by which clause of RFC 6121, and why it kept silent.

    SNAPSHOT is a file with the state before the first event: that of one account, or of a whole service. LOG is
    a file with the events that followed, a line each. Both are as xmpp_im_core.snapshot writes them
    (to_text and write_log); "-" is standard input.

    Every event is taken again, as the server took it: nothing is sent or stored anywhere.

    \b
    Example: why did nobody hear of the third event?
        xmpp-im-explain juliet.json juliet.log --event 3
    """  # click's mark for a paragraph that keeps its lines
    machine: Machine[Any] = PLAIN
    for name in extensions:
        machine = _EXTENSIONS[name](machine)
    try:
        rules = DEFAULT if policy is None else _policy(policy)
        state = _named(snapshot, lambda: _state(snapshot, machine))
        events = _named(log, lambda: list(FORMAT.read_log(log)))
        explained = explanations(state, events, rules, machine)
        _print(explained, frozenset(numbers), account)
    except SnapshotError as error:
        raise click.ClickException(str(error)) from None
    if numbers and max(numbers) > len(events):
        raise click.ClickException(f"{log.name}: there is no event {max(numbers)}; the last one is {len(events)}")


def explanations(
    state: object, events: Iterable[object], policy: Policy, machine: Machine[Any]
) -> Iterator[tuple[Explanation, ...]]:
    """Yield what there is to say of each event: one step of an account, or several of a service.

    :raises SnapshotError: where an event is none of the kind that the state takes.
    """
    for number, event in enumerate(events, 1):
        if isinstance(state, Service):
            if not isinstance(event, ForAccount | Arrived):
                raise SnapshotError(f"event {number}", f"{type(event).__name__} is no event of a service")
            yield explain_served(state, event, policy)
            state = serve(state, event, policy).state
        else:
            if not isinstance(event, Event):
                raise SnapshotError(f"event {number}", f"{type(event).__name__} is no event of an account")
            yield (explain(state, event, policy, machine),)
            state = machine.reduce(state, event, policy).state


def _state(file: TextIO, machine: Machine[Any]) -> object:
    """Read the snapshot of an account or a service, for this machine."""
    value = FORMAT.from_text(file.read())
    data = FORMAT.dump(value)
    return load_service(data, machine) if isinstance(value, Service) else load_extended(data, machine)


def _named(file: TextIO, read: Callable[[], Any]) -> Any:
    """Read a file; what is refused is said with the file's name."""
    try:
        return read()
    except SnapshotError as error:
        raise SnapshotError(f"{file.name}: {error.path}", error.reason) from None
    except UnicodeError as error:
        raise SnapshotError(file.name, str(error)) from None


def _policy(file: TextIO) -> Policy:
    policy = _named(file, lambda: FORMAT.from_text(file.read()))
    if not isinstance(policy, Policy):
        raise SnapshotError(file.name, f"{type(policy).__name__} is no policy")
    return policy


def _print(explained: Iterable[tuple[Explanation, ...]], numbers: frozenset[int], account: str | None) -> None:
    for number, steps in enumerate(explained, 1):
        if numbers and number not in numbers:
            continue
        for step in steps:
            if account is None or step.jid == account:
                click.echo(f"{number}. {step}\n")
