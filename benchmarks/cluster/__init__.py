"""What a cluster of xmpp-im-host on PostgreSQL takes (``python -m benchmarks.cluster``)."""
