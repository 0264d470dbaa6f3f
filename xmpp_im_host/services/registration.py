"""In-band registration of a user who has logged in (XEP-0077 §3.2, §3.3): change the password, remove the account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import IQ, Condition, Stanza, error_reply, result_reply, stanza_error
from xmpp_im_host.services.namespaces import REGISTER


class Refused(Exception):
    """A change of an account is refused.

    :param condition: that of the stanza error.
    """

    def __init__(self, condition: Condition) -> None:
        super().__init__(condition.value)
        self.condition = condition


@frozen
class Registration:
    """Changes accounts at the wish of their users."""

    set_password: Callable[[JID, str], Awaitable[None]]
    """Raises :class:`Refused`."""
    remove: Callable[[JID, IQ], Awaitable[None]]
    """Removes an account; the session that asked gets this answer before its stream is closed. Raises
    :class:`Refused`."""

    async def answer(self, iq: IQ, user: JID) -> Stanza | None:
        """Return the answer to a request of a user; None if it has been sent."""
        query = iq.request
        try:
            if query is None or query.name != "query":
                raise Refused(Condition.BAD_REQUEST)
            if iq.type == "get":
                return result_reply(iq, _form(user))
            return await self._change(iq, query, user)
        except Refused as error:
            return error_reply(iq, stanza_error(error.condition))

    async def _change(self, iq: IQ, query: Element, user: JID) -> Stanza | None:
        if query.first("remove", REGISTER) is not None:
            if len([*query.elements]) > 1:
                raise Refused(Condition.BAD_REQUEST)  # XEP-0077 §3.2
            await self.remove(user.to_bare(), result_reply(iq))
            return None
        name, password = query.first("username", REGISTER), query.first("password", REGISTER)
        if name is None or password is None or not password.text:
            raise Refused(Condition.BAD_REQUEST)
        if name.text.casefold() not in (user.local, user.to_bare().full):
            raise Refused(Condition.NOT_ALLOWED)
        await self.set_password(user.to_bare(), password.text)
        return result_reply(iq)


def _form(user: JID) -> Element:
    fields = [element("registered", REGISTER), element("username", REGISTER, {}, [user.local or ""])]
    return element("query", REGISTER, {}, [*fields, element("password", REGISTER)])
