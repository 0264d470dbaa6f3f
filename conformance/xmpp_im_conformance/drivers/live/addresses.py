"""The addresses of a scenario, and those that they have on the server: one text into the other, and back.

Each scenario has separate accounts on the server, and separate users of the other server: a suffix to the localpart
distinguishes them from all others. Text is
mapped, not parsed XML: what a client sends has to stay exactly as the scenario writes it otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import define, field

from xmpp_im_conformance.format.worlds import HOSTED, REMOTE
from xmpp_im_core.element import Element, element

_LOCAL: Final = r"[^\s\"'&/:;<>@]+"
_MOST: Final = 1023
"""The most bytes of a localpart (RFC 7622 §3.1); a longer one is left alone, it names nobody anyway."""

_NAMED: Final = (*HOSTED, REMOTE)
"""The domains at which each scenario has separate names."""


def localpart_suffix(address: str, run: str) -> str | None:
    """Return the suffix that a scenario of this run has given to an address; None if none has.

    :param run: what the suffixes of all its scenarios begin with.
    """
    found = re.search(rf"{re.escape(run)}[0-9a-f]+(?=[yz]?@)", address, re.IGNORECASE)
    return None if found is None else found[0].lower()


@define
class Addresses:
    """The mapping of one scenario.

    :param suffix: what the localparts at these domains get, such as ``-7f3``.
    :param domains: the server's names of the scenario's domains.
    """

    suffix: str
    domains: Mapping[str, str]
    _scenario: Mapping[str, str] = field(init=False)
    _to_server: re.Pattern[str] = field(init=False)
    _to_scenario: re.Pattern[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._scenario = {theirs.lower(): ours for ours, theirs in self.domains.items()}
        self._to_server = _finder(self.domains)
        self._to_scenario = _finder(self._scenario)

    def to_server(self, text: str) -> str:
        """Return a text of the scenario as the server is to read it."""
        return self._to_server.sub(self._there, text)

    def to_scenario(self, text: str) -> str:
        """Return a text of the server as the scenario writes it."""
        return self._to_scenario.sub(self._back, text) if "." in text or "@" in text else text

    def element(self, root: Element) -> Element:
        """Return an element of the server as the scenario writes it, with all its attributes and text."""
        attributes = [(name, self.to_scenario(value)) for name, value in root.attributes]
        children = [
            self.element(child) if isinstance(child, Element) else self.to_scenario(child) for child in root.children
        ]
        return element(root.name, root.namespace, dict(attributes), children)

    def _there(self, found: re.Match[str]) -> str:
        local, ours, theirs = _renamed(found, self.domains)
        if local is not None and ours in _NAMED and len((local + self.suffix).encode()) <= _MOST:
            local += self.suffix
        return theirs if local is None else f"{local}@{theirs}"

    def _back(self, found: re.Match[str]) -> str:
        local, theirs, ours = _renamed(found, self._scenario)
        if local is not None and self._scenario[theirs] in _NAMED:
            local = local.removesuffix(self.suffix)
        return ours if local is None else f"{local}@{ours}"


def _renamed(found: re.Match[str], names: Mapping[str, str]) -> tuple[str | None, str, str]:
    """Return the localpart, the domain in lower case, and its other name; one with the same name stays as written."""
    written, domain = found["domain"], found["domain"].lower()
    return found["local"], domain, written if names[domain] == domain else names[domain]


def _finder(domains: Mapping[str, str]) -> re.Pattern[str]:
    """Find whole domains, each with the localpart before it."""
    names = "|".join([re.escape(each) for each in sorted(domains, key=len, reverse=True)])
    return re.compile(
        rf"(?:(?P<local>{_LOCAL})@|(?<![\w@.-]))(?P<domain>{names})(?![\w-]|\.\w)", re.IGNORECASE | re.ASCII
    )
