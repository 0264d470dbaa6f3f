"""Delivery of stanzas (RFC 6121 §8): messages, IQs, offline messages, and failed deliveries."""
