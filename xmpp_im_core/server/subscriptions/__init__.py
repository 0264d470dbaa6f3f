"""Presence subscriptions (RFC 6121 §3): one module per section."""
