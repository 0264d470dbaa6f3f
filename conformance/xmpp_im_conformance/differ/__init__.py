"""Differential testing: random traces on a server and on the core, and the shortest ones on which they differ.

A trace is played once on the server, on new accounts (``playing``). What was seen is compared with what the
core does, by the RFC's defaults and by the other choices that the RFC leaves (``judging``, ``choices``). A difference
that no choice explains is cut down to the acts that it needs (``shrinking``), and written as a vector (``writing``).
"""
