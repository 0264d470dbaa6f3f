"""What a host with a slow storage asks for; each request is answered once, by the host's methods."""

from __future__ import annotations

from typing import TypeAlias

from attrs import define, field

from xmpp_im_core.host.interfaces import Operations
from xmpp_im_core.host.job import Job
from xmpp_im_core.server.state import SessionId


@define(eq=False)
class Commit:
    """Perform these operations in one transaction, or none of them. Answer with ``committed`` or ``failed``, once.

    No two commits under way concern the same account, except for records of the outbox, and no two concern the same
    record. So they may be committed in any order, in parallel, or several in one transaction.
    """

    operations: Operations
    job: Job = field(repr=False)
    last: bool
    """Whether this only removes what has been handed over: a failure then means that it is handed over again."""
    answered: bool = field(default=False, init=False, repr=False)


@define(eq=False)
class ReadAccount:
    """Read what is stored for an account. Answer with ``read`` or ``failed``."""

    account: str


@define(eq=False)
class ReadMessages:
    """Read the stored messages of an account. Answer with ``read`` or ``failed``."""

    account: str
    session: SessionId


Request: TypeAlias = Commit | ReadAccount | ReadMessages
