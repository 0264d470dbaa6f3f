"""Messages of both directions and their chat sessions (RFC 6121 §5)."""
