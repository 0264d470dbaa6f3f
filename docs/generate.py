"""Generate parts of the documentation, or check that they are up to date.

``python -m docs.generate`` writes them; ``python -m docs.generate --check`` fails if one is stale. A generated part is
the text between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``; the text around it is written by hand. A few files
are generated as a whole.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from docs.generating import cluster, fields, sections, sequences, servers, speed, states, steps

ROOT: Final = Path(__file__).resolve().parent.parent


class Part(NamedTuple):
    """A generated part of a page."""

    page: str
    name: str
    make: Callable[[], str]


PARTS: Final = (
    Part("README.md", "tested", sections.tested),
    Part("README.md", "status", sections.status),
    Part("conformance/README.md", "acts-of-clients", steps.acts_of_clients),
    Part("conformance/README.md", "acts-of-hosts", steps.acts_of_hosts),
    Part("conformance/README.md", "looks", steps.looks),
    Part("conformance/README.md", "client-steps", steps.client_steps),
    Part("docs/rfc6121.md", "map", sections.map_of_sections),
    Part("docs/choices.md", "policy", fields.of_the_service),
    Part("docs/choices.md", "client-policy", fields.of_the_client),
    Part("benchmarks/README.md", "figures", speed.measured),
    Part("benchmarks/README.md", "servers", servers.measured),
    Part("docs/several-nodes.md", "cluster", cluster.measured),
    Part("docs/diagrams/states.md", "halves", states.halves),
    Part("docs/diagrams/states.md", "outbound", states.outbound),
    Part("docs/diagrams/states.md", "inbound", states.inbound),
    Part("docs/diagrams/states.md", "pre-approved", states.pre_approved),
    Part("docs/diagrams/sequences.md", "sequences", sequences.all_of_them),
)

FILES: Final[Mapping[str, Callable[[], str]]] = {"conformance/schema/steps.json": steps.schema}
"""The files that are generated as a whole."""


def with_part(text: str, name: str, content: str) -> str:
    """Return a page with this content between the markers of a part.

    :raises ValueError: unless the page has exactly one such part.
    """
    pattern = rf"(<!-- {re.escape(name)}:begin -->\n).*?(<!-- {re.escape(name)}:end -->)"
    made, found = re.subn(pattern, lambda match: f"{match[1]}\n{content.strip()}\n\n{match[2]}", text, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"the page has {found} parts named {name!r}, not one")
    return made


def made_anew() -> dict[Path, str]:
    """Return each file that is generated, and each page that has generated parts, up to date."""
    pages = {ROOT / name: make() for name, make in FILES.items()}
    for part in PARTS:
        path = ROOT / part.page
        text = pages.get(path) or path.read_text(encoding="utf-8")
        pages[path] = with_part(text, part.name, part.make())
    return pages


def stale() -> list[str]:
    """Return the pages with a part that is not up to date."""
    return [
        path.relative_to(ROOT).as_posix()
        for path, text in made_anew().items()
        if path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description="Generate parts of the documentation.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a page is stale")
    if parser.parse_args().check:
        for page in (pages := stale()):
            print(f"{page} is stale: run python -m docs.generate", file=sys.stderr)
        return 1 if pages else 0
    for path, text in made_anew().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
