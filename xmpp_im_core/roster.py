"""Contacts and the roster: the data, and the rules for changing it (RFC 6121 §2).

A ``Contact`` is everything that is kept about one bare JID, in the roster or not. Two kinds of contact are not listed
in the roster: one who is not in it and has asked for a subscription, and the tombstone of a removed item.

A version is a number that each modification of the roster increases by one. A ``ver`` is the roster's lineage followed
by the version. Each account gets its own lineage when it is created, so if an account is removed and created again, no
version of the old roster is mistaken for one of the new roster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final, NamedTuple, final

from attrs import field

from xmpp_im_core.copying import Copiers, copied, copyable
from xmpp_im_core.element import TEXT_SIZE, Element, text_size
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.record import record
from xmpp_im_core.stanza import ROSTER as ROSTER
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import BOTH, NONE, Subscription
from xmpp_im_core.text_set import TextSet, text_set

CONTACT_SIZE: Final = 352
"""The memory of a contact without its characters, its groups and its request, in bytes."""


@copyable
@final
@record
class Contact:
    """Everything that is kept about one bare JID."""

    jid: str
    """The prepared bare JID."""
    state: Subscription = NONE
    listed: bool = True
    """Whether it is in the roster."""
    name: str = ""
    groups: tuple[str, ...] = ()
    approved: bool = False
    """Whether the user has pre-approved a request (§3.4)."""
    request: Presence | None = None
    """The contact's request, with all its content (§3.1.3); None exactly if the state is not pending in."""
    asked: datetime | None = None
    """When the user's request was last sent; None if the state is not pending out, or a storage lacked the time."""
    version: int = 0
    """The roster version of its last modification; 0 if it has never been in the roster."""
    __copiers__: ClassVar[Copiers[Contact]]

    def becoming(self, state: Subscription, request: Presence | None = None) -> Contact:
        """Return the contact in this state. The request and the time stay only if the state needs them.

        :param request: the request that takes the place of the present one; None if there is no new one.
        """
        request = (request or self.request) if state.pending_in else None
        asked = self.asked if state.pending_out else None
        return self.__copiers__["state", "request", "asked"](self, state, request, asked)

    def becoming_item(self, state: Subscription, *, approved: bool, asked: datetime | None = None) -> Contact:
        """Return the contact in this state, as an item of the roster: ``becoming``, in one copy.

        :param approved: whether the user has pre-approved a request (§3.4).
        :param asked: when the user's request was sent; None if it was not sent now.
        """
        request = self.request if state.pending_in else None
        asked = (asked or self.asked) if state.pending_out else None
        copy = self.__copiers__["state", "listed", "approved", "request", "asked"]
        return copy(self, state, True, approved, request, asked)

    def in_roster(self, *, approved: bool) -> Contact:
        """Return the contact as an item of the roster.

        :param approved: whether the user has pre-approved a request (§3.4).
        """
        return self.__copiers__["listed", "approved"](self, True, approved)

    def updated(self, name: str, groups: tuple[str, ...]) -> Contact:
        """Return the contact as an item of the roster with exactly this name and these groups (§2.4.1)."""
        return self.__copiers__["listed", "name", "groups"](self, True, name, groups)

    def asked_at(self, at: datetime) -> Contact:
        """Return the contact with this time as the time at which the user's request was sent."""
        return copied(self, asked=at)

    def item(self) -> Element:
        """Return the ``<item/>`` of this contact (§2.1.2); for a contact that is not listed, subscription='remove'.

        'subscription' is always written: §2.1.2.5 allows to leave it out for "none", but some clients fail without it.
        """
        if not self.listed:
            return Element("item", ROSTER, (("jid", self.jid), ("subscription", "remove")))
        state = self.state
        attributes = [("jid", self.jid), ("subscription", state.subscription)]  # to be sorted by name
        if self.name:
            attributes.insert(1, ("name", self.name))
        if state.pending_out:
            attributes.insert(0, ("ask", "subscribe"))
        if self.approved:
            attributes.insert(0, ("approved", "true"))
        groups = tuple([Element("group", ROSTER, (), (group,) if group else ()) for group in self.groups])
        return Element("item", ROSTER, tuple(attributes), groups)


