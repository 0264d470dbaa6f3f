"""What a service sends to other domains, and takes from them (RFC 6121 §8.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.server.playhouse import (
    BALCONY,
    BENVOLIO,
    CAPULET,
    JULIET,
    MERCUTIO,
    MONTAGUE,
    NOON,
    ORCHARD,
    ROMEO,
    Playhouse,
    chat,
    condition,
    presence,
    told,
)
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server.effects import Deliver, FanOut, Ignored, Kind, Put, Route
from xmpp_im_core.server.events import (
    SessionBound,
    TimePassed,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.service.events import Arrived, ForAccount
from xmpp_im_core.server.service.serving import hosting
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.stanza import Condition, Message

# --- other domains (§8.3) ---------------------------------------------------------------------------------


def test_a_stanza_to_another_domain_leaves_as_an_effect() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)

    served = house.sends(ORCHARD, chat(MERCUTIO, "Nay, gentle Mercutio"))

    assert told(served) == [f"{ORCHARD}: Nay, gentle Mercutio -> {MERCUTIO}"]
    assert len(served.steps) == 1


def test_a_fan_out_is_split_between_this_service_and_the_others() -> None:
    house = Playhouse(ROMEO, JULIET, BENVOLIO)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)
    house.arrives(presence("subscribe", ROMEO, MERCUTIO))
    house.sends(ORCHARD, presence("subscribed", MERCUTIO))

    served = house.sends(ORCHARD, presence())

    fan_outs = [effect.recipients for _, effect in served.effects if isinstance(effect, FanOut)]
    assert fan_outs == [(MERCUTIO,)]
    assert [step.jid for step in served.steps] == [ROMEO, JULIET]
    assert f"presence available from {ORCHARD} -> {BALCONY}" in told(served)


def test_a_fan_out_to_other_domains_alone_leaves_as_it_is() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)
    house.arrives(presence("subscribe", ROMEO, MERCUTIO))
    house.sends(ORCHARD, presence("subscribed", MERCUTIO))

    served = house.sends(ORCHARD, presence())

    [step] = served.steps
    assert served.effects == tuple([(ROMEO, effect) for effect in step.transition.effects])
    assert [effect.recipients for _, effect in served.effects if isinstance(effect, FanOut)] == [(MERCUTIO,)]


def test_an_arriving_stanza_is_for_the_account_that_its_to_names() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(BALCONY)

    served = house.arrives(chat(JULIET, "a scratch, a scratch", f"{MERCUTIO}/street"))

    assert told(served) == [f"{MERCUTIO}/street: a scratch, a scratch -> {BALCONY}"]


def test_a_stanza_for_a_domain_that_is_not_hosted_is_never_relayed() -> None:
    house = Playhouse(ROMEO)

    served = house.arrives(chat("tybalt@elsewhere.example", "relay this", MERCUTIO))

    assert [effect for _, effect in served.effects] == [Ignored(rules.NOT_HOSTED)]
    assert served.state == house.service


def test_an_event_of_an_account_at_a_domain_that_is_not_hosted_is_ignored() -> None:
    house = Playhouse()

    served = house.happens(MERCUTIO, SessionBound(NOON, "1", SessionId("street", 1)))

    assert [effect for _, effect in served.effects] == [Ignored(rules.NOT_HOSTED)]
    assert served.state == hosting(MONTAGUE, CAPULET)


@pytest.mark.parametrize(
    "stanza",
    [chat(None, "to nobody", MERCUTIO), chat(JULIET, "from nobody")],
    ids=["without to", "without from"],
)
def test_a_stanza_of_another_server_without_addresses_is_no_event(stanza: Message) -> None:
    with pytest.raises(ValueError, match="'to' must be there, and 'from' well-formed"):
        Arrived(NOON, "1", stanza)


@pytest.mark.parametrize("type", ["subscribe", "unavailable"])
def test_a_stanza_of_another_server_to_what_is_no_jid_is_answered_in_the_name_of_the_service(type: str) -> None:
    served = Playhouse(JULIET).arrives(presence(type, "juliet@@capulet.example", MERCUTIO))

    ((_, effect),) = served.effects
    assert isinstance(effect, Route)
    assert condition(effect.stanza) == "jid-malformed"
    assert (str(effect.stanza.from_), str(effect.stanza.to)) == (MONTAGUE, MERCUTIO)


def test_an_error_to_what_is_no_jid_is_not_answered() -> None:
    served = Playhouse().arrives(presence("error", "juliet@@capulet.example", MERCUTIO))

    assert [effect for _, effect in served.effects] == [Ignored(rules.TO_MALFORMED)]


@in_one_test("jid", ["", "Juliet@capulet.example", BALCONY, "juliet@"])
def test_an_account_is_named_by_its_prepared_bare_jid(jid: str) -> None:
    with pytest.raises(ValueError, match="not a prepared bare JID"):
        ForAccount(jid, TimePassed(NOON, "1"))


def test_what_could_not_be_routed_is_told_to_its_sender() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)
    served = house.sends(ORCHARD, chat(MERCUTIO, "where art thou"))
    [(account, route)] = served.effects
    assert isinstance(route, Route)
    house.heard_by(ORCHARD)

    house.happens(account, Unroutable(NOON, house.seq(), route, Condition.REMOTE_SERVER_TIMEOUT))

    [error] = house.heard_by(ORCHARD)
    assert (error.KIND, error.type, condition(error)) == ("message", "error", "remote-server-timeout")


def test_a_message_that_no_session_got_is_processed_again() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(BALCONY)
    served = house.arrives(chat(JULIET, "anon", MERCUTIO))
    [(account, deliver)] = served.effects
    assert isinstance(deliver, Deliver)

    again = house.happens(account, Undelivered(NOON, house.seq(), deliver, deliver.sessions))

    [(_, stored)] = again.store
    assert isinstance(stored, Put)
    assert stored.kind is Kind.OFFLINE
