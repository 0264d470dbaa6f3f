"""The driver for programs in any language: they answer, line by line, what the runner asks on their standard input.

``conformance/docs/stdio-protocol.md`` describes the protocol, ``conformance/schema/stdio.json`` its messages. This
package is both ends of it: ``program`` with ``server`` and ``client`` ask, ``serving`` answers for any driver.
"""

from __future__ import annotations

from xmpp_im_conformance.stdio.client import StdioClient
from xmpp_im_conformance.stdio.program import Program
from xmpp_im_conformance.stdio.server import StdioDriver

__all__ = ["Program", "StdioClient", "StdioDriver"]
