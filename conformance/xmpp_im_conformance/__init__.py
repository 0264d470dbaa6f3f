"""The conformance runner: replays test vectors against an implementation of RFC 6121."""
