"""What ``xmpp-im-conformance export`` does."""

from __future__ import annotations

import json
from pathlib import Path

import click

from xmpp_im_conformance.artefact.contents import MANIFEST, contents
from xmpp_im_conformance.artefact.entries import MalformedVector
from xmpp_im_conformance.artefact.folder import NotAnExport, write


def export_vectors(folder: Path) -> int:
    """Write the artefact into a folder, say what was written, and return the exit status."""
    try:
        held = contents()
        write(held, folder)
    except (MalformedVector, NotAnExport, OSError) as problem:
        click.echo(f"Nothing was exported: {problem}", err=True)
        return 1
    manifest = json.loads(held[MANIFEST])
    click.echo(f"{folder}: version {manifest['version']}, {manifest['counts']['vectors']} vectors, {len(held)} files")
    return 0
