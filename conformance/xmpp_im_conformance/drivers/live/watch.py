"""A server that goes away: it is waited for with growing pauses, and then the part that is gone is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from attrs import define, field

from xmpp_im_conformance.format.worlds import ServerGone

FIRST_PAUSE: Final = 0.1
"""The seconds of the first pause. Each is twice as long as the one before."""
LONGEST_PAUSE: Final = 5.0


@define(eq=False)
class Watch:
    """Waits for a server that is gone, for all scenarios that run side by side.

    :param missing: names the part of the server that does not work at this moment; None: all work.
    :param patience: the seconds that one outage is waited for.
    """

    missing: Callable[[], ServerGone | None]
    patience: float
    gone: ServerGone | None = None
    """The part that has stayed away: nothing else is asked then."""
    _sleep: Callable[[float], None] = time.sleep
    _now: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(factory=threading.Lock)

    def wait(self) -> None:
        """Wait until all parts work.

        :raises ServerGone: if one does not within the patience; then, and at each later call.
        """
        with self._lock:
            if self.gone is not None:
                raise self.gone
            until, pause = self._now() + self.patience, FIRST_PAUSE
            while (missing := self.missing()) is not None:
                left = until - self._now()
                if left <= 0:
                    self.gone = missing
                    raise missing
                self._sleep(min(pause, left))
                pause = min(2 * pause, LONGEST_PAUSE)
