"""A subscription from the request to the approval, between two accounts (RFC 6121 §3.1).

Each account gets exactly what the other one routed. The tests of §3.1.2 to §3.1.6 take each step by itself.
"""

from __future__ import annotations

from tests.rfc6121.conversation import AT, JULIET, ROMEO, account, after, outbound, rfc6121, roster, state_of, told
from xmpp_im_core.server import Account, Inbound, Route, Step, reduce


def arriving(step: Step, at: Account) -> list[Step]:
    """Feed an account what a step routes to it, and return the steps that this causes."""
    steps = []
    for effect in step.effects:
        if isinstance(effect, Route) and effect.stanza.to == at.address:
            steps.append(reduce(at, Inbound(AT, "seq", effect.stanza)))
            at = after(steps[-1])
    return steps


def romeo() -> Account:
    return account(ROMEO, interested=("orchard",), available=("orchard",))


def juliet(*available: str) -> Account:
    return account(JULIET, interested=available, available=available)


@rfc6121("3.1.6", quote="Initiate a roster push to all of the user's interested resources")
def test_an_approved_request_leaves_both_accounts_with_the_same_subscription() -> None:
    asked = reduce(romeo(), outbound("subscribe", JULIET, by="orchard"))
    (received,) = arriving(asked, juliet("balcony"))
    approved = reduce(after(received), outbound("subscribed", ROMEO, by="balcony"))
    told_of_approval, _presence = arriving(approved, after(asked))

    assert told(received) == [f"deliver subscribe from {ROMEO} to balcony"]
    assert roster(after(approved)) == [f"{ROMEO} from"]
    assert roster(after(told_of_approval)) == [f"{JULIET} to"]
    assert f"push {JULIET} to to orchard" in told(told_of_approval)


@rfc6121("3.1.3", quote="the contact's server MUST keep a record of the complete presence stanza")
def test_a_request_waits_until_the_contact_is_available() -> None:
    asked = reduce(romeo(), outbound("subscribe", JULIET, by="orchard"))
    (received,) = arriving(asked, account(JULIET, connected=("balcony",)))
    arrived = reduce(after(received), outbound(None, by="balcony"))

    assert told(received) == []
    assert f"deliver subscribe from {ROMEO} to balcony" in told(arrived)
    assert state_of(after(arrived), ROMEO) == "None + Pending In"


def test_a_denied_request_leaves_no_subscription() -> None:
    # Tables 5 and 9 of Appendix A: both sides are in state "None" afterwards.
    asked = reduce(romeo(), outbound("subscribe", JULIET, by="orchard"))
    (received,) = arriving(asked, juliet("balcony"))
    denied = reduce(after(received), outbound("unsubscribed", ROMEO, by="balcony"))
    (told_of_denial,) = arriving(denied, after(asked))

    assert roster(after(denied)) == []
    assert state_of(after(denied), ROMEO) == "None"
    assert roster(after(told_of_denial)) == [f"{JULIET} none"]
    assert f"push {JULIET} none to orchard" in told(told_of_denial)
