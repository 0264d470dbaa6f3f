"""The life of one account: dispatch of events, sessions, loading, administration."""
