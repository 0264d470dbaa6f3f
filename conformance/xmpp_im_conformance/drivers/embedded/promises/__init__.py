"""What the core promises its host, and no client sees: the embedded driver checks it in every vector.

A host acts on more than the stanzas of a result. It commits the operations, acknowledges what is held, wakes accounts,
delivers an event again after a crash, and moves accounts between processes. The documentation of ``xmpp_im_core`` says
what it can rely on. These modules compare each result with that.
"""

from __future__ import annotations

from xmpp_im_conformance.drivers.embedded.promises.broken import PromiseBroken
from xmpp_im_conformance.drivers.embedded.promises.interruptions import check_interruptions
from xmpp_im_conformance.drivers.embedded.promises.results import check_result
from xmpp_im_conformance.drivers.embedded.promises.services import check_service
from xmpp_im_conformance.drivers.embedded.promises.unusual import check_unusual

__all__ = ["PromiseBroken", "check_interruptions", "check_result", "check_service", "check_unusual"]
