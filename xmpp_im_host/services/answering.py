"""Find the service that answers an IQ: one to a hosted domain, or to an account in a namespace that the host serves."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from importlib.metadata import version
from typing import Any

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, parse_address
from xmpp_im_core.policy import Audience
from xmpp_im_core.stanza import IQ, Condition, Stanza, error_reply, result_reply, stanza_error
from xmpp_im_host.services.discovery import Discovery
from xmpp_im_host.services.namespaces import DISCO_INFO, DISCO_ITEMS, PING, REGISTER, VERSION
from xmpp_im_host.services.registration import Registration


def served_namespaces(registration: bool) -> Mapping[str, Audience]:
    """Return the namespaces that the host answers for accounts, and for whom: for ``Policy.served``.

    Only those who may see the presence of an account learn what it has. A ping is answered at any address, so that
    the answer does not show whether an account exists.
    """
    served = {DISCO_INFO: Audience.SUBSCRIBER, DISCO_ITEMS: Audience.SUBSCRIBER, PING: Audience.EVERYWHERE}
    return served | {REGISTER: Audience.OWNER} if registration else served


class Answering:
    """Answers the IQs that the core delegates."""

    def __init__(
        self,
        discovery: Discovery,
        registration: Registration | None,
        send: Callable[[Stanza], None],
        start: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """Begin.

        :param registration: None if it is switched off.
        :param send: sends an answer that comes later.
        :param start: runs a coroutine together with the others.
        """
        self.discovery, self.registration, self.send, self.start = discovery, registration, send, start
        self._answers: Mapping[str, Callable[[IQ, bool], Element | None]] = {
            DISCO_INFO: lambda iq, of_account: self.discovery.info(of_account),
            DISCO_ITEMS: lambda iq, of_account: self.discovery.items(of_account),
            PING: lambda iq, of_account: None,
            VERSION: lambda iq, of_account: _version(),
        }

    def delegate(self, account: str, iq: IQ) -> Stanza | None:
        """Answer an IQ as :meth:`xmpp_im_core.host.Wire.delegate` does."""
        if iq.type not in ("get", "set") or iq.request is None:
            return None  # the answer to a request of the server: that it came is enough
        user, namespace = iq.from_jid, iq.request.namespace
        asked = iq if iq.to is not None else iq.stamped(to=parse_address(account))
        if namespace == REGISTER and self.registration is not None and user is not None and user.resource is not None:
            self.start(self._later(self.registration, asked, user))
            return None
        of_account = "@" in account
        node = iq.request.get("node")
        if iq.type != "get" or namespace not in self._answers:
            return error_reply(asked, stanza_error(Condition.SERVICE_UNAVAILABLE))
        if node and namespace in (DISCO_INFO, DISCO_ITEMS):
            return error_reply(asked, stanza_error(Condition.ITEM_NOT_FOUND))  # XEP-0030 §3.2: there are no nodes
        found = self._answers[namespace](asked, of_account)
        return result_reply(asked, *([] if found is None else [found]))

    async def _later(self, registration: Registration, iq: IQ, user: JID) -> None:
        answer = await registration.answer(iq, user)
        if answer is not None:
            self.send(answer)


def _version() -> Element:
    children = [
        element("name", VERSION, {}, ["xmpp-im-host"]),
        element("version", VERSION, {}, [version("xmpp-im-host")]),
    ]
    return element("query", VERSION, {}, children)
