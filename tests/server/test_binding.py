"""RFC 6120 §7.6.2.1: a bind request is answered with resource-constraint if there are too many connected resources."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.host.stage import CAPULET, JULIET, ROMEO, Tape, enters, host_on
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.host import MemoryStorage
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server import NoAccount, Unloaded, hosting, may_bind
from xmpp_im_core.stanza import Condition

TWO = Policy(sessions=2)


def test_one_connected_resource_too_many_is_refused_before_its_request_is_answered() -> None:
    wire = Tape()
    host = host_on(MemoryStorage(), wire, TWO)
    host.create(JULIET)
    for resource in ("balcony", "chamber"):
        assert may_bind(host.service, JULIET, resource, TWO) is None
        enters(host, JULIET, resource)

    assert may_bind(host.service, JULIET, "garden", TWO) is Condition.RESOURCE_CONSTRAINT
    assert wire.closed == []
    host.bind(JULIET, "garden")
    assert [condition for _, _, condition in wire.closed] == ["policy-violation"]


def test_a_session_that_replaces_another_is_not_one_too_many() -> None:
    wire = Tape()
    host = host_on(MemoryStorage(), wire, TWO)
    host.create(JULIET)
    for resource in ("balcony", "chamber"):
        enters(host, JULIET, resource)

    assert may_bind(host.service, JULIET, "chamber", TWO) is None


def test_an_account_that_is_not_in_memory_has_no_session() -> None:
    assert may_bind(hosting(CAPULET), ROMEO, "orchard", TWO) is None


def test_sessions_count_though_the_account_could_not_be_loaded() -> None:
    host = host_on(MemoryStorage(), Tape(), TWO)
    host.create(JULIET)
    for resource in ("balcony", "chamber"):
        enters(host, JULIET, resource)
    account = host.service.accounts[JULIET]
    unloaded = Unloaded(account.jid, account.sessions)  # type: ignore[union-attr]  # Juliet has an account
    service = evolve(host.service, accounts=host.service.accounts.set(JULIET, unloaded))

    assert may_bind(service, JULIET, "garden", TWO) is Condition.RESOURCE_CONSTRAINT


@pytest.mark.parametrize("resource", ["", "x" * 1024, "\x00"])
def test_a_malformed_resourcepart_is_a_bad_request(resource: str) -> None:
    """§7.7.2.1."""
    assert may_bind(hosting(CAPULET), JULIET, resource, DEFAULT) is Condition.BAD_REQUEST


def test_an_account_that_does_not_exist_has_no_session() -> None:
    service = evolve(hosting(CAPULET), accounts=FrozenMap({JULIET: NoAccount(parse_jid(JULIET))}))

    assert may_bind(service, JULIET, "balcony", Policy(sessions=1)) is None
