"""Other libraries, doing the same work: each module has ``reader`` and ``writer``, and some ``client``.

``pip install -r requirements/peers.txt`` brings them, and ``pip install --no-deps -r requirements/peers-alone.txt``
those that declare what cannot be installed. A peer that is absent is left out, and the table says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Final

Take = Callable[[bytes], object]
"""A function that takes bytes of a stream after its header, and returns the complete stanzas."""

NAMES: Final = ("etree", "slixmpp", "nbxmpp", "aioxmpp")


def found() -> tuple[Mapping[str, ModuleType], Mapping[str, str]]:
    """Return the modules of the peers that are installed, and the reasons why the others are not available."""
    there, absent = {}, {}
    for name in NAMES:
        try:
            there[name] = import_module(f"benchmarks.peers.with_{name}")
        except (ImportError, ValueError) as error:  # ValueError: a library of GObject introspection is missing
            absent[name] = str(error)
    return there, absent
