"""The requests of a :class:`~xmpp_im_core.host.deferred_host.DeferredHost` to its storage. Answer each one once."""

from __future__ import annotations

from typing import TypeAlias

from attrs import define, field

from xmpp_im_core.host.interfaces import Operations
from xmpp_im_core.host.job import Job
from xmpp_im_core.server.state import SessionId


@define(eq=False)
class Commit:
    """Perform all these operations in one transaction, or none. Answer with ``committed`` or ``failed``, once.

    Except for records of the outbox, two unanswered commits never concern the same account, and no two concern the same
    record. So you may perform commits in any order, in parallel, or several in one transaction.
    """

    operations: Operations
    job: Job = field(repr=False)
    last: bool
    """Whether the commit only removes records of stanzas that were sent. If it fails, they are sent again."""
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


StorageRequest: TypeAlias = Commit | ReadAccount | ReadMessages
