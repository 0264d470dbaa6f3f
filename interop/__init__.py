"""Run the vectors against Prosody, ejabberd and this implementation (``make interop``)."""
