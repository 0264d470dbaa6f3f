"""Storage: the protocol of an engine, and the engines in memory, on SQLite, on PostgreSQL, and on several databases."""
