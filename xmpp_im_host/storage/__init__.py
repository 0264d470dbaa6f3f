"""Storage: the protocol of an engine, and the engines on SQLite and in memory."""
