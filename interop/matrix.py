"""The matrix: for each section of RFC 6121, the results of its vectors on each server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table

from xmpp_im_conformance.format.vectors import Side
from xmpp_im_conformance.reports.sections import by_section, order
from xmpp_im_conformance.running.outcome import Outcome, Result


def matrix(results: Mapping[str, Sequence[Result]], side: Side = Side.SERVER) -> Table:
    """Return the table of the vectors of a side. Each cell is ``passed / failed / not applicable``."""
    counts = {server: by_section(each, side) for server, each in results.items()}
    table = Table("section", title="passed / failed / not applicable", title_justify="left")
    for server in results:
        table.add_column(server, justify="right")
    for section in sorted({section for each in counts.values() for section in each}, key=order):
        table.add_row(section, *[_cell(counts[server].get(section, Counter())) for server in results])
    table.add_section()
    table.add_row("all", *[_cell(sum(counts[server].values(), Counter())) for server in results])
    return table


def _cell(counter: Counter[Outcome]) -> str:
    failed, not_run = counter[Outcome.FAILED], counter[Outcome.NOT_RUN]
    shown = f"[bold red]{failed}[/]" if failed else "0"
    rest = f" / [bold red]{not_run} not run[/]" if not_run else ""
    return f"{counter[Outcome.PASSED]} / {shown} / {counter[Outcome.NOT_APPLICABLE]}{rest}"
