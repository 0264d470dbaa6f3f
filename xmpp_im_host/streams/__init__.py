"""The streams of clients and components, without I/O: bytes go in; events and bytes come out."""
