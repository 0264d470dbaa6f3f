"""The names of the queues, and the gateway of a session.

===============  ==================================================================================================
``partition/P``  What happens to the accounts of partition P. Many append to it; the owner of P reads it.
``gateway/N/P``  What sessions on node N get from the accounts of partition P. The owner of P appends to it, node N
                 reads it.
===============  ==================================================================================================
"""

from __future__ import annotations

from typing import Final

from xmpp_im_core.server import SessionId
from xmpp_im_host.storage.records import PARTITIONS, partition_of

_COUNTER_BITS: Final = 32
_COUNTERS: Final = 1 << _COUNTER_BITS

_PARTITION_QUEUES: Final = tuple([f"partition/{partition}" for partition in range(PARTITIONS)])
_PARTITIONS: Final = {queue: partition for partition, queue in enumerate(_PARTITION_QUEUES)}


def partition_queue(partition: int) -> str:
    """Return the name of the queue of a partition."""
    return _PARTITION_QUEUES[partition]


def queue_of(account: str) -> str:
    """Return the name of the queue of an account, a hosted domain, or the domain of a component.

    :param account: the prepared bare JID, or the prepared domain.
    """
    return _PARTITION_QUEUES[partition_of(account)]


def partition_of_queue(queue: str) -> int | None:
    """Return the partition of a partition's queue; None for any other queue."""
    return _PARTITIONS.get(queue)


def gateway_queue(number: int, partition: int) -> str:
    """Return the name of the queue through which a partition reaches the streams of a node."""
    return f"gateway/{number}/{partition}"


def gateway_of_queue(queue: str) -> int:
    """Return the number of the node that reads such a queue."""
    return int(queue.split("/")[1])


def gateway_queues(number: int) -> tuple[str, ...]:
    """Return the names of all queues through which partitions reach the streams of a node, by partition."""
    return tuple([gateway_queue(number, partition) for partition in range(PARTITIONS)])


# --- sessions -----------------------------------------------------------------------------------------------------


def epoch_of(number: int, counter: int) -> int:
    """Return the epoch of a session that a node has made.

    :param counter: how many sessions the node has made before.
    :raises ValueError: if one of them does not fit.
    """
    if number < 0 or not 0 <= counter < _COUNTERS:
        raise ValueError(f"epoch: node {number} and counter {counter} do not fit")
    return number << _COUNTER_BITS | counter


def gateway_of(session: SessionId) -> int:
    """Return the number of the node that has made a session."""
    return session.epoch >> _COUNTER_BITS
