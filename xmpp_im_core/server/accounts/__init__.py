"""The life of one account: dispatch of its events, its sessions, loading, administration."""
