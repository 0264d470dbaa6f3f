"""Presence (RFC 6121 §4): broadcast, directed and probed."""
