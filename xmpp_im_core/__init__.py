"""A sans-I/O state-machine core of RFC 6121 (XMPP instant messaging and presence).

This package offers the names that almost every program needs: addresses, stanzas, parsing and writing, the two
policies, and the hosts. Each one is imported when it is first used, so ``import xmpp_im_core`` alone imports no module
of the package. The two halves are :mod:`xmpp_im_core.server` and :mod:`xmpp_im_core.client`: many of their names are
the same, so import those from there.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xmpp_im_core.client.policy import ClientPolicy
    from xmpp_im_core.codec import (
        CodecError,
        StreamParser,
        parse_element,
        parse_stanza,
        write_element,
        write_fan_out,
        write_stanza,
    )
    from xmpp_im_core.element import Element
    from xmpp_im_core.host import (
        ClientHost,
        ClientWire,
        Clock,
        DeferredHost,
        Host,
        Ids,
        MemoryStorage,
        Storage,
        StorageFailed,
        Wire,
    )
    from xmpp_im_core.jid import JID, Address, InvalidJID, Malformed, address_of, parse_address, parse_jid
    from xmpp_im_core.policy import Policy
    from xmpp_im_core.roster import Contact
    from xmpp_im_core.stanza import (
        IQ,
        Condition,
        Message,
        Payload,
        Presence,
        Stanza,
        StanzaError,
        error_reply,
        payload,
        result_reply,
        stanza_error,
    )
    from xmpp_im_core.subscription import Subscription

__all__ = [
    "IQ",
    "JID",
    "Address",
    "ClientHost",
    "ClientPolicy",
    "ClientWire",
    "Clock",
    "CodecError",
    "Condition",
    "Contact",
    "DeferredHost",
    "Element",
    "Host",
    "Ids",
    "InvalidJID",
    "Malformed",
    "MemoryStorage",
    "Message",
    "Payload",
    "Policy",
    "Presence",
    "Stanza",
    "StanzaError",
    "Storage",
    "StorageFailed",
    "StreamParser",
    "Subscription",
    "Wire",
    "address_of",
    "error_reply",
    "parse_address",
    "parse_element",
    "parse_jid",
    "parse_stanza",
    "payload",
    "result_reply",
    "stanza_error",
    "write_element",
    "write_fan_out",
    "write_stanza",
]

_NAMES: Final = MappingProxyType(
    {
        "client.policy": ("ClientPolicy",),
        "codec": (
            "CodecError",
            "StreamParser",
            "parse_element",
            "parse_stanza",
            "write_element",
            "write_fan_out",
            "write_stanza",
        ),
        "element": ("Element",),
        "host": (
            "ClientHost",
            "ClientWire",
            "Clock",
            "DeferredHost",
            "Host",
            "Ids",
            "MemoryStorage",
            "Storage",
            "StorageFailed",
            "Wire",
        ),
        "jid": ("JID", "Address", "InvalidJID", "Malformed", "address_of", "parse_address", "parse_jid"),
        "policy": ("Policy",),
        "roster": ("Contact",),
        "stanza": (
            "IQ",
            "Condition",
            "Message",
            "Payload",
            "Presence",
            "Stanza",
            "StanzaError",
            "error_reply",
            "payload",
            "result_reply",
            "stanza_error",
        ),
        "subscription": ("Subscription",),
    }
)
_MODULES: Final = MappingProxyType({name: module for module, names in _NAMES.items() for name in names})

# A type checker must not see __getattr__: it would accept every name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # most programs import names from their modules

        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
