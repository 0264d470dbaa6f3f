"""Run the vectors against the servers in ``interop/servers`` and this implementation (``make interop``)."""
