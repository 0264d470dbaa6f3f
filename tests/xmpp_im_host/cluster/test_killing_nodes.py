"""Nodes that are processes lose nothing when they are killed and stopped, and when the database fails over.

``python -m tests.xmpp_im_host.cluster.killing`` does it for as long as one likes.
"""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("psycopg")

from tests.xmpp_im_host.cluster.killing import run  # after the check

pytestmark = [pytest.mark.postgres, pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")]


@pytest.mark.long
def test_nothing_acknowledged_is_lost_or_comes_twice_or_out_of_order() -> None:
    """XEP-0198 §5, RFC 6120 §10.1, RFC 6121 §4."""
    found = run(seconds=10, failover=True, seed=7)

    assert not found.faults, found
    assert found.acknowledged > 0
    assert found.strikes
