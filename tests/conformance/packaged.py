"""The vectors of the package, which a process reads once."""

from __future__ import annotations

from functools import cache

from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.vectors import MalformedFile, Vector


@cache
def packaged() -> tuple[Vector | MalformedFile, ...]:
    return tuple(find(()))
