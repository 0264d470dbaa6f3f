"""The stream features that a client must see before it uses what they offer (RFC 6121 §2.6.1, §3.4.1)."""

from __future__ import annotations

from collections.abc import Iterable

from xmpp_im_core.client.state import Features
from xmpp_im_core.element import Element


def read_features(offered: Iterable[Element]) -> Features:
    """Return what a stream offers.

    :param offered: the children of ``<stream:features/>``.
    """
    names = {(feature.namespace, feature.name) for feature in offered}
    return Features(
        roster_versioning=("urn:xmpp:features:rosterver", "ver") in names,
        pre_approval=("urn:xmpp:features:pre-approval", "sub") in names,
    )
