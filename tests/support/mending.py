"""Fixes of small estates in memory: what `lint --fix` would do, without a process or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from reconcile.cli.context import Context
from reconcile.cli.fixing import mended
from reconcile.cli.linted import Linted, linted
from reconcile.desired.documents import DocumentCache
from reconcile.policy.fixes import Mending
from support.estate import Texts

TODAY = datetime(2026, 11, 22, tzinfo=UTC)


def fixes_of(
    files: Mapping[str, str | bytes], *, cache: DocumentCache | None = None, environment: str | None = None, today: datetime = TODAY
) -> tuple[Linted, Mending]:
    """What was found, and how it would be mended."""
    context = cast("Context", SimpleNamespace(directory=None, revision=None, environment=environment))
    around: dict[str, Any] = {"cache": cache, "today": today, "baseline": None}
    found = linted(context, Texts(files), environment=environment, keep=True, **around)
    return found, mended(context, found, **around)
