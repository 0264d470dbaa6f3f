"""The network on asyncio: listeners, connections with bounded queues, TLS, throttles, and the wire of the host."""
