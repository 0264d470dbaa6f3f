"""Rosters (RFC 6121 §2): get, set and remove, and the items that the service shares."""
