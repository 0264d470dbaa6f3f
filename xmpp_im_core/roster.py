"""Contacts and the roster: data, and the rules of the roster itself (RFC 6121 §2).

A ``Contact`` is all that is kept about one bare JID, whether it stands in the roster or not: a request
from somebody who is in no roster, and the tombstone of a removed item, are contacts that are not listed.

A version is a number that grows by one with each modification; a ``ver`` is that number behind the
roster's lineage. The lineage comes with the account, so that the versions of an account which was removed
and created again are never taken for one another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from attrs import evolve, field, frozen

from xmpp_im_core.element import TEXT_SIZE, Element, element, text_size
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import BOTH, NONE, Subscription

ROSTER: Final = "jabber:iq:roster"

CONTACT_SIZE: Final = 352
"""What a contact takes in memory besides its characters, its groups and its request, in bytes."""


@frozen
class Contact:
    """What is kept about one bare JID."""

    jid: str
    """The prepared bare JID."""
    state: Subscription = NONE
    listed: bool = True
    """Whether it stands in the roster."""
    name: str = ""
    groups: tuple[str, ...] = ()
    approved: bool = False
    """Whether the user has pre-approved a request (§3.4)."""
    request: Presence | None = None
    """The complete request (§3.1.3); present exactly in the pending-in states."""
    asked: datetime | None = None
    """When the user's request was last sent; present exactly in the pending-out states."""
    version: int = 0
    """The roster version of its last modification; 0 where it never stood in the roster."""

    def becoming(self, state: Subscription) -> Contact:
        """Return the contact in this state, without the request or the time that the state has no use for."""
        return Contact(
            self.jid,
            state,
            self.listed,
            self.name,
            self.groups,
            self.approved,
            self.request if state.pending_in else None,
            self.asked if state.pending_out else None,
            self.version,
        )

    def in_roster(self, *, approved: bool) -> Contact:
        """Return the contact as a roster item, pre-approved or not."""
        return Contact(
            self.jid,
            self.state,
            True,
            self.name,
            self.groups,
            approved,
            self.request,
            self.asked,
            self.version,
        )

    def asked_at(self, at: datetime) -> Contact:
        """Return the contact with the time at which the user's request was sent."""
        return Contact(
            self.jid,
            self.state,
            self.listed,
            self.name,
            self.groups,
            self.approved,
            self.request,
            at,
            self.version,
        )

    def requesting(self, request: Presence) -> Contact:
        """Return the contact with its request, which waits for the user's decision."""
        return Contact(
            self.jid,
            self.state,
            self.listed,
            self.name,
            self.groups,
            self.approved,
            request,
            self.asked,
            self.version,
        )

    def item(self) -> Element:
        """Return the roster item that shows this contact; a contact not listed shows as removed (§2.1.2).

        'subscription' is written always: leaving it out for "none", as §2.1.2.5 allows, breaks clients.
        """
        if not self.listed:
            return element("item", ROSTER, {"jid": self.jid, "subscription": "remove"})
        attributes = {"jid": self.jid, "subscription": self.state.subscription}
        if self.name:
            attributes["name"] = self.name
        if self.state.pending_out:
            attributes["ask"] = "subscribe"
        if self.approved:
            attributes["approved"] = "true"
        return element("item", ROSTER, attributes, [element("group", ROSTER, {}, [g]) for g in self.groups])


@frozen
class SharedItem:
    """An item that the service shows in the roster: read-only for the user and for the contact, and never stored.

    It stands in the place of an item of the user's own for the same JID, which comes back when it goes.
    """

    jid: str
    """The prepared bare JID."""
    state: Subscription = BOTH
    """What the two see of one another; nothing is pending."""
    name: str = ""
    groups: tuple[str, ...] = ()

    def item(self) -> Element:
        """Return the roster item that shows it (§2.1.2)."""
        return Contact(self.jid, self.state, True, self.name, self.groups).item()


@frozen
class RosterHead:
    """What is stored of a roster beside its contacts."""

    lineage: str
    version: int
    horizon: int
    sharing: bool = False
    """Whether the service showed items of its own when the version was given out."""


class Told(NamedTuple):
    """Who receives the user's presence, as long as the block list is this one."""

    blocked: tuple[str, ...]
    recipients: tuple[str, ...]


