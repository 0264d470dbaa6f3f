"""What the changes of a batch amount to: engines do it in three statements, whatever the number of changes."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from xmpp_im_host.storage.records import Change, Remove, RemoveKind, Row, Write


@define
class NetChanges:
    """Remove the kinds first, then the single rows, and then write the rows in their order."""

    kinds: dict[tuple[str, str], None] = field(factory=dict)
    """Each account and kind of which all rows are removed."""
    removed: dict[tuple[str, str, str], None] = field(factory=dict)
    """Each account, kind and key of which the row is removed."""
    written: dict[tuple[str, str, str], Row] = field(factory=dict)
    """The rows that are there afterwards, in the order in which they were written last."""


def net_changes(changes: Iterable[Change]) -> NetChanges:
    """Return what changes amount to if they are done in their order."""
    net = NetChanges()
    for change in changes:
        if isinstance(change, Write):
            _write(net, change)
        elif isinstance(change, Remove):
            _remove(net, change)
        else:
            _remove_kind(net, change)
    return net


def _write(net: NetChanges, change: Write) -> None:
    at = change.account, change.row.kind, change.row.key
    net.removed.pop(at, None)
    net.written.pop(at, None)  # so that it becomes the last one
    net.written[at] = change.row


def _remove(net: NetChanges, change: Remove) -> None:
    at = change.account, change.kind, change.key
    net.written.pop(at, None)
    net.removed[at] = None


def _remove_kind(net: NetChanges, change: RemoveKind) -> None:
    which = change.account, change.kind
    for at in [each for each in net.written if each[:2] == which]:
        del net.written[at]
    net.kinds[which] = None
