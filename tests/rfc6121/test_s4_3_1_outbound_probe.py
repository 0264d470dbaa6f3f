"""Probes that a client sends itself (RFC 6121 §4.3)."""

from __future__ import annotations

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    JULIET,
    ROMEO,
    STATES,
    account,
    ignored,
    outbound,
    presence,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.server import reduce

SPARED = "MUST NOT use its receipt of the presence probe from a connected client as the sole cause for returning a"


@rfc6121("4.3", quote=SPARED)
@rfc6121("4.3", quote="the user's server SHOULD route the probe")
@in_one_test("state", STATES)
@in_one_test("to", [ROMEO, f"{ROMEO}/orchard", "chat.example.com", JULIET, f"{JULIET}/chamber"])
def test_a_clients_probe_is_routed_from_its_full_jid_in_every_subscription_state(state: str, to: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, connected=("balcony",))

    step = reduce(juliet, outbound("probe", to, by="balcony", id="probe1"))

    assert told(step) == [f"route probe from juliet@example.com/balcony to {to}"]
    assert stanzas(step) == [presence("probe", f"{JULIET}/balcony", to, id="probe1")]
    assert step.state is juliet


@rfc6121("4.3", quote=SPARED)
def test_a_clients_probe_of_nobody_gets_no_error() -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, available=("balcony",))

    assert ignored(juliet, outbound("probe", by="balcony"))
