"""What rules find in the estate that runs: told when it begins, changes and ends. It stops nothing; the gate is before the merge.

Judging ten thousand mailboxes again each half minute would cost more than all else, so it is done when something was written, when a
waiver ends, and every hour for what only time changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from reconcile.controller.loop import Report
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.ports.source import SourceFile

if TYPE_CHECKING:
    from reconcile.model.resource import DesiredState

#: Rules read dates; none asks for more than the hour. What a waiver's proof rests on may be committed without a file changing.
AGAIN: Final = timedelta(hours=1)
AGAIN_WITH_WAIVERS: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAs:
    """What was judged, and until when it would come to the same."""

    revision: str
    files: Sequence[SourceFile]
    baseline: bytes | None
    until: datetime
    since: datetime

    def holds(self, revision: str, files: Sequence[SourceFile], baseline: bytes | None, now: datetime) -> bool:
        """Whether judging again could find nothing else. A file that may change without showing it is never the same."""
        same = (revision, files, baseline) == (self.revision, self.files, self.baseline) and all(file.content_id for file in files)
        return same and self.since <= now < self.until


def judged_as(revision: str, files: Sequence[SourceFile], baseline: bytes | None, now: datetime, desired: DesiredState | None) -> JudgedAs:
    """`desired` is what was judged, with its waivers; None where there was nothing to judge."""
    from reconcile.model.waiver import WaiverSpec

    specs = [one.document.spec for one in desired.policies.values()] if desired is not None else []
    ends = [spec.expires for spec in specs if isinstance(spec, WaiverSpec) and spec.expires > now]
    until = min([now + (AGAIN_WITH_WAIVERS if ends else AGAIN), *ends])
    return JudgedAs(revision=revision, files=files, baseline=baseline, since=now, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`found` gives what rules found last, with what is accepted."""

    found: Callable[[], Sequence[Finding]]

    def run(self) -> Report:
        """One pass: quiet while nothing counts or nothing changed."""
        counting = [finding for finding in self.found() if finding.counts and finding.severity >= Severity.WARNING]
        errors = sum(finding.severity is Severity.ERROR for finding in counting)
        detail = {"errors": errors, "warnings": len(counting) - errors}
        if not counting:
            return Report(message="no finding counts", quiet=True, detail=detail)
        first = min(counting, key=lambda one: (-one.severity, *one.sort_key()))
        more = f", and {len(counting) - 1} more" if len(counting) > 1 else ""
        words = f"{first.severity}[{first.rule}] {first.position}: {first.message}{more}; see `reconcile lint`"
        return Report(found=words, quiet=True, detail=detail)
