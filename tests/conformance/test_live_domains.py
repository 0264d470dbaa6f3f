"""The live driver on a server that hosts one domain, which plays both hosted domains of the scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.live import driving, result
from tests.conformance.loopback import Loopback
from tests.conformance.packaged import packaged
from tests.conformance.stage import BALCONY, JULIET
from tests.one_test import in_one_test
from xmpp_im_conformance.drivers.live.addresses import Addresses
from xmpp_im_conformance.format.vectors import Vector
from xmpp_im_conformance.format.worlds import Setup
from xmpp_im_conformance.running.outcome import Outcome

ONE: Final = {"capulet.example": "im.lit", "montague.example": "im.lit"}
BOTH: Final = ONE | {"remote.example": "remote.example"}
MONTAGUE: Final = "juliet@montague.example"


@in_one_test(
    ("written", "there"),
    [
        ("juliet@capulet.example/balcony", "juliet-7f3@im.lit/balcony"),
        ("juliet@montague.example/balcony", "juliet-7f3y@im.lit/balcony"),
        ("<item jid='juliet@montague.example'/>", "<item jid='juliet-7f3y@im.lit'/>"),
        ("juliet@remote.example", "juliet-7f3@remote.example"),
        ("capulet.example", "im.lit"),
    ],
)
def test_users_of_two_domains_have_different_accounts_at_one(written: str, there: str) -> None:
    addresses = Addresses("-7f3", BOTH)

    assert addresses.to_server(written) == there
    assert addresses.to_scenario(there) == written


@pytest.mark.parametrize("own", ["capulet.example", "montague.example"])
def test_the_server_means_the_domain_that_the_scenario_names(own: str) -> None:
    assert Addresses("-7f3", BOTH, own).to_scenario("<iq from='im.lit'/>") == f"<iq from='{own}'/>"


@given(st.sampled_from(["juliet", "julietY", "j-7f3", "z"]), st.sampled_from([*BOTH]))
def test_every_address_comes_back_as_it_was(local: str, domain: str) -> None:
    addresses = Addresses("-7f3", BOTH)

    assert addresses.to_scenario(addresses.to_server(f"{local}@{domain}/x")) == f"{local}@{domain}/x"


def test_users_of_both_domains_have_accounts_and_rosters_at_one(tmp_path: Path) -> None:
    """The tiny server gives no roster pushes and sends no subscriptions; accounts and items are all that it has."""
    server = Loopback()
    accounts = {JULIET: {"roster": [{"jid": MONTAGUE}]}, MONTAGUE: {"roster": [{"jid": JULIET}]}}
    with driving(server, domains=ONE) as driver:
        became = result(
            tmp_path,
            driver,
            {"connect": f"{MONTAGUE}/balcony"},
            {"roster": {"of": MONTAGUE, "items": [{"jid": JULIET}]}},
            {"roster": {"of": JULIET, "items": [{"jid": MONTAGUE}]}},
            accounts=accounts,
        )

    assert became.outcome is Outcome.PASSED, became.detail


@pytest.mark.parametrize("named", ["montague.example", "montague.example/home"])
def test_a_vector_about_two_domains_is_not_applicable_to_one(tmp_path: Path, named: str) -> None:
    """For a user, a hosted domain that is not the user's own is another server: with one domain there is no other."""
    steps: list[Mapping[str, Any]] = [
        {"send": {"from": BALCONY, "xml": f"<message to='{named}'/>"}},
        {"flush": [BALCONY]},
    ]
    with driving(Loopback(), domains=ONE) as one, driving(Loopback()) as two:
        with_one, with_two = [result(tmp_path, driver, *steps) for driver in (one, two)]

    assert with_one.outcome is Outcome.NOT_APPLICABLE
    assert with_one.detail == "the vector is about two hosted domains, and the server hosts one"
    assert with_two.outcome is Outcome.PASSED


def test_only_a_few_vectors_are_about_two_domains() -> None:
    about = {
        vector.id
        for vector in packaged()
        if isinstance(vector, Vector)
        and isinstance(vector.scenario.setup, Setup)
        and vector.scenario.setup.tells_domains_apart
    }

    assert {"domain/iq-from-other-hosted-domain", "domain/subscription-denied"} <= about
    assert len(about) < 20
    assert "features/roster-get" not in about
