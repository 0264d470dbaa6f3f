"""Nodes that are processes restart one after the other, and no session ends (XEP-0198 §5; ``docs/several-nodes.md``).

``python -m tests.xmpp_im_host.cluster.rolling`` does it for as many rounds as one likes.
"""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("psycopg")

from tests.xmpp_im_host.cluster.rolling import CLIENTS, run  # after the check

pytestmark = [pytest.mark.postgres, pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")]


@pytest.mark.long
@pytest.mark.parametrize("drain", [False, True])
def test_a_rolling_restart_under_load_ends_no_session_and_loses_nothing(drain: bool) -> None:
    found = run(drain=drain, seed=3)

    assert not found.faults, found
    assert found.acknowledged > 0
    assert found.restarts == 3
    assert found.resumed >= len(CLIENTS), "each client was connected to a node that restarted"
