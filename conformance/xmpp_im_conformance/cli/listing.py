"""What ``xmpp-im-conformance list`` does."""

from __future__ import annotations

from pathlib import Path

import click

from xmpp_im_conformance.format.finding import Selection, find
from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.reports.sections import heading


def list_vectors(
    *, paths: tuple[Path, ...], sections: tuple[str, ...], ids: tuple[str, ...], levels: tuple[str, ...]
) -> int:
    """Print the vectors that are selected, a line each, and return the exit status.

    :raises click.UsageError: if there are none.
    """
    vectors = list(find(paths, Selection(sections, ids, levels)))
    if not vectors:
        raise click.UsageError("there are no such vectors")
    rows = [_row(vector) for vector in vectors]
    widths = [max([len(row[column]) for row in rows]) for column in range(3)]
    for *row, title in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        # JSON may hold half of a surrogate pair, which cannot be printed.
        click.echo("  ".join([*cells, title]).encode("utf-8", "backslashreplace").decode())
    return 0


def _row(vector: Vector | MalformedFile) -> tuple[str, str, str, str]:
    title = f"(malformed: {vector.file})" if isinstance(vector, MalformedFile) else vector.title
    return vector.id, vector.level, heading(vector), title
