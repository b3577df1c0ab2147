"""What all tests share: the closing words about servers that were missing."""

from __future__ import annotations

import pytest

from support.servers import closing_lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say exactly what to install for the tests that were not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    for line in closing_lines(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)):
        terminalreporter.write_line(line, yellow=True)
