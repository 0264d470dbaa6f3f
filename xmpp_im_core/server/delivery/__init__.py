"""Delivery of stanzas (RFC 6121 §8): messages, IQs, and what comes back."""