@record
class SharedItem:
    """An item that the service puts into the roster. Neither the user nor the contact can change it; it is not stored.

    It hides the user's own item for the same JID until it is removed.
    """

    jid: str
    """The prepared bare JID."""
    state: Subscription = BOTH
    """Who sees whose presence; never a pending state."""
    name: str = ""
    groups: tuple[str, ...] = ()

    def as_contact(self) -> Contact:
        """Return the contact whose ``<item/>`` it has (§2.1.2)."""
        return Contact(self.jid, self.state, True, self.name, self.groups)


@record
class RosterHead:
    """The stored part of a roster that is not a contact. The fields are those of :class:`Roster`."""

    lineage: str
    version: int
    horizon: int
    sharing: bool = False
    """Whether the roster had shared items when this version was current."""


class Told(NamedTuple):
    """The recipients of the user's presence, valid while the block list is ``blocked``."""

    blocked: tuple[str, ...]
    recipients: tuple[str, ...]


@copyable
@final
@record
class Roster:
    """The contacts of an account and the current version."""

    lineage: str
    """A string that distinguishes the versions of this roster from those of an earlier account with the same JID."""
    version: int = 0
    horizon: int = 0
    """The oldest version whose difference from the current one is known. Tombstones from before it are forgotten."""
    contacts: FrozenMap[Contact] = FrozenMap()
    """By bare JID."""
    listed: int = 0
    """How many contacts are in the roster."""
    pending: TextSet = TextSet()
    """The bare JIDs with a pending request."""
    removed: int = 0
    """How many contacts are tombstones."""
    shared: FrozenMap[SharedItem] = FrozenMap()
    """The items that the service puts into the roster, by bare JID."""
    item_bytes: int = 0
    """The memory of the items, tombstones included, in bytes (see :func:`item_size`)."""
    request_bytes: int = 0
    """The memory of the pending requests, in bytes (see :func:`request_size`)."""
    pending_domains: FrozenMap[int] = FrozenMap()
    """How many of the pending requests are from each domain or from an address there."""
    asked: TextSet = TextSet()
    """The bare JIDs whose contact has a time in ``asked``: an index of the few requests that may be sent again."""
    told: Told | None = field(default=None, eq=False, repr=False)
    """A cache for the next broadcast: the recipients of the last one. None after the set of subscribers has changed."""
    __copiers__: ClassVar[Copiers[Roster]]

    @property
    def head(self) -> RosterHead:
        """The part of the roster that is stored besides its contacts."""
        return RosterHead(self.lineage, self.version, self.horizon, bool(self.shared))

    @property
    def ver(self) -> str:
        """The version as clients see it, an opaque string (§2.1.1)."""
        return f"{self.lineage}:{self.version}"

    def since(self, ver: str) -> int | None:
        """Return the version that a client's ``ver`` names, if the changes since that version are known.

        Return None if it has another lineage, is newer than the current version or older than the horizon, or is not a
        ``ver`` that this class writes.
        """
        lineage, colon, number = ver.rpartition(":")
        if not colon or lineage != self.lineage or not (number.isascii() and number.isdigit()):
            return None
        if len(number) > 20 or str(int(number)) != number:
            return None
        version = int(number)
        return version if self.horizon <= version <= self.version else None

    def modified_since(self, version: int) -> tuple[Contact, ...]:
        """Return the contacts modified after this version, in the order of their last modification (§2.6.3).

        Contacts that a shared item hides are left out.
        """
        changed = [c for c in self.contacts.unordered() if c.version > version and c.jid not in self.shared]
        return tuple(sorted(changed, key=_by_version))

    def items(self) -> tuple[Contact, ...]:
        """Return the items of the roster, the shared ones included, sorted by JID."""
        own = [contact for contact in self.contacts.in_order() if contact.listed]
        if not self.shared:
            return tuple(own)
        unshared = [contact for contact in own if contact.jid not in self.shared]
        shared = [item.as_contact() for item in self.shared.unordered()]
        return tuple(sorted([*unshared, *shared], key=_by_jid))

    def state_of(self, jid: str) -> Subscription:
        """Return the state of a bare JID; of one that is unknown, the state "None" (§A.1)."""
        shared = self.shared.get(jid)
        if shared is not None:
            return shared.state
        contact = self.contacts.get(jid)
        return NONE if contact is None else contact.state

    def subscribers(self) -> tuple[str, ...]:
        """Return the bare JIDs that are subscribed to the user's presence ("from" and "both"), sorted."""
        own = [contact for contact in self.contacts.unordered() if contact.state.from_]
        return self._with_shared(own, _subscriber)

    def subscribers_at(self, domains: frozenset[str]) -> list[str]:
        """Return the subscribers that are one of these domains or have an address there, in no particular order."""
        shared = self.shared
        own = [c.jid for c in self.contacts.unordered() if c.state.from_ and c.jid not in shared]
        all_of_them = [*own, *[item.jid for item in shared.unordered() if item.state.from_]]
        return [jid for jid in all_of_them if jid.rpartition("@")[2] in domains]

    def subscriptions(self) -> tuple[str, ...]:
        """Return the bare JIDs to whose presence the user is subscribed ("to" and "both"), sorted."""
        own = [contact for contact in self.contacts.unordered() if contact.state.to]
        return self._with_shared(own, _subscribed)

    def _with_shared(self, own: list[Contact], holds: Callable[[Subscription], bool]) -> tuple[str, ...]:
        """Return the JIDs of these contacts and of the shared items in such a state, sorted.

        A shared item hides the contact. Nearly all rosters have no shared item, and then no contact is looked up.
        """
        shared = self.shared
        if not shared:
            return tuple(sorted([contact.jid for contact in own]))
        unshared = [contact.jid for contact in own if contact.jid not in shared]
        return tuple(sorted([*unshared, *[item.jid for item in shared.unordered() if holds(item.state)]]))

    def pending_from(self, domain: str) -> int:
        """Return how many pending requests are from this domain, or from an address there."""
        return self.pending_domains.get(domain, 0)

    def telling(self, told: Told) -> Roster:
        """Return the roster with the recipients of a broadcast cached for the next broadcast."""
        return self.__copiers__["told",](self, told)

    def showing(self, shared: FrozenMap[SharedItem], changes: int) -> Roster:
        """Return the roster with these shared items.

        Earlier shared items are not stored, so the changes since earlier versions are unknown: a client that sends such
        a version gets the whole roster.

        :param changes: by how many modifications the version advances.
        """
        version = self.version + changes
        return copied(self, version=version, horizon=version, shared=shared, told=None)

    def modified(self, contact: Contact) -> tuple[Roster, Contact]:
        """Return the roster with a contact whose roster item has changed, and the contact with the new version
        (§2.6.3).
        """
        version = self.version + 1
        contact = contact.__copiers__["version",](contact, version)
        return self._put(contact, version), contact

    def noted(self, contact: Contact) -> Roster:
        """Return the roster with a contact whose ``<item/>`` has not changed: the version stays (§2.6.3)."""
        return self._put(contact, self.version)

    def _put(self, contact: Contact, version: int) -> Roster:
        jid = contact.jid
        before = self.contacts.get(jid)
        vanishes = not contact.listed and contact.request is None and contact.version == 0
        contacts = self.contacts.delete(jid) if vanishes else self.contacts.set(jid, contact)
        listed, removed, asked, told = self.listed, self.removed, self.asked, self.told
        pending, domains = self.pending, self.pending_domains
        listed += contact.listed - (before is not None and before.listed)
        removed += is_tombstone(contact) - (before is not None and is_tombstone(before))
        is_pending = contact.request is not None
        if is_pending != (before is not None and before.request is not None):
            pending = pending.having(jid) if is_pending else pending.without(jid)
            domains = _counted(domains, jid, 1 if is_pending else -1)
        is_asked = contact.asked is not None
        if is_asked != (before is not None and before.asked is not None):
            asked = asked.having(jid) if is_asked else asked.without(jid)
        if contact.state.from_ != (before is not None and before.state.from_):
            told = None
        items = self.item_bytes + item_size(contact) - item_size(before)
        requests = self.request_bytes + request_size(contact) - request_size(before)
        copy = self.__copiers__[_OF_A_CONTACT]
        return copy(self, version, contacts, listed, removed, items, pending, domains, requests, asked, told)

    def forgetting(self, keep: int) -> tuple[Roster, tuple[str, ...]]:
        """Forget the oldest tombstones: return the roster with the newest ``keep``, and the JIDs that were forgotten.

        The horizon rises to the newest version that was forgotten. Nothing is forgotten while there are at most
        ``2 * keep`` tombstones, so the search for the oldest happens once in ``keep`` removals.
        """
        if self.removed <= 2 * keep:
            return self, ()
        tombstones = sorted(filter(is_tombstone, self.contacts.unordered()), key=_by_version)
        gone = tombstones[: len(tombstones) - keep]
        contacts, asked = self.contacts, self.asked
        for contact in gone:
            contacts, asked = contacts.delete(contact.jid), asked.without(contact.jid)
        horizon = max(self.horizon, gone[-1].version)
        kept = copied(
            self,
            horizon=horizon,
            contacts=contacts,
            asked=asked,
            removed=keep,
            item_bytes=self.item_bytes - sum([item_size(contact) for contact in gone]),
        )
        return kept, tuple([contact.jid for contact in gone])


