"""What a further device of a user costs the others: the contacts' presence is for the one that arrives (§4.3.1)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.rfc6121.conversation import rfc6121
from tests.server.playhouse import CAPULET, JULIET, MONTAGUE, Playhouse, presence, said
from xmpp_im_core.server import FanOut

FRIEND = "friend@remote.example"


def household(contacts: int, devices: int) -> tuple[Playhouse, list[str]]:
    """Juliet with these devices, and contacts at both domains of the service, all of them available."""
    friends = [f"friend{n}@{(CAPULET, MONTAGUE)[n % 2]}" for n in range(contacts)]
    house = Playhouse(JULIET, *friends)
    mine = [f"{JULIET}/device{n}" for n in range(devices)]
    house.enters(mine[0])
    for friend in friends:
        house.enters(f"{friend}/home")
        house.befriend(mine[0], f"{friend}/home")
    for device in mine[1:]:
        house.enters(device)
    house.received.clear()
    return house, mine


def heard(house: Playhouse, of: str) -> Counter[str]:
    """Count who was delivered how much presence of a domain's users, and forget it."""
    told = Counter(to for to, stanza in house.received if stanza.from_jid is not None and of in stanza.from_jid.full)
    house.received.clear()
    return told


@rfc6121("4.3.1", quote="the user's server does not need to send a presence probe")
@pytest.mark.parametrize(("contacts", "devices"), [(0, 3), (10, 0), (10, 4), (30, 2)])
def test_contacts_of_the_same_service_are_shown_to_the_new_device_alone(contacts: int, devices: int) -> None:
    house, mine = household(contacts, max(devices, 1))
    if not devices:
        house.ends(mine[0])
        house.received.clear()
    arriving = f"{JULIET}/arriving"

    house.enters(arriving)

    assert heard(house, "friend") == ({arriving: contacts} if contacts else {})


def test_a_device_that_comes_back_ten_times_costs_the_others_nothing() -> None:
    house, mine = household(10, 4)

    for _ in range(10):
        house.ends(mine[3])
        house.enters(mine[3])

    assert heard(house, "friend") == {mine[3]: 100}


def test_an_absent_contact_is_shown_absent_to_the_new_device_alone() -> None:
    house, _ = household(2, 2)
    house.ends(f"friend0@{CAPULET}/home")
    house.received.clear()

    house.enters(f"{JULIET}/arriving")

    assert Counter(said(stanza) for stanza in house.heard_by(f"{JULIET}/arriving") if "friend" in said(stanza)) == {
        f"presence unavailable from friend0@{CAPULET}": 1,
        f"presence available from friend1@{MONTAGUE}/home": 1,
    }
    assert heard(house, "friend") == {}


@rfc6121("4.3", quote="In the context of presence subscriptions, the value of")
def test_contacts_elsewhere_are_probed_from_the_bare_jid_and_their_answers_reach_all() -> None:
    house, mine = household(0, 2)
    house.sends(mine[0], presence("subscribe", FRIEND))
    house.arrives(presence("subscribed", JULIET, FRIEND))
    house.binds(f"{JULIET}/arriving")
    house.routed.clear()

    served = house.sends(f"{JULIET}/arriving", presence())

    (probe,) = [effect for _, effect in served.effects if isinstance(effect, FanOut) and effect.stanza.type == "probe"]
    assert probe.recipients == (FRIEND,)
    assert (str(probe.stanza.from_), probe.stanza.to) == (JULIET, None)
    house.received.clear()
    house.arrives(presence(None, JULIET, f"{FRIEND}/home"))
    assert heard(house, "friend") == {mine[0]: 1, mine[1]: 1, f"{JULIET}/arriving": 1}


def test_a_contact_that_ends_the_subscription_by_its_answer_is_heard_though_the_answer_names_the_device() -> None:
    house, _ = household(1, 1)
    friend = f"friend0@{CAPULET}"
    account = house.account(friend)
    stale = account.roster.contacts[JULIET]
    forgotten = account.with_roster(account.roster.noted(stale.becoming(type(stale.state).NONE)))
    house.service = type(house.service)(
        house.service.domains,
        house.service.machine,
        house.service.accounts.set(friend, forgotten),
        house.service.held,
    )

    house.enters(f"{JULIET}/arriving")

    assert not house.account(JULIET).roster.contacts[friend].state.to
