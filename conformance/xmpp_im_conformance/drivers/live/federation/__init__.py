"""The other server, played between servers: RFC 6120 with TLS and SASL EXTERNAL, or dialback (XEP-0220).

The scenario's ``remote.example`` dials the server under test for what it sends, and listens for what the server sends.
"""
