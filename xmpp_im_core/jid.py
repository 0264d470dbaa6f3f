"""Addresses (RFC 7622). A JID is prepared once, when it enters the core, and only compared after that.

The PRECIS profile UsernameCaseMapped prepares the localpart and OpaqueString the resourcepart (package precis-i18n);
IDNA 2008 prepares the domainpart (package idna). Each part has 1 to 1023 bytes of UTF-8. Nearly all addresses are plain
ASCII; a faster path prepares them with the same result. The profiles are imported for the first address that needs
them. The cache is bounded and changes no result.

:func:`parse_jid` is strict: use it for what a user binds or creates. :func:`parse_address` reads the addresses in the
stanzas of others. It also accepts a resourcepart that OpaqueString refuses, because chat rooms let occupants choose
such nicknames (an emoji with a variation selector, a letter newer than this Python's Unicode), and RFC 7622 §4 leaves
the enforcement to the server of the address. Such a resourcepart is called *opaque*: it is compared by its NFC text and
written as it came. It never equals a prepared resourcepart, so it never names a resource that is bound here.

RFC 7622 §3.5 lists ``juliet@example.com/ foo`` (example 18) as a string that is not a JID, but the profile of the
resourcepart, OpaqueString, allows a leading space. This module follows the profile: the string is a JID.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from attrs import field

from xmpp_im_core.record import record

MAX_PART_BYTES: Final = 1023
"""The maximum length of each part of a JID, in bytes of UTF-8 (RFC 7622 §3.2 to §3.4)."""

_MAX_DOMAIN: Final = 253  # in characters; the octets of RFC 1034 §3.1 without the first length octet and the root
_MAX_TEXT: Final = 4 * MAX_PART_BYTES  # in characters; no mapping shortens a text by more, so longer ones are refused
_CACHED: Final = 16384
CACHED_LENGTH: Final = 256
"""Longer texts are not cached, because a flood of them would fill the memory."""
_LOCAL_EXCLUDED: Final = frozenset("\"&'/:<>@")  # RFC 7622 §3.3.1
_ASCII_LOCAL: Final = re.compile(r"[!#$%()*+,\-.0-9;=?A-Z\[\\\]^_`a-z{|}~]+\Z")
_ASCII_LABEL: Final = re.compile(r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z", re.IGNORECASE)
_ASCII_RESOURCE: Final = re.compile(r"[ -~]+\Z")
_NOT_OPAQUE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ZONE: Final = re.compile(r"%25(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+\Z")  # RFC 6874 §2


class InvalidJID(ValueError):
    """The text is not a JID. The message says which part breaks which rule (RFC 7622)."""


@record(order=False)
class JID:
    """A prepared address. Two JIDs are equal if their full forms are equal.

    Make one with :func:`parse_jid`, :func:`received_jid` or :func:`parse_address`. The last two may return an opaque
    resourcepart.
    """

    full: str
    """``local@domain/resource``; the localpart or the resourcepart may be missing."""
    bare: str = field(eq=False, repr=False)
    """``local@domain``, or ``domain`` alone: the key under which a contact is kept."""
    local: str | None = field(eq=False, repr=False)
    domain: str = field(eq=False, repr=False)
    resource: str | None = field(eq=False, repr=False)

    def __str__(self) -> str:
        return self.full

    @property
    def is_bare(self) -> bool:
        """Whether the address has no resourcepart."""
        return self.resource is None

    def to_bare(self) -> JID:
        """Return the address without its resourcepart."""
        return self if self.resource is None else JID(self.bare, self.bare, self.local, self.domain, None)

    def with_resource(self, resource: str) -> JID:
        """Return the bare address with this resourcepart.

        :raises InvalidJID: if the resourcepart is empty or too long, or OpaqueString refuses it.
        """
        resource = _resourcepart(resource)
        return JID(f"{self.bare}/{resource}", self.bare, self.local, self.domain, resource)


@record
class Address:
    """An address as it was written, and the JID that it means. Compare ``jid``, send ``written``."""

    written: str
    jid: JID

    def __str__(self) -> str:
        return self.written


@record
class Malformed:
    """A text in the place of an address that is not a JID, and the reason. Reducers answer it with jid-malformed."""

    written: str
    reason: str

    def __str__(self) -> str:
        return self.written


def parse_address(text: str) -> Address | Malformed:
    """Read the value of a 'to' or 'from' attribute, as :func:`received_jid` does. It never raises."""
    return cached_address(text) if len(text) <= CACHED_LENGTH else _address(text)


def _address(text: str) -> Address | Malformed:
    try:
        jid = received_jid(text)
    except InvalidJID as error:
        return Malformed(text, str(error))
    return Address(jid.full if jid.full == text else text, jid)


cached_address = lru_cache(maxsize=_CACHED)(_address)
"""Does as :func:`parse_address`, for texts of at most :data:`CACHED_LENGTH` characters: the parser of streams saves two
calls for each stanza."""


def address_of(jid: JID) -> Address:
    """Return the address whose written form is the prepared form of the JID."""
    return Address(jid.full, jid)


def parse_jid(text: str) -> JID:
    """Prepare an address (RFC 7622 §3).

    :param text: ``[localpart@]domainpart[/resourcepart]``, without a URI scheme (RFC 6121 §9).
    :raises InvalidJID: if a part is empty or too long, or contains what its profile forbids.
    """
    return _parsed(text, _resourcepart)


def received_jid(text: str) -> JID:
    """Prepare an address that another entity may have made: its resourcepart may be opaque.

    :param text: as for :func:`parse_jid`.
    :raises InvalidJID: for the localpart and the domainpart, as :func:`parse_jid` does; for the resourcepart, if it is
        empty, has more than 1023 bytes, or contains control characters or characters that XML cannot hold.
    """
    return _parsed(text, _any_resourcepart)


def received_bare(text: str) -> JID | None:
    """Return the bare JID of an address without checking its resourcepart; None if the bare part is not a JID."""
    try:
        return parse_jid(text.partition("/")[0])
    except InvalidJID:
        return None


def _parsed(text: str, prepare_resource: Callable[[str], str]) -> JID:
    rest, slash, resource_text = text.partition("/")
    local_text, at, domain_text = rest.partition("@")
    local = _localpart(local_text) if at else None
    domain = _domainpart(domain_text if at else rest)
    resource = prepare_resource(resource_text) if slash else None
    bare = f"{local}@{domain}" if local is not None else domain
    full = f"{bare}/{resource}" if resource is not None else bare
    return JID(full, bare, local, domain, resource)


def prepared_jid(text: str) -> JID:
    """Return the JID of a text that is prepared already, such as a stored ``JID.full``. Nothing is checked.

    No prepared localpart or domainpart contains a slash, and no prepared domainpart contains an at sign.
    """
    bare, slash, resource = text.partition("/")
    local, at, domain = bare.rpartition("@")
    return JID(text, bare, local if at else None, domain, resource if slash else None)


def _localpart(text: str) -> str:
    if _ASCII_LOCAL.match(text):
        return _bounded("localpart", text.lower())
    if excluded := _LOCAL_EXCLUDED.intersection(text):
        raise InvalidJID(f"localpart: {min(excluded)!r} is not allowed (RFC 7622 §3.3.1)")
    from xmpp_im_core.jid_profiles import username

    prepared = _enforced("localpart", username, text)
    if excluded := _LOCAL_EXCLUDED.intersection(prepared):  # a compatibility character may map to an excluded one
        raise InvalidJID(f"localpart: {min(excluded)!r} is not allowed (RFC 7622 §3.3.1)")
    return prepared


def _resourcepart(text: str) -> str:
    if _ASCII_RESOURCE.match(text):
        return _bounded("resourcepart", text)
    from xmpp_im_core.jid_profiles import opaque_string

    return _enforced("resourcepart", opaque_string, text)


def _any_resourcepart(text: str) -> str:
    try:
        return _resourcepart(text)
    except InvalidJID:
        opaque = _opaque(text)
        if opaque is None:
            raise
        return opaque


def _opaque(text: str) -> str | None:
    """Return the form in which an opaque resourcepart is compared; None if the text is not an opaque resourcepart.

    If OpaqueString accepts the NFC form of the text, the text is not opaque: it would equal a prepared resourcepart.
    """
    if len(text) > _MAX_TEXT or _NOT_OPAQUE.search(text):
        return None
    compared = unicodedata.normalize("NFC", text)
    if not 1 <= len(compared.encode()) <= MAX_PART_BYTES:
        return None
    try:
        _resourcepart(compared)
    except InvalidJID:
        return compared
    return None


def _domainpart(text: str) -> str:
    if text.startswith("["):
        return _ip_literal(text)
    text = text.removesuffix(".")  # RFC 7622 §3.2: a final dot is removed first
    if len(text) <= _MAX_DOMAIN and all(_ASCII_LABEL.match(label) for label in text.split(".")):
        return text.lower()
    from xmpp_im_core.jid_profiles import domain_name

    return _enforced("domainpart", domain_name, text)


def _ip_literal(text: str) -> str:
    """Check an IPv6 literal, with or without a zone. Only the case of its spelling changes (RFC 7622 §3.2.3)."""
    import ipaddress

    address, percent, zone = text[1:-1].partition("%")
    try:
        if not text.endswith("]") or (percent and not _ZONE.match(percent + zone)):
            raise ValueError(text)
        ipaddress.IPv6Address(address)
    except ValueError:
        raise InvalidJID("domainpart: the brackets do not contain an IPv6 literal (RFC 7622 §3.2)") from None
    return _bounded("domainpart", f"[{address.lower()}{percent}{zone}]")


def _enforced(part: str, enforce: Callable[[str], str], text: str) -> str:
    """Apply a profile, and refuse a text that a second application would change.

    If two addresses became equal only when prepared again, one account could pass for another.
    """
    if len(text) > _MAX_TEXT:
        raise InvalidJID(f"{part}: {len(text)} characters, allowed are 1 to {MAX_PART_BYTES} bytes (RFC 7622 §3)")
    try:
        prepared = enforce(text)
        stable = enforce(prepared) == prepared
    except UnicodeError as error:  # the errors of PRECIS and IDNA are among them
        raise InvalidJID(f"{part}: {error}") from None
    if not stable:
        raise InvalidJID(f"{part}: preparation is not stable")
    return _bounded(part, prepared)


def _bounded(part: str, text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if not 1 <= size <= MAX_PART_BYTES:
        raise InvalidJID(f"{part}: {size} bytes, allowed are 1 to {MAX_PART_BYTES} (RFC 7622 §3)")
    return text
