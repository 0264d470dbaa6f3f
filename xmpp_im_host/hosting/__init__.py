"""The host on asyncio: the loop of the core on an engine, and the administration of its accounts."""
