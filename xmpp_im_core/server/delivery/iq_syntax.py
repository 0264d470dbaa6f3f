"""What an IQ must look like, from any sender (RFC 6120 §8.2.3)."""

from __future__ import annotations

from xmpp_im_core.stanza import IQ, IQ_TYPES


def malformed(iq: IQ) -> bool:
    """Whether an IQ breaks RFC 6120 §8.2.3: an 'id', one of four types, exactly one child in a get or set."""
    if iq.id is None or iq.type not in IQ_TYPES:
        return True
    return iq.type in ("get", "set") and iq.request is None
