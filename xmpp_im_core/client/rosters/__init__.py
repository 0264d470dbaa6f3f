"""The roster: requests of the client, answers and pushes of the server, and their consequences (RFC 6121 §2)."""
