"""A sans-I/O state-machine core of RFC 6121 (XMPP instant messaging and presence)."""
