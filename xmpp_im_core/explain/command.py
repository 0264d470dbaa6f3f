"""The command ``xmpp-im-explain``: it reads a snapshot and an event log, and prints what each event did and why.

This is the only module of ``xmpp_im_core`` that reads files and prints. No other module imports it.
"""

from __future__ import annotations

import sys
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

EXTENSION_NAMES: Final = ("carbons", "last-activity")
"""The keys of ``log_explaining.EXTENSIONS``. Importing that module takes long."""

_DESCRIPTION: Final = """\
Explain what a server sent, to whom, by which clause of RFC 6121, and why it kept silent.

SNAPSHOT is a file with the state before the first event: that of one account, or of a whole service.
LOG is a file with the events that followed, a line each. Both are as xmpp_im_core.snapshot writes them
(to_text and write_log); "-" is standard input.

Each event is taken again, as the server took it. Nothing is sent or stored.

Example: why did nobody hear of the third event?
    xmpp-im-explain juliet.json juliet.log --event 3
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; it exits with 1 if a file cannot be read, with 2 if the arguments are wrong.

    :param arguments: the command line; by default that of this process.
    """
    options = _parser().parse_args(arguments)
    # --help and --version need none of these imports.
    from xmpp_im_core.snapshot import SnapshotError

    try:
        for line in _lines(options):
            print(line)
    except SnapshotError as error:
        sys.exit(f"Error: {error}")


def _parser() -> ArgumentParser:
    parser = ArgumentParser("xmpp-im-explain", description=_DESCRIPTION, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("snapshot", metavar="SNAPSHOT")
    parser.add_argument("log", metavar="LOG")
    parser.add_argument("--event", type=_number, action="append", metavar="N", help="Only the Nth event.")
    parser.add_argument("--account", metavar="JID", help="Only the steps of this account.")
    parser.add_argument("--policy", metavar="FILE", help="The policy, if not the default.")
    parser.add_argument(
        "--extension",
        choices=EXTENSION_NAMES,
        action="append",
        help="An extension that was in use; the innermost first.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="Print the version and exit.")
    return parser


class _Version(Action):
    """Look the version up only if the user asks for it."""

    def __call__(self, parser: ArgumentParser, *rest: object) -> None:
        from importlib.metadata import version

        print(f"{parser.prog}, version {version('xmpp_im_core')}")
        parser.exit()


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not the number of an event, which begin with 1")
    return int(text)


def _lines(options: Namespace) -> Iterator[str]:
    from xmpp_im_core.explain.log_explaining import explanations, machine_with, read_policy, read_state
    from xmpp_im_core.policy import DEFAULT
    from xmpp_im_core.snapshot import FORMAT, SnapshotError

    machine = machine_with(options.extension or ())
    policy = DEFAULT if options.policy is None else _read(options.policy, read_policy)
    state = _read(options.snapshot, lambda text: read_state(text, machine))
    events = _read(options.log, lambda text: list(FORMAT.read_log(text.split("\n"))))
    wanted = frozenset(options.event or ())
    if wanted and max(wanted) > len(events):
        raise SnapshotError(options.log, f"there is no event {max(wanted)}; the last one is {len(events)}")
    for number, steps in enumerate(explanations(state, events, policy, machine), 1):
        for step in steps:
            if (not wanted or number in wanted) and options.account in (None, step.jid):
                yield f"{number}. {step}\n"


def _read(name: str, read: Callable[[str], Any]) -> Any:
    """Read a file; an error names the file.

    :raises SnapshotError: if its content is not what it should be.
    """
    from xmpp_im_core.snapshot import SnapshotError

    try:
        return read((sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()).decode())
    except SnapshotError as error:
        raise SnapshotError(f"{name}: {error.path}", error.reason) from None
    except (OSError, UnicodeError) as error:
        raise SnapshotError(name, str(error)) from None
