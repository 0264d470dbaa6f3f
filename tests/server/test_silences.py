"""Where nothing is sent, the step names the rule that it obeys; and what is not asked for is not done."""

from __future__ import annotations

from tests.blocking.commands import block
from tests.rfc6121.conversation import JULIET, account, outbound, told
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import blocking, presence
from xmpp_im_core.server import Ignored, Step, reduce

COMING = outbound("available", by="balcony")


def silences(step: Step) -> set[str]:
    """Return the names of the rules that a step obeys without sending anything."""
    return {effect.rule.name for effect in step.effects if isinstance(effect, Ignored)}


def test_a_user_without_contacts_sends_presence_and_probes_to_nobody() -> None:
    step = reduce(account(JULIET, connected=("balcony",)), COMING)

    assert silences(step) == {presence.INITIAL_PRESENCE.name, presence.PROBE.name}


def test_a_block_is_pushed_to_nobody_if_no_resource_asked_for_the_list() -> None:
    step = reduce(account(JULIET, connected=("balcony",)), block("tybalt@example.org", by="balcony"))

    assert silences(step) == {blocking.PUSHED.name}


def test_a_probe_and_an_error_without_address_are_ignored_each_by_its_rule() -> None:
    juliet = account(JULIET, available=("balcony",))

    assert silences(reduce(juliet, outbound("probe", by="balcony"))) == {presence.CLIENT_PROBE_WITHOUT_TO.name}
    assert silences(reduce(juliet, outbound("error", by="balcony"))) == {presence.ERROR_WITHOUT_TO.name}


def test_a_service_that_stores_no_messages_loads_none() -> None:
    juliet = account(JULIET, connected=("balcony",))

    assert "load messages for balcony" in told(reduce(juliet, COMING))
    assert "load messages for balcony" not in told(reduce(juliet, COMING, Policy(offline_messages=False)))


def test_stored_messages_are_loaded_when_a_resource_becomes_reachable_and_not_again() -> None:
    loads = {}
    for before in (-1, 0, 1):
        juliet = account(JULIET, available={"balcony": before})
        loads[before] = "load messages for balcony" in told(reduce(juliet, COMING))

    assert loads == {-1: True, 0: False, 1: False}