_OF_A_CONTACT: Final = (
    "version",
    "contacts",
    "listed",
    "removed",
    "item_bytes",
    "pending",
    "pending_domains",
    "request_bytes",
    "asked",
    "told",
)
"""The fields of a roster that a change of a contact may change."""


def is_tombstone(contact: Contact) -> bool:
    """Whether the contact is kept only to tell clients with an older version of its removal (§2.6.3)."""
    return not contact.listed and contact.version > 0 and contact.request is None


def item_size(contact: Contact | None, *, listed: bool = False) -> int:
    """Return an upper bound of the memory of a contact as an item or a tombstone, in bytes.

    A contact who has only asked for a subscription has no item: the result is 0, see :func:`request_size`.

    :param listed: whether to count the contact as an item of the roster in any case.
    """
    if contact is None or not (listed or contact.listed or contact.version > 0):
        return 0
    total = CONTACT_SIZE + text_size(contact.jid) + text_size(contact.name)
    for group in contact.groups:
        total += TEXT_SIZE + text_size(group)
    return total


def request_size(contact: Contact | None) -> int:
    """Return an upper bound of the memory of a contact's pending request, the contact included, in bytes."""
    if contact is None or contact.request is None:
        return 0
    return CONTACT_SIZE + text_size(contact.jid) + contact.request.size()


