"""Files as the shipped rules judge them, in a function that other processes can import."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from reconcile.desired.lint import lint
from reconcile.model.finding import Finding
from reconcile.policy.evaluate import evaluate
from support.rule_book import shipped


class _File(NamedTuple):
    path: str
    content_id: str = ""


def judged_files(files: Sequence[Sequence[str]]) -> list[list[str]]:
    """What lint says of (path, text) pairs, in the order of printing."""
    contents = {path: text.encode() for path, text in files}

    def read(wanted: Iterable[_File]) -> Iterator[tuple[_File, bytes | Finding]]:
        return ((file, contents[file.path]) for file in wanted)

    result = lint(
        [_File(path) for path in contents],
        (),
        read,
        environment=None,
        source="test",
        revision="",
        checks=lambda desired, others: (
            evaluate(shipped().book, desired, today=datetime(2026, 11, 22, tzinfo=UTC), others=others, clock=time.thread_time).findings
        ),
    )
    return [
        [str(one.position), one.rule, str(one.severity), one.message, one.hint, str(one.resource), str(one.values)]
        for one in result.findings
    ]
