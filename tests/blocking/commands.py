"""The commands of XEP-0191, and what is told of them, in the words of the other tests."""

from __future__ import annotations

from tests.rfc6121.conversation import following, line, sent_iq
from xmpp_im_core.element import Element, element
from xmpp_im_core.server import Account, AddressedAs, Deliver, FanOut, Outbound, Step
from xmpp_im_core.server.blocking import BLOCKING
from xmpp_im_core.stanza import IQ


def command(name: str, *jids: str) -> Element:
    return element(name, BLOCKING, {}, [element("item", BLOCKING, {"jid": jid}) for jid in jids])


def block(*jids: str, by: str = "balcony") -> Outbound:
    return sent_iq("set", command("block", *jids), by=by)


def unblock(*jids: str, by: str = "balcony") -> Outbound:
    return sent_iq("set", command("unblock", *jids), by=by)


def asks_for_the_list(by: str = "balcony") -> Outbound:
    return sent_iq("get", command("blocklist"), by=by)


def blocking(account: Account, *jids: str) -> Account:
    """Return an account that blocks these, as it was when all sessions began."""
    return account.blocking(tuple(sorted(jids)))


def after_blocking(account: Account, *jids: str) -> Account:
    """Return an account after its resource "balcony" has blocked these."""
    return following(account, block(*jids))


def pushed(step: Step) -> list[tuple[Element, tuple[str, ...]]]:
    """Return the commands that are pushed, each with the resources that get it at their full JIDs."""
    found: list[tuple[Element, tuple[str, ...]]] = []
    for effect in step.effects:
        if isinstance(effect, Deliver) and isinstance(effect.stanza, IQ) and effect.stanza.type == "set":
            assert effect.address is AddressedAs.FULL_JID
            assert (effect.stanza.to, effect.stanza.from_) == (None, None)
            (content,) = effect.stanza.payload.elements
            found.append((content, tuple(each.resource for each in effect.sessions)))
    return found


def presence_told(step: Step) -> list[str]:
    """Return what a step tells of the user's presence, and to whom; a line for each fan-out."""
    return [line(effect) for effect in step.effects if isinstance(effect, FanOut)]
