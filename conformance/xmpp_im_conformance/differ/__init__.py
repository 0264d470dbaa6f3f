"""Differential testing: random traces on a server and on the core, and the shortest ones on which they part.

A trace is played once on the server, on accounts of its own (``playing``). What was seen is compared with what the
core does, by the RFC's defaults and by the other choices that the RFC leaves (``judging``, ``choices``). A difference
that no choice explains is cut down to the acts that it needs (``shrinking``), and written as a vector (``writing``).
"""

from __future__ import annotations

from xmpp_im_conformance.differ.judging import Verdict, judge
from xmpp_im_conformance.differ.playing import PEERS, Play, playing_on
from xmpp_im_conformance.differ.searching import Found, Report, search
from xmpp_im_conformance.differ.writing import vector

__all__ = ["PEERS", "Found", "Play", "Report", "Verdict", "judge", "playing_on", "search", "vector"]
