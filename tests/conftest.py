"""What all tests share: the last words about servers that were missing."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from support.servers import closing_lines


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """After everything else, say exactly what to install for the tests that were not run."""
    result = yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(session.config, "workerinput"):
        skipped = reporter.stats.get("skipped", [])
        for line in closing_lines(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)):
            reporter.write_line(line, yellow=True)
    return result
