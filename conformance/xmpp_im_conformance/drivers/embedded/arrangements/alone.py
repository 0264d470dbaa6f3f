"""Each account is in a part of the service that owns no other."""

from __future__ import annotations

from xmpp_im_conformance.drivers.embedded.arrangements.parts import PartsHost


class AloneHost(PartsHost):
    """Each account is in a part that owns no other."""

    def part_of(self, account: str) -> str:
        """Return the account: its part has its name."""
        return account

    def other_than(self, name: str) -> str:
        """Return the name of a part that owns no account."""
        return ""
