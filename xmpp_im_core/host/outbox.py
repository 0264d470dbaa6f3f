"""The outbox: what is to be sent is stored together with what is to be kept, and struck out once it has been sent.

Each delivery, route and fan-out of an event is a record of kind ``OUTBOX``. If it fails, the event that reports the
failure takes the record's place: the commit of that event strikes it out. So at no time is a stanza in memory alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xmpp_im_core.host.ports import Operations
from xmpp_im_core.host.turn import Turn
from xmpp_im_core.server.effects import Delete, Deliver, Effect, FanOut, Kind, Put, Route
from xmpp_im_core.server.service import ForAccount, Load, Served


def first_commit(turn: Turn, served: Served[Any]) -> Operations:
    """Return what is committed before anything is sent.

    What is handed over is forgotten in the same commit, since the outbox knows what is owed. The errors that answer a
    failed commit are not stored: they are sent because storing does not work.
    """
    if turn.failed:
        return served.store
    seq = _seq(turn)
    owed = tuple(
        [
            (account, Put(Kind.OUTBOX, _key(seq, n), effect))
            for n, (account, effect) in enumerate(served.send)
            if isinstance(effect, Deliver | Route | FanOut)
        ]
    )
    if not owed and not served.store and not served.forget:
        return ()
    return (*served.store, *served.forget, *owed, *strike(turn.settles))


def last_commit(turn: Turn, served: Served[Any], caused: Iterable[Turn]) -> Operations:
    """Return what is committed after all has been sent: nothing is owed any longer but what failed."""
    if turn.failed:
        return served.forget
    seq, replaced = _seq(turn), {each.settles for each in caused}
    owed = [
        (account, _key(seq, n))
        for n, (account, effect) in enumerate(served.send)
        if isinstance(effect, Deliver | Route | FanOut)
    ]
    struck = tuple([(account, Delete(Kind.OUTBOX, key)) for account, key in owed if (account, key) not in replaced])
    if owed or served.store or served.forget:
        return struck
    return strike(turn.settles)


def key_of(turn: Turn, n: int, account: str, effect: Effect | Load) -> tuple[str, str] | None:
    """Return the account and the key of an effect's record, or None if it has none."""
    if turn.failed or not isinstance(effect, Deliver | Route | FanOut):
        return None
    return account, _key(_seq(turn), n)


def strike(settles: tuple[str, str] | None) -> Operations:
    """Return the removal of a record."""
    return () if settles is None else ((settles[0], Delete(Kind.OUTBOX, settles[1])),)


def _seq(turn: Turn) -> str:
    event = turn.event
    assert event is not None
    return event.event.seq if isinstance(event, ForAccount) else event.seq


def _key(seq: str, n: int) -> str:
    return f"{seq}:{n:06}"
