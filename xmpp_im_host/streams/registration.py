"""The creation of an account on a stream that is not authenticated (XEP-0077 §3.1)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID
from xmpp_im_core.record import record
from xmpp_im_core.stanza import IQ, Condition, Stanza
from xmpp_im_host.streams.namespaces import REGISTER, REGISTER_FEATURE
from xmpp_im_host.streams.sasl import named_account

REGISTRATION_FEATURE: Final = element("register", REGISTER_FEATURE)

FORM: Final = element(
    "query",
    REGISTER,
    {},
    [
        element("instructions", REGISTER, {}, ["Choose a user name and a password."]),
        element("username", REGISTER),
        element("password", REGISTER),
    ],
)
"""What a client has to fill in."""


@record
class Registration:
    """A form that was filled in."""

    account: JID
    password: str


def registration_query(stanza: Stanza) -> Element | None:
    """Return the query of a request about registration; None if the stanza is something else."""
    if not isinstance(stanza, IQ) or stanza.type not in ("get", "set"):
        return None
    return stanza.payload.first("query", REGISTER)


def read_registration(query: Element, domain: str) -> Registration | Condition:
    """Read a form that was filled in, or return the condition that refuses it."""
    if query.first("remove") is not None:
        return Condition.UNEXPECTED_REQUEST  # the client is not registered, as far as the stream knows
    name, password = [query.first(field) for field in ("username", "password")]
    if name is None or password is None or not name.text or not password.text:
        return Condition.NOT_ACCEPTABLE  # "if the entity does not provide all of the requested information"
    account = named_account(name.text, domain)
    return Condition.JID_MALFORMED if account is None else Registration(account, password.text)
