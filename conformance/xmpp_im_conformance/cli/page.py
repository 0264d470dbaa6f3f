"""What ``xmpp-im-conformance page`` does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from xmpp_im_conformance.reports.compliance.page import page
from xmpp_im_conformance.reports.compliance.reading import NoResults, read


def write_page(out: Path, results: tuple[Path, ...]) -> int:
    """Write the page, say what it compares, and return the exit status."""
    try:
        tested = read(results)
        text = page(tested, datetime.now(UTC))
        out.write_text(text, encoding="utf-8")
    except (NoResults, OSError) as problem:
        click.echo(f"No page was written: {problem}", err=True)
        return 1
    click.echo(f"{out}: {', '.join([each.name for each in tested])}; {len(text.encode()) / 1e6:.1f} MB")
    return 0
