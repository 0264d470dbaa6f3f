"""The command ``xmpp-im-conformance``: its arguments.

What a command runs is imported when it runs, so that ``--help`` and ``--version`` import nothing but click.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from xmpp_im_conformance.cli.options import (
    ACT_CHAPTERS,
    driver_option,
    driver_options,
    file_options,
    jobs_option,
    known_options,
    selection_options,
)

_FOLDER: Final = click.Path(file_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="xmpp-im-conformance")
def main() -> None:
    """Replay the conformance vectors of RFC 6121 against an implementation, or compare one with xmpp_im_core.

    In the CI of a server, record once what is known to fail, then let everything else be an error:

    \b
      xmpp-im-conformance run --driver live --config server.toml --write-known known.toml
      xmpp-im-conformance run --driver live --config server.toml --known known.toml -q --junit junit.xml
    """


@main.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@selection_options
@driver_option("embedded")
@known_options
@file_options
@click.option("--details", is_flag=True, help="Print everything about each failure.  [default: if at most 3 fail]")
@click.option("--uncovered", is_flag=True, help="List the testable requirements that no vector shows.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the failures and the totals.")
@driver_options
@jobs_option
@click.pass_context
def run(context: click.Context, /, **options: Any) -> None:  # what click has read
    """Run vectors: those of the files and folders at PATH, or else those of this package.

    The failures are grouped by behaviour. With --known, a failure that the file records is counted and nothing more;
    one that it does not record is a failure, and so is a recorded vector that passes. --write-known writes such a file.

    Exits with 0 if all is well or known, with 1 if a vector failed, is malformed, passed unexpectedly or was not run
    because the system was gone, with 2 if there was nothing to run, nothing was applicable, or the system cannot be
    reached.
    """
    from xmpp_im_conformance.cli.run import run_vectors

    context.exit(run_vectors(**options))


@main.command("list")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@selection_options
@click.pass_context
def list_(context: click.Context, /, **options: Any) -> None:  # what click has read
    """List vectors: the id, the level, the section that it is about first, and the title of each.

    Exits with 2 if there are no such vectors.
    """
    from xmpp_im_conformance.cli.listing import list_vectors

    context.exit(list_vectors(**options))


@main.command()
@click.option("--server", metavar="HOST:PORT", help="live: where clients connect; the same as --host and --port.")
@driver_option("live")
@click.option("--acts", multiple=True, type=click.Choice(ACT_CHAPTERS), help="Only the acts of this chapter.")
@click.option("--examples", type=click.IntRange(1), default=200, show_default=True, help="How many traces are drawn.")
@click.option("--seed", type=int, default=0, show_default=True, help="The seed of the random traces.")
@click.option("--seconds", type=click.FloatRange(0), default=300, show_default=True, help="When to stop at the latest.")
@click.option("--out", type=_FOLDER, help="Write a vector for each difference into this folder.")
@click.option("--name", help="The name of the server in those vectors.  [default: its address, or the driver]")
@driver_options
@click.pass_context
def differ(context: click.Context, /, **options: Any) -> None:  # what click has read
    """Let random clients do the same on a server and on xmpp_im_core, and show where the two differ.

    What the RFC leaves open is not a difference. Each difference is reduced to the acts that it needs.

    Exits with 0 if nothing differs, with 1 if something differs or the core raises an exception, with 2 if the server
    could not be tested, or not to the end.
    """
    from xmpp_im_conformance.cli.compare import compare

    context.exit(compare(**options))


@main.command()
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.pass_context
def export(context: click.Context, /, folder: Path) -> None:
    """Write the vectors into DIR, for programs in any language that copy them.

    DIR gets the vectors, their schemas, the requirements, a manifest with digests, and a README that says how to read,
    match and run the vectors. It is a new folder, an empty one, or an earlier export.

    Exits with 0 if it was written, with 1 if it was not.
    """
    from xmpp_im_conformance.cli.export import export_vectors

    context.exit(export_vectors(folder))


@main.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.pass_context
def check(context: click.Context, /, paths: tuple[Path, ...]) -> None:
    """Check vectors that you write: the format, the requirements, and what xmpp_im_core does.

    For each vector it prints the sentences of the RFC that the vector cites, and the conversation: each step, and what
    came because of it.

    Exits with 0 if all passed, with 1 if one failed or is malformed, with 2 if none was applicable.
    """
    from xmpp_im_conformance.cli.check import check as check_files

    context.exit(check_files(paths))


@main.command()
@click.argument("out", metavar="OUT.html", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.argument(
    "results",
    metavar="RESULTS.json...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.pass_context
def page(context: click.Context, /, out: Path, results: tuple[Path, ...]) -> None:
    """Write one HTML page that compares systems, from what `run --json` has written of each.

    Servers and clients are across, sections and requirements down. Each cell has a permanent link, in which the system
    has the name of its file.

    Exits with 0 if the page was written, with 1 if it was not.
    """
    from xmpp_im_conformance.cli.page import write_page

    context.exit(write_page(out, results))