@frozen
class Roster:
    """The contacts of an account, and the version that their state has."""

    lineage: str
    version: int = 0
    horizon: int = 0
    """The oldest version from which the way to the present one is known: older tombstones are gone."""
    contacts: FrozenMap[Contact] = FrozenMap()
    listed: int = 0
    """How many contacts stand in the roster."""
    pending: tuple[str, ...] = ()
    """The bare JIDs with a pending request, sorted."""
    removed: int = 0
    """How many contacts are tombstones."""
    shared: FrozenMap[SharedItem] = FrozenMap()
    """The items that the service shows, by their bare JIDs."""
    item_bytes: int = 0
    """What the items take in memory, tombstones included (see :func:`item_size`)."""
    request_bytes: int = 0
    """What the pending requests take in memory (see :func:`request_size`)."""
    told: Told | None = field(default=None, eq=False, repr=False)
    """Who received the last broadcast; kept for the next one, until a change of who is subscribed."""

    @property
    def head(self) -> RosterHead:
        """What is to be stored of the roster itself."""
        return RosterHead(self.lineage, self.version, self.horizon, bool(self.shared))

    @property
    def ver(self) -> str:
        """The version as clients see it: an opaque string (§2.1.1)."""
        return f"{self.lineage}:{self.version}"

    def since(self, ver: str) -> int | None:
        """Return the version that a client's ``ver`` names, if the way from there to the present is known.

        None for another lineage, a version from the future, one older than the horizon, and nonsense.
        """
        lineage, colon, number = ver.rpartition(":")
        if not colon or lineage != self.lineage or not (number.isascii() and number.isdigit()):
            return None
        if len(number) > 20 or str(int(number)) != number:
            return None
        version = int(number)
        return version if self.horizon <= version <= self.version else None

    def modified_since(self, version: int) -> tuple[Contact, ...]:
        """Return the contacts modified after this version in the order of their last modification (§2.6.3)."""
        changed = [c for c in self.contacts.unordered() if c.version > version and c.jid not in self.shared]
        return tuple(sorted(changed, key=_by_version))

    def items(self) -> tuple[Contact | SharedItem, ...]:
        """Return what stands in the roster, sorted by JID."""
        own = [contact for contact in self.contacts.values() if contact.listed]
        if not self.shared:
            return tuple(own)
        unshared = [contact for contact in own if contact.jid not in self.shared]
        return tuple(sorted([*unshared, *self.shared.values()], key=_by_jid))

    def state_of(self, jid: str) -> Subscription:
        """Return the state of a bare JID; whoever is not in the roster counts as None (§A.1)."""
        shared = self.shared.get(jid)
        if shared is not None:
            return shared.state
        contact = self.contacts.get(jid)
        return NONE if contact is None else contact.state

    def subscribers(self) -> tuple[str, ...]:
        """Return who is subscribed to the user's presence ("from" and "both"), sorted."""
        return self._in_state(_subscriber)

    def subscribers_at(self, domains: frozenset[str]) -> list[str]:
        """Return who of these domains, or which of them, is subscribed to the user's presence, in no order."""
        shared = self.shared
        own = [c.jid for c in self.contacts.unordered() if c.state.from_ and c.jid not in shared]
        all_of_them = [*own, *[item.jid for item in shared.unordered() if item.state.from_]]
        return [jid for jid in all_of_them if jid.rpartition("@")[2] in domains]

    def subscriptions(self) -> tuple[str, ...]:
        """Return whose presence the user is subscribed to ("to" and "both"), sorted."""
        return self._in_state(_subscribed)

    def _in_state(self, holds: Callable[[Subscription], bool]) -> tuple[str, ...]:
        shared = self.shared
        own = [c.jid for c in self.contacts.unordered() if holds(c.state) and c.jid not in shared]
        return tuple(sorted([*own, *[item.jid for item in shared.unordered() if holds(item.state)]]))

    def growth(self, contact: Contact) -> int:
        """Return how many bytes the items would take more with this contact in the place of the present one."""
        return item_size(contact) - item_size(self.contacts.get(contact.jid))

    def pending_from(self, domain: str) -> int:
        """Return how many pending requests came from this domain."""
        behind = f"@{domain}"
        return (domain in self.pending) + sum([jid.endswith(behind) for jid in self.pending])

    def telling(self, told: Told) -> Roster:
        """Return the roster with the recipients of a broadcast at hand for the next one."""
        return evolve(self, told=told)

    def showing(self, shared: FrozenMap[SharedItem], changes: int) -> Roster:
        """Return the roster with these shared items, after so many modifications.

        The versions from before lead nowhere any more: what was shared then is stored nowhere, so whoever comes
        with one of them is sent the whole roster.
        """
        version = self.version + changes
        return Roster(
            self.lineage,
            version,
            version,
            self.contacts,
            self.listed,
            self.pending,
            self.removed,
            shared,
            self.item_bytes,
            self.request_bytes,
        )

    def modified(self, contact: Contact) -> tuple[Roster, Contact]:
        """Put a contact whose roster item has changed: the version advances (§2.6.3)."""
        version = self.version + 1
        contact = Contact(
            contact.jid,
            contact.state,
            contact.listed,
            contact.name,
            contact.groups,
            contact.approved,
            contact.request,
            contact.asked,
            version,
        )
        return self._put(contact, version), contact

    def noted(self, contact: Contact) -> Roster:
        """Put a contact of which nothing that a roster item shows has changed: the version stays (§2.6.3)."""
        return self._put(contact, self.version)

    def _put(self, contact: Contact, version: int) -> Roster:
        jid = contact.jid
        before = self.contacts.get(jid)
        vanishes = not contact.listed and contact.request is None and contact.version == 0
        contacts = self.contacts.delete(jid) if vanishes else self.contacts.set(jid, contact)
        listed, removed, pending, told = self.listed, self.removed, self.pending, self.told
        listed += contact.listed - (before is not None and before.listed)
        removed += is_tombstone(contact) - (before is not None and is_tombstone(before))
        was_pending = before is not None and before.request is not None
        if was_pending != (contact.request is not None):
            place = bisect_left(pending, jid)
            pending = (*pending[:place], *(() if was_pending else (jid,)), *pending[place + was_pending :])
        if contact.state.from_ != (before is not None and before.state.from_):
            told = None
        return Roster(
            self.lineage,
            version,
            self.horizon,
            contacts,
            listed,
            pending,
            removed,
            self.shared,
            self.item_bytes + item_size(contact) - item_size(before),
            self.request_bytes + request_size(contact) - request_size(before),
            told,
        )

    def forgetting(self, keep: int) -> tuple[Roster, tuple[str, ...]]:
        """Return the roster with at most ``keep`` tombstones, the newest, and the JIDs whose contact went.

        The horizon rises to the newest version that went. Nothing goes before there are twice as many as to
        keep, so that the search for the oldest is paid once in ``keep`` removals.
        """
        if self.removed <= 2 * keep:
            return self, ()
        tombstones = sorted(filter(is_tombstone, self.contacts.unordered()), key=_by_version)
        gone = tombstones[: len(tombstones) - keep]
        contacts = self.contacts
        for contact in gone:
            contacts = contacts.delete(contact.jid)
        horizon = max(self.horizon, gone[-1].version)
        kept = Roster(
            self.lineage,
            self.version,
            horizon,
            contacts,
            self.listed,
            self.pending,
            keep,
            self.shared,
            self.item_bytes - sum([item_size(contact) for contact in gone]),
            self.request_bytes,
            self.told,
        )
        return kept, tuple([contact.jid for contact in gone])


