"""The profiles that prepare the parts of an address that are not plain ASCII (RFC 7622 §3).

Each of these functions raises UnicodeError if a profile refuses the text.

PRECIS and IDNA are large tables, and the addresses of most programs are ASCII. So :mod:`xmpp_im_core.jid` imports this
module when it prepares the first address that needs it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import idna
from precis_i18n import get_profile

_MAX_DOMAIN: Final = 253  # the 255 octets of RFC 1034 §3.1 without the first length octet and the root
_USERNAME: Final = get_profile("UsernameCaseMapped")
_OPAQUE: Final = get_profile("OpaqueString")


def username(text: str) -> str:
    """Prepare a localpart by UsernameCaseMapped (§3.3)."""
    # "the PRECIS mapping rules do not account for the special status of GREEK SMALL LETTER FINAL SIGMA"
    # (RFC 7622 §3.5), but str.lower() does.
    sigma = text.replace("\N{GREEK CAPITAL LETTER SIGMA}", "\N{GREEK SMALL LETTER SIGMA}")
    prepared: str = _USERNAME.enforce(sigma)
    return prepared


def opaque_string(text: str) -> str:
    """Prepare a resourcepart by OpaqueString (§3.4)."""
    prepared: str = _OPAQUE.enforce(text)
    return prepared


def domain_name(text: str) -> str:
    """Prepare an internationalised domain name, label by label (§3.2.2)."""
    mapped = "".join([unicodedata.normalize("NFKC", c) if unicodedata.east_asian_width(c) in "FH" else c for c in text])
    lowered = "".join([c.lower() for c in mapped])  # one by one, so that a final sigma is lowered like any other
    labels = [idna.ulabel(label) for label in unicodedata.normalize("NFC", lowered).split(".")]
    # "Naturally, the length limits of [RFC1034] apply" (RFC 7622 §3.2): they apply to A-labels, as the DNS has them.
    if len(b".".join([idna.alabel(label) for label in labels])) > _MAX_DOMAIN:
        raise idna.IDNAError(f"longer than {_MAX_DOMAIN} octets in the DNS (RFC 1034 §3.1)")
    return ".".join(labels)
