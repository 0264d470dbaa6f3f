"""A small XMPP server around ``xmpp_im_core``: asyncio, TLS, SASL, and one file of SQLite."""
