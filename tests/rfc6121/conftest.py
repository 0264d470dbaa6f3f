"""Where a test of a sentence fails, the sentence stands in the report."""

from __future__ import annotations

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for mark in item.iter_markers("rfc6121") if report.failed else ():
        section, quote = mark.args
        report.sections.append((f"RFC 6121 §{section}", quote))
    return report
