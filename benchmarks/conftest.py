"""Prints the ratios of the benchmarks below their times: these hold on any machine, the times do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_benchmark.session import BenchmarkSession


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    session: BenchmarkSession | None = getattr(config, "_benchmarksession", None)
    ratios = [(each.name, each.extra_info) for each in session.benchmarks if each.extra_info] if session else []
    if not ratios:
        return
    terminalreporter.section("ratios")
    for name, info in ratios:
        told = ", ".join([f"{value} {what}" for what, value in info.items()])
        terminalreporter.line(f"{name.removeprefix('test_').replace('_', ' ')}: {told}")