def is_tombstone(contact: Contact) -> bool:
    """Whether the contact is kept only so that clients with an older version learn of its removal (§2.6.3)."""
    return not contact.listed and contact.version > 0 and contact.request is None


def item_size(contact: Contact | None) -> int:
    """Return how many bytes a contact takes in memory at most as an item, or as the tombstone of one.

    A contact who has only asked for a subscription has no item: see :func:`request_size`.
    """
    if contact is None or not (contact.listed or contact.version > 0):
        return 0
    characters = text_size(contact.jid) + text_size(contact.name)
    return CONTACT_SIZE + characters + sum([TEXT_SIZE + text_size(group) for group in contact.groups])


def request_size(contact: Contact | None) -> int:
    """Return how many bytes the pending request of a contact takes in memory at most, the contact included."""
    if contact is None or contact.request is None:
        return 0
    return CONTACT_SIZE + text_size(contact.jid) + contact.request.size()


def roster_of(head: RosterHead, contacts: dict[str, Contact]) -> Roster:
    """Build a roster from what was stored."""
    return Roster(
        head.lineage,
        head.version,
        head.horizon,
        FrozenMap(contacts),
        sum(contact.listed for contact in contacts.values()),
        tuple(sorted([jid for jid, contact in contacts.items() if contact.request is not None])),
        sum(is_tombstone(contact) for contact in contacts.values()),
        item_bytes=sum(item_size(contact) for contact in contacts.values()),
        request_bytes=sum(request_size(contact) for contact in contacts.values()),
    )


def _by_jid(item: Contact | SharedItem) -> str:
    return item.jid


def _subscriber(state: Subscription) -> bool:
    return state.from_


def _subscribed(state: Subscription) -> bool:
    return state.to


def _by_version(contact: Contact) -> tuple[int, str]:
    return contact.version, contact.jid  # of one version there may be several in a roster that was made elsewhere
