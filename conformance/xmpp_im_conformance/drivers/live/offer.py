"""What a server is and has: as its stream features, service discovery (XEP-0030) and XEP-0092 tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.config import LiveConfig
from xmpp_im_conformance.drivers.live.login import Login
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.worlds import NotApplicable
from xmpp_im_core.element import Element

DISCO: Final = "http://jabber.org/protocol/disco#info"
SOFTWARE_VERSION: Final = "jabber:iq:version"

_STREAM_FEATURES: Final = {
    ("ver", "urn:xmpp:features:rosterver"): "rosterver",
    ("sub", "urn:xmpp:features:pre-approval"): "preapproval",
    ("sm", "urn:xmpp:sm:3"): "resumption",
    ("csi", "urn:xmpp:csi:0"): "csi",
}
_DISCO_FEATURES: Final = {
    "urn:xmpp:carbons:2": "carbons",
    "urn:xmpp:blocking": "blocking",
    "jabber:iq:last": "last-activity",
    "urn:xmpp:ping": "ping",
    "urn:xmpp:mam:2": "mam",
    "msgoffline": "offline",
    DISCO: "disco",
}


def offered(config: LiveConfig, features: Iterable[Element], discovered: Iterable[str]) -> frozenset[str]:
    """Return the features that a server has, by the names of the vector format.

    :param features: its stream features.
    :param discovered: what service discovery has told.
    """
    found = {_STREAM_FEATURES.get((each.name, each.namespace), "") for each in features} | {*discovered}
    if "offline" not in found:
        found.add("no-offline")
    return frozenset((found - {""} | config.features) - config.without)


async def discovered(session: Channel, login: Login) -> frozenset[str]:
    """Return what the server and the account tell in service discovery (XEP-0030), by the names of the format."""
    found: set[str] = set()
    request = f"<query xmlns='{DISCO}'/>"
    for answer in await asyncio.gather(
        session.request(request, to=login.domain),
        session.request(request, to=login.bare),
    ):
        query = answer.first("query", DISCO)
        for each in () if query is None else query.elements:
            found.add(_DISCO_FEATURES.get(each.get("var") or "", ""))
    return frozenset(found)


async def software(session: Channel, login: Login) -> str:
    """Return the name and the version that a server gives itself (XEP-0092); nothing if it keeps them secret."""
    answer = await session.request(f"<query xmlns='{SOFTWARE_VERSION}'/>", to=login.domain)
    query = answer.first("query", SOFTWARE_VERSION)
    said = [] if query is None else [query.first(name, SOFTWARE_VERSION) for name in ("name", "version")]
    return " ".join([each.text for each in said if each is not None and each.text])


def needed(accounts: Mapping[str, Sequence[RosterItem]]) -> frozenset[str]:
    """Return the features that the driver itself uses to make these rosters (RFC 6121 §3.4.1)."""
    pre_approved = any(item.approved for items in accounts.values() for item in items)
    return frozenset(["preapproval"] if pre_approved else [])


def check(wanted: Iterable[str], has: frozenset[str]) -> None:
    """See that the server has these features.

    :raises NotApplicable: naming those that it has not.
    """
    missing = sorted(set(wanted) - has)
    if missing:
        raise NotApplicable(f"the server does not offer {', '.join([repr(each) for each in missing])}")
