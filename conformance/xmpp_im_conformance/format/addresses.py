"""The addresses that a text names. It is searched, not parsed: they also stand in values and in broken stanzas."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from xmpp_im_conformance.format.worlds import HOSTED, REMOTE

_NOT: Final = r"\s\"'&/:;<>@"
_LOCAL: Final = rf"(?<![^{_NOT}])(?P<local>[^{_NOT}]+)"
"""It begins where one can begin, and nowhere else: else the search would take long in a long text without an "@"."""


def address_finder(domains: Iterable[str]) -> re.Pattern[str]:
    """Return what finds each whole ``domain``, with the ``local`` part before it, if there is one."""
    names = "|".join([re.escape(each) for each in sorted(domains, key=len, reverse=True)])
    return re.compile(rf"(?:{_LOCAL}@|(?<![\w@.-]))(?P<domain>{names})(?![\w-]|\.\w)", re.IGNORECASE | re.ASCII)


def hosted_domains(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the hosted domains that a text names by themselves, and those at which it names users."""
    found = [(each["local"], each["domain"].lower()) for each in _HOSTED.finditer(text)]
    return (
        frozenset([domain for local, domain in found if local is None]),
        frozenset([domain for local, domain in found if local is not None]),
    )


def is_remote(address: str) -> bool:
    """Whether an address is at the other server."""
    return _REMOTE.match(address) is not None


_HOSTED: Final = address_finder(HOSTED)
_REMOTE: Final = address_finder((REMOTE,))
