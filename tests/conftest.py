"""What all tests share: golden files, and the last words about servers that were missing."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest

from support.golden import Golden
from support.published_schemas import NOT_HERE
from support.servers import closing_lines

# Whoever starts the tests in the background of a script hands down that Ctrl-C is ignored, and every child of a test would inherit
# it; then what a test interrupts would run for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """After everything else, say exactly what to install for the tests that were not run."""
    result = yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(session.config, "workerinput"):
        skipped = reporter.stats.get("skipped", [])
        if not os.environ.get("PUBLISHED_SCHEMAS"):
            reporter.write_line(NOT_HERE, yellow=True)
        for line in closing_lines(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)):
            reporter.write_line(line, yellow=True)
    return result


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest --refresh-golden` writes expected outputs anew; review the difference like code."""
    parser.addoption("--refresh-golden", action="store_true", help="write expected outputs anew instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a text with a file, or refreshes the file."""
    return Golden(refresh=bool(request.config.getoption("--refresh-golden")))
