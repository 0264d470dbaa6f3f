"""Presence of both directions, what is known of others, and rooms (RFC 6121 §4; XEP-0045)."""
