"""The ops with which a scenario acts on a server: the method of a world that each one calls, and its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs
from attrs import frozen

from xmpp_im_conformance.drivers.stdio.messages import ProtocolMessage
from xmpp_im_conformance.format.items import SharedItem
from xmpp_im_conformance.format.worlds import World


@frozen
class Argument:
    """An argument as messages name and write it."""

    name: str
    write: Callable[[Any], object] = lambda value: value
    read: Callable[[Any], object] = lambda value: value


@frozen
class Op:
    """An op of the protocol."""

    method: Callable[..., None]
    """The method of ``World``."""
    arguments: Sequence[Argument]

    def request(self, *values: object) -> dict[str, object]:
        """Return the arguments of a call as a request states them."""
        return {each.name: each.write(value) for each, value in zip(self.arguments, values, strict=True)}

    def perform(self, world: World, request: ProtocolMessage) -> None:
        """Do in a world what a request asks for."""
        values = [each.read(request[each.name]) for each in self.arguments]
        getattr(world, self.method.__name__)(*values)


def written(at: datetime) -> str:
    """Return a time as XMPP writes it (XEP-0082)."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(*names: str) -> Sequence[Argument]:
    return tuple([Argument(name) for name in names])


_HOW: Final = Argument("how", lambda clean: "clean" if clean else "abrupt", lambda how: how == "clean")
_TIME: Final = Argument("time", written, datetime.fromisoformat)
_ITEMS: Final = Argument(
    "items",
    lambda items: [{**attrs.asdict(item), "groups": list(item.groups)} for item in items],
    lambda items: tuple([SharedItem(**item) for item in items]),
)

SERVER_OPS: Final[Mapping[str, Op]] = {
    "connect": Op(World.connect, _plain("jid")),
    "send": Op(World.send, _plain("from", "xml")),
    "remote_send": Op(World.remote_send, _plain("xml")),
    "disconnect": Op(World.disconnect, (*_plain("jid"), _HOW)),
    "replace": Op(World.replace, _plain("jid")),
    "detach": Op(World.detach, _plain("jid")),
    "resume": Op(World.resume, _plain("jid")),
    "expire": Op(World.expire, _plain("jid")),
    "restart": Op(World.restart, _plain("account")),
    "storage_fails": Op(World.fail_storage, _plain("account", "what")),
    "storage_waits": Op(World.delay_storage, _plain("account")),
    "storage_answers": Op(World.answer_storage, _plain("account")),
    "time": Op(World.set_time, (_TIME,)),
    "account_created": Op(World.create_account, _plain("account")),
    "account_removed": Op(World.remove_account, _plain("account")),
    "account_moved": Op(World.move_account, _plain("account", "to", "permanently")),
    "items_shared": Op(World.share_items, (*_plain("account"), _ITEMS)),
    "decide": Op(World.decide, _plain("account", "request_from", "decision")),
}
