"""A few of the kills of ``tests.host.killing``, to see that it works; run it with a thousand to be sure."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("options", [(), ("--outbox",)], ids=["without outbox", "with outbox"])
def test_nothing_acknowledged_is_lost_when_a_process_is_killed(options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "tests.host.killing", "--kills", "8", *options]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 lost," in done.stdout
