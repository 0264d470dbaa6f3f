"""Presence (RFC 6121 §4): broadcasts, directed presence and probes."""
