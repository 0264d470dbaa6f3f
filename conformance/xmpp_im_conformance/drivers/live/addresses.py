"""The addresses of a scenario, and those that they have on the server: one text into the other, and back.

Each scenario has separate accounts on the server, and separate users of the other server: a suffix to the localpart
distinguishes them from all others. If two domains of the scenario are one domain of the server, the suffix also tells
to which of the two an account belongs. Text is mapped, not parsed XML: what a client sends has to stay exactly as the
scenario writes it otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import define, field

from xmpp_im_conformance.format.addresses import address_finder
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE
from xmpp_im_core.element import Element, element

_MOST: Final = 1023
"""The most bytes of a localpart (RFC 7622 §3.1); a longer one is left alone, it names nobody anyway."""
MARKS: Final = ("", "y", "z")
"""What the suffixes of one scenario end with, for the first, second and third domain that the server knows by one name.

These are no hexadecimal digits, so that no suffix is the beginning of another scenario's.
"""

_NAMED: Final = (*HOSTED, REMOTE)
"""The domains at which each scenario has separate names."""


def localpart_suffix(address: str, run: str) -> str | None:
    """Return the suffix that a scenario of this run has given to an address; None if none has.

    :param run: what the suffixes of all its scenarios begin with.
    """
    found = re.search(rf"{re.escape(run)}[0-9a-f]+(?=[{''.join(MARKS)}]?@)", address, re.IGNORECASE)
    return None if found is None else found[0].lower()


@define
class Addresses:
    """The mapping of one scenario.

    :param suffix: what the localparts at these domains get, such as ``-7f3``.
    :param domains: the server's names of the scenario's domains.
    :param own: the domain of the scenario that the server means when it names itself, if several have that name. It is
        also the domain of accounts that are not the scenario's.
    """

    suffix: str
    domains: Mapping[str, str]
    own: str = HOSTED[0]
    _suffixes: Mapping[str, str] = field(init=False)
    """The suffix of each domain that has accounts on the server."""
    _scenario: Mapping[str, str] = field(init=False)
    _to_server: re.Pattern[str] = field(init=False)
    _to_scenario: re.Pattern[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        ordered = sorted(self.domains.items(), key=lambda names: names[0] == self.own)
        self._scenario = {theirs.lower(): ours for ours, theirs in ordered}
        self._suffixes = _suffixes(self.suffix, {name: self.domains[name] for name in _NAMED if name in self.domains})
        self._to_server = address_finder(self.domains)
        self._to_scenario = address_finder(self._scenario)

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
        local, domain = found["local"], found["domain"].lower()
        theirs = _written(found, self.domains[domain])
        suffix = self._suffixes.get(domain, "")
        if local is not None and len((local + suffix).encode()) <= _MOST:
            local += suffix
        return theirs if local is None else f"{local}@{theirs}"

    def _back(self, found: re.Match[str]) -> str:
        local, domain = found["local"], self._scenario[found["domain"].lower()]
        if local is None:
            return _written(found, domain)
        for name, suffix in self._suffixes.items():
            if local.endswith(suffix) and self.domains[name].lower() == found["domain"].lower():
                return f"{local.removesuffix(suffix)}@{_written(found, name)}"
        return f"{local}@{_written(found, domain)}"


def _suffixes(suffix: str, domains: Mapping[str, str]) -> dict[str, str]:
    """Return the suffix of each domain: no two that the server knows by one name have the same."""
    names = [theirs.lower() for theirs in domains.values()]
    return {ours: suffix + MARKS[names[:n].count(names[n])] for n, ours in enumerate(domains)}


def _written(found: re.Match[str], name: str) -> str:
    """Return the other name of a domain; one with the same name stays as written."""
    written: str = found["domain"]
    return written if written.lower() == name.lower() else name
