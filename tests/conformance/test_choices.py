"""Where the RFC leaves a choice to a server, the vectors accept each way: they hold under other policies too."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from attrs import evolve

from tests.conformance.packaged import packaged
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.drivers.embedded.world import EmbeddedWorld
from xmpp_im_conformance.format.vectors import Side, Vector
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_core.policy import (
    DEFAULT,
    BlockedMessages,
    FullJIDItem,
    MessagesToSeveral,
    OwnItem,
    Policy,
    PreApproval,
)

GENEROUS: Final = evolve(
    DEFAULT,
    own_item=OwnItem.ACCEPT,
    pre_approval=PreApproval.KEPT,
    acknowledge_requests=True,
    notices=1000,
    resend_requests_after=timedelta(hours=1),
    last_unavailable_in_full=True,
    normal_to_several=MessagesToSeveral.ALL,
    chat_to_several=MessagesToSeveral.ALL,
    blocked_messages=BlockedMessages.ERROR,
)
"""Does and says more than the default: all that the RFC allows."""

SPARING: Final = evolve(
    DEFAULT,
    roster_versioning=False,
    full_jid_item=FullJIDItem.REFUSE,
    pre_approval=PreApproval.UNSUPPORTED,
    offline_messages=False,
    blocking=False,
)
"""Has nothing that is optional."""

NOBODY_OPTED_IN: Final = frozenset({"message-bare/chat-several-most-available"})
"""Chat goes to all resources where they have opted in (§8.5.2.1.1); under this policy they have."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "spared"), [(GENEROUS, NOBODY_OPTED_IN), (SPARING, frozenset())], ids=["generous", "sparing"]
)
def test_a_server_that_makes_another_allowed_choice_passes(
    policy: Policy, spared: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = [each for each in packaged() if isinstance(each, Vector) and each.side is Side.SERVER]
    # Another choice is another rule: which ones fired does not count here.
    monkeypatch.setattr(EmbeddedWorld, "obeyed", lambda world: None)

    results = [run_vector(each, Embedded(policy=policy)) for each in vectors if each.level in ("MUST", "SHOULD")]

    failed = {each.vector.id: each.detail for each in results if each.outcome is Outcome.FAILED}
    assert {id: why for id, why in failed.items() if id not in spared} == {}
    assert spared <= failed.keys()
