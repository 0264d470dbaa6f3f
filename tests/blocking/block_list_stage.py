"""What the tests of the block list share."""

from __future__ import annotations

from tests.rfc6121.conversation import (
    JULIET,
    ROMEO,
    account,
)
from xmpp_im_core.server import (
    Account,
)

IAGO = "iago@example.org"


def juliet(state: str = "Both") -> Account:
    """Juliet with two available resources; "cellar" is connected only."""
    return account(JULIET, {ROMEO: state}, connected=("cellar",), available=("balcony", "chamber"))
