"""Tools for tests of this core, of hosts around it, and of other servers (``docs/testing.md``).

This package exports what compares another implementation with the core: :class:`System`, the acts, traces and
:func:`differences`. Hypothesis strategies are in ``state_strategies``, ``event_strategies``, ``draw_stanzas`` and
``value_strategies``; ``network`` joins clients and servers in memory; ``explorer`` visits every joint state of two
accounts.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("hypothesis") is None:
    raise ImportError("xmpp_im_core.testing needs Hypothesis: pip install 'xmpp_im_core[testing]'", name="hypothesis")

from xmpp_im_core.testing.acts import (
    REMOTE,
    Act,
    Connects,
    Disconnects,
    GetsRoster,
    RemovesItem,
    SendsAvailable,
    SendsMessage,
    SendsPing,
    SendsProbe,
    SendsSubscribe,
    SendsSubscribed,
    SendsUnavailable,
    SendsUnsubscribe,
    SendsUnsubscribed,
    SetsItem,
    xml_of,
)
from xmpp_im_core.testing.comparison import Difference, Observation, RostersOnly, System, compared, observation
from xmpp_im_core.testing.core_system import CoreSystem
from xmpp_im_core.testing.explanations import EXPLANATIONS, Explanation, ModelAct
from xmpp_im_core.testing.scenarios import observed, to_scenario
from xmpp_im_core.testing.search import Finding, comparing, differences, smallest_difference
from xmpp_im_core.testing.traces import (
    ACT_KINDS,
    SUBSCRIPTION_KINDS,
    USERS,
    acts,
    connected_after,
    possible,
    traces,
)

__all__ = [
    "ACT_KINDS",
    "EXPLANATIONS",
    "REMOTE",
    "SUBSCRIPTION_KINDS",
    "USERS",
    "Act",
    "Connects",
    "CoreSystem",
    "Difference",
    "Disconnects",
    "Explanation",
    "Finding",
    "GetsRoster",
    "ModelAct",
    "Observation",
    "RemovesItem",
    "RostersOnly",
    "SendsAvailable",
    "SendsMessage",
    "SendsPing",
    "SendsProbe",
    "SendsSubscribe",
    "SendsSubscribed",
    "SendsUnavailable",
    "SendsUnsubscribe",
    "SendsUnsubscribed",
    "SetsItem",
    "System",
    "acts",
    "compared",
    "comparing",
    "connected_after",
    "differences",
    "observation",
    "observed",
    "possible",
    "smallest_difference",
    "to_scenario",
    "traces",
    "xml_of",
]
