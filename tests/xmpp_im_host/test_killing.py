"""A server that is killed under load loses nothing that it has acknowledged (RFC 6120 §8, XEP-0198 §5)."""

from __future__ import annotations

import sys

import pytest

from tests.xmpp_im_host.killing import run


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("outbox", [False, True])
def test_a_killed_server_loses_nothing_that_it_has_acknowledged(outbox: bool) -> None:
    found = run(kills=4, outbox=outbox, seed=7)

    assert found.is_good(outbox), found
    assert found.changes
    assert found.stored
