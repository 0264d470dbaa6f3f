"""The entries that this node has appended and not read yet: it need not parse what it has written itself.

A node reads much of what it appends: all of it if it is alone. So it keeps each entry under its bytes until it reads
the same bytes again. The queue stays the only truth: an entry that is not found here is parsed, and that has the same
result. What other nodes read would never be asked for, so it is not kept. If the reader changes meanwhile, an entry
leaves when too much is kept.
"""

from __future__ import annotations

from typing import Final

from xmpp_im_host.cluster.entry_records import QueueEntry
from xmpp_im_host.cluster.entry_writing import dump_entry

MOST: Final = 4_096
"""So many entries are kept."""
LONGEST: Final = 4_096
"""An entry of more bytes is not kept."""


class OwnEntries:
    """Entries by their bytes, the oldest first."""

    __slots__ = ("_kept", "queues")

    def __init__(self) -> None:
        self._kept: dict[bytes, QueueEntry] = {}
        self.queues: set[str] = set()
        """The queues that this node reads."""

    def __len__(self) -> int:
        return len(self._kept)

    def dump(self, entry: QueueEntry, queue: str) -> bytes:
        """Write an entry that is appended to this queue, and keep it if this node reads that.

        :raises SnapshotError: as :func:`~.entry_writing.dump_entry` does.
        """
        body = dump_entry(entry)
        if queue in self.queues and len(body) <= LONGEST:
            kept = self._kept
            kept[body] = entry
            if len(kept) > MOST:
                del kept[next(iter(kept))]
        return body

    def take(self, body: bytes) -> QueueEntry | None:
        """Return what was written as these bytes, and forget it; None if it is not kept."""
        return self._kept.pop(body, None)
