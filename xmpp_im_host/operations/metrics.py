"""The metrics of a server, in the format of Prometheus. They are read from plain counters when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from attrs import frozen
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from xmpp_im_host.cluster.interfaces import PartitionFigures
from xmpp_im_host.counters import BOUNDS, Counters, Histogram
from xmpp_im_host.hosting.owned_engine import CommitCounts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@frozen
class Levels:
    """What a server has at the moment."""

    connections: int
    sessions: int
    detached: int
    """Sessions whose client has lost its connection and may resume."""
    components: int
    events: int
    """Events that wait to be processed."""
    queued_bytes: int
    """Bytes that wait for clients."""
    largest_queue: int
    """The bytes that wait for the client for which most wait."""
    accounts: int
    """Accounts in memory."""
    idle: int
    """Accounts in memory without a session."""
    reads: int
    """Reads of the database that are under way."""
    commits_waiting: int
    """Commits that wait for the database."""


GAUGES = {
    "connections": "Open connections of clients and components.",
    "sessions": "Sessions of clients, including detached ones.",
    "detached": "Sessions whose client may resume.",
    "components": "Connected components.",
    "events": "Events that wait to be processed.",
    "queued_bytes": "Bytes that wait for clients.",
    "largest_queue": "Bytes that wait for the client for which most wait.",
    "accounts": "Accounts in memory.",
    "idle": "Accounts in memory without a session.",
    "reads": "Reads of the database that are under way.",
    "commits_waiting": "Commits that wait for the database.",
}

COUNTERS = {
    "connections": "Connections that were accepted.",
    "received": "Stanzas received.",
    "sent": "Stanzas sent.",
    "logins": "Successful logins.",
    "failed_logins": "Failed logins.",
    "resumed": "Resumed sessions.",
}


COMMITS = {
    "commits": "Commits that were done.",
    "batches": "Transactions in which they were done.",
    "failures": "Commits that failed.",
}


class ServerCollector(Collector):
    """Reads the counters and the levels of one server."""

    def __init__(self, counters: Counters, commits: CommitCounts, levels: Callable[[], Levels]) -> None:
        self.counters, self.commits, self.levels = counters, commits, levels

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering does not read the levels."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        levels = self.levels()
        for name, help in GAUGES.items():
            yield GaugeMetricFamily(f"xmpp_{name}", help, value=getattr(levels, name))
        for name, help in COUNTERS.items():
            yield CounterMetricFamily(f"xmpp_{name}", help, value=getattr(self.counters, name))
        refused = CounterMetricFamily("xmpp_limited", "Connections that a limit refused or closed.", labels=["limit"])
        for limit, count in sorted(self.counters.refused.items()):
            refused.add_metric([limit], count)
        yield refused
        yield _histogram("xmpp_stanza_seconds", "From reading a stanza until it was processed.", self.counters.latency)
        for name, help in COMMITS.items():
            yield CounterMetricFamily(f"xmpp_database_{name}", help, value=getattr(self.commits, name))
        yield _histogram("xmpp_database_seconds", "How long the transactions took.", self.commits.seconds)


PARTITION_COUNTERS = {
    "entries": "Entries that were taken from the queue of the partition.",
    "steps": "Steps of the core.",
    "commits": "Transactions that the partition took part in.",
    "refused": "Entries that could not be processed.",
}

PARTITION_GAUGES = {
    "lag": ("lag_seconds", "How old the last event of the partition was when its result was durable."),
    "accounts": ("accounts", "Accounts of the partition in memory."),
}

Partitions = Callable[[], Mapping[int, PartitionFigures]]
"""Returns the figures of the partitions that this node owns."""


class PartitionCollector(Collector):
    """Reads the figures of the partitions that this node owns: six series for each, so at most 1,536.

    They begin at 0 whenever the node claims a partition.
    """

    def __init__(self, partitions: Partitions) -> None:
        self.partitions = partitions

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering does not read the figures."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        found = sorted(self.partitions().items())
        yield GaugeMetricFamily("xmpp_partitions", "Partitions that this node owns.", value=len(found))
        for name, help in PARTITION_COUNTERS.items():
            counter = CounterMetricFamily(f"xmpp_partition_{name}", help, labels=["partition"])
            for partition, figures in found:
                counter.add_metric([str(partition)], getattr(figures, name))
            yield counter
        for name, (suffix, help) in PARTITION_GAUGES.items():
            gauge = GaugeMetricFamily(f"xmpp_partition_{suffix}", help, labels=["partition"])
            for partition, figures in found:
                gauge.add_metric([str(partition)], getattr(figures, name))
            yield gauge


def exposition(
    counters: Counters, commits: CommitCounts, levels: Callable[[], Levels], partitions: Partitions | None = None
) -> Callable[[], bytes]:
    """Return a function that returns the metrics as text.

    :param partitions: of a node of several.
    """
    registry = CollectorRegistry()
    registry.register(ServerCollector(counters, commits, levels))
    if partitions is not None:
        registry.register(PartitionCollector(partitions))
    return lambda: generate_latest(registry)


def _histogram(name: str, help: str, histogram: Histogram) -> Metric:
    bounds = [*[str(each) for each in BOUNDS], "+Inf"]
    buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
    return HistogramMetricFamily(name, help, buckets, histogram.total)
