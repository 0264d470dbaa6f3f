"""The roster: what the client asks for, what the server answers and pushes, and what follows (RFC 6121 §2)."""
