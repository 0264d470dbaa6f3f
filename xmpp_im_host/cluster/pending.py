"""What steps have decided and no commit has made durable yet, and reads that see it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import define, field

from xmpp_im_host.storage.records import Append, Change, Found, Remove, RemoveKind, Row, Sums, Write


@define(eq=False)
class Pending:
    """Changes of rows, entries to append and entries that are done.

    Of several changes of one row only the last is kept. Changes of different accounts do not depend on each other.
    """

    below: Pending | None = None
    """What was decided before, and is merged with this later."""
    appends: list[Append] = field(factory=list)
    done: list[tuple[str, int]] = field(factory=list)
    _changes: dict[str, dict[tuple[str, str | None], Change]] = field(factory=dict)
    """By account, then by kind and key in the order of the changes. A removed kind has no key."""

    def change(self, changes: Iterable[Change]) -> None:
        """Change rows after all changes before."""
        for each in changes:
            rows = self._changes.setdefault(each.account, {})
            if isinstance(each, RemoveKind):
                for key in [key for key in rows if key[0] == each.kind]:
                    del rows[key]
                rows[each.kind, None] = each
                continue
            key = (each.row.kind, each.row.key) if isinstance(each, Write) else (each.kind, each.key)
            rows.pop(key, None)  # the last one written is the last in the order
            rows[key] = each

    def append(self, queue: str, body: bytes) -> None:
        """Append an entry to a queue."""
        self.appends.append(Append(queue, "", 0, body))

    def merge(self, above: Pending) -> None:
        """Add what was decided after this."""
        for changes in above._changes.values():
            self.change(changes.values())
        self.appends += above.appends
        self.done += above.done

    @property
    def changes(self) -> Iterator[Change]:
        """All changes, each account's in their order."""
        for rows in self._changes.values():
            yield from rows.values()

    def changes_of(self, account: str) -> list[Change]:
        """Return the changes of an account, with those below."""
        before = [] if self.below is None else self.below.changes_of(account)
        rows = self._changes.get(account)
        return before if rows is None else [*before, *rows.values()]

    def __bool__(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._changes or self.appends or self.done)


def overlaid(found: Found, changes: Iterable[Change], kinds: Collection[str], counted: Collection[str]) -> Found:
    """Return what a read would find after these changes.

    :param found: all rows of the kinds to return and of the kinds to count.
    :param kinds: the kinds of row to return.
    :param counted: the kinds to be counted without being returned.
    """
    rows = {(row.kind, row.key): row for row in found.rows}
    for change in changes:
        if isinstance(change, Write):
            rows.pop((change.row.kind, change.row.key), None)
            rows[change.row.kind, change.row.key] = change.row
        elif isinstance(change, Remove):
            rows.pop((change.kind, change.key), None)
        else:
            rows = {key: row for key, row in rows.items() if key[0] != change.kind}
    left = list(rows.values())
    sums = {kind: _sums([row for row in left if row.kind == kind]) for kind in counted}
    return Found(tuple([row for row in left if row.kind in kinds]), sums)


def _sums(rows: Collection[Row]) -> Sums:
    return Sums(len(rows), sum([row.size for row in rows]))
