"""The sessions of removed accounts, until their gateways have said that they have ended.

A gateway may still give back what such a session has not received. That must not come to an account that is created
under the same address, perhaps for somebody else. So nobody gets the address before. What is given back until then is
for an account that does not exist: messages and requests are answered as the policy says (RFC 6121 §8.5.1).

Each session has a row of the kind ``former`` with its account. Key: ``EPOCH/RESOURCE``. Text: the number of its node.
The rows of a node that has ended do not count: it has said everything.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from xmpp_im_core.server import Account, SessionId
from xmpp_im_host.cluster.outgoing import key_of
from xmpp_im_host.cluster.queue_names import gateway_of_queue
from xmpp_im_host.cluster.step import Step
from xmpp_im_host.storage.records import Remove, RemoveKind, Row, Write

FORMER: Final = "former"


def note(step: Step[Any], account: Account) -> None:
    """Note the sessions of an account that is about to be removed. Those that no node has end with it."""
    queues, jid = step.out.queues, account.jid.bare
    for session in (*[each.id for each in account.sessions], *account.replaced):
        parked = queues.parked_session(jid, session)
        if parked is None:
            gateway = gateway_of_queue(queues.of(jid, session))
        elif parked.until is None:
            gateway = parked.by
        else:
            continue
        step.pending.change([Write(jid, Row(FORMER, key_of(session), str(gateway)))])


async def note_end(step: Step[Any], account: str, session: SessionId) -> None:
    """Note that a session has ended, if it is one of a removed account.

    :raises EngineFailed: if it is not known whether there is an account.
    """
    if await step.state(account) is None:
        step.pending.change([Remove(account, FORMER, key_of(session))])


async def of_removed(step: Step[Any], account: str, sessions: Collection[SessionId]) -> tuple[SessionId, ...]:
    """Return which of these sessions are former ones, if there is no account.

    :raises EngineFailed: if that cannot be read.
    """
    if await step.state(account) is not None:
        return ()
    known = {row.key for row in (await step.load(account, (FORMER,))).rows}
    return tuple([session for session in sessions if key_of(session) in known])


async def is_free(step: Step[Any], account: str) -> bool:
    """Whether an account may be created: all former sessions of its address have ended.

    :raises EngineFailed: if that cannot be read.
    """
    rows = (await step.load(account, (FORMER,))).rows
    if not rows:
        return True
    living = await step.rows.living()
    if any(row.text in living for row in rows):
        return False
    step.pending.change([RemoveKind(account, FORMER)])
    return True