def roster_of(head: RosterHead, contacts: dict[str, Contact]) -> Roster:
    """Build a roster from its stored parts.

    :param contacts: by bare JID.
    """
    listed = removed = items = requests = 0
    pending: list[str] = []
    asked: list[str] = []
    for jid, contact in contacts.items():  # once: a generator for each number takes as long as all the rest
        items += item_size(contact)
        if contact.listed:
            listed += 1
        elif is_tombstone(contact):
            removed += 1
        if contact.request is not None:
            pending.append(jid)
            requests += request_size(contact)
        if contact.asked is not None:
            asked.append(jid)
    return Roster(
        lineage=head.lineage,
        version=head.version,
        horizon=head.horizon,
        contacts=FrozenMap(contacts),
        listed=listed,
        pending=text_set(pending),
        pending_domains=FrozenMap(Counter(map(_domain_of, pending))),
        asked=text_set(asked),
        removed=removed,
        item_bytes=items,
        request_bytes=requests,
    )


def _domain_of(bare: str) -> str:
    return bare.rpartition("@")[2]


def _counted(domains: FrozenMap[int], jid: str, more: int) -> FrozenMap[int]:
    """Return the number of requests of each domain after one from this bare JID has come or gone."""
    domain = _domain_of(jid)
    count = domains.get(domain, 0) + more
    return domains.set(domain, count) if count else domains.delete(domain)


def _by_jid(item: Contact | SharedItem) -> str:
    return item.jid


def _subscriber(state: Subscription) -> bool:
    return state.from_


def _subscribed(state: Subscription) -> bool:
    return state.to


def _by_version(contact: Contact) -> tuple[int, str]:
    return contact.version, contact.jid  # contacts of an imported roster may share a version
