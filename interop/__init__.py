"""The vectors against servers in use: Prosody and ejabberd, beside this implementation (``make interop``)."""
