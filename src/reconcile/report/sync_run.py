"""What a synchronisation did, as text and JSON."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.model.condition import Condition
from reconcile.model.mailbox_state import MEND_FOLDERS
from reconcile.model.sync_result import SyncResult
from reconcile.report.counted import counted, several
from reconcile.report.safe_text import neutral
from reconcile.report.sync_json import FORMAT_VERSION
from reconcile.report.table import table

#: More quiet mailboxes than this are counted, not listed.
_QUIET = 20


def run_text(
    results: Sequence[SyncResult], conditions: Sequence[tuple[str, Condition]], *, idle: int, seconds: float, fit: int | None = None
) -> str:
    """A line a mailbox where something happened, what went wrong with its next step, and the sum."""
    quiet = [result for result in results if not _has_news(result)]
    left_out = {result.mailbox for result in quiet} if len(quiet) > _QUIET else frozenset()
    shown = [result for result in results if result.mailbox not in left_out]
    rows = [
        (
            result.mailbox,
            result.tracked,
            result.duplicates,
            result.ignored,
            result.at_server,
            _note(result),
        )
        for result in shown
    ]
    lines = (
        [table(("mailbox", "tracked", "known", "ignored", "at server", "note"), rows, limits=(30, None, None, None, None, 110), fit=fit)]
        if rows
        else []
    )
    failed: dict[tuple[str, str], list[str]] = {}
    for result in results:
        if result.error_kind:
            failed.setdefault((result.error, result.hint), []).append(result.mailbox)
    lacking = [result for result in results if result.lacking and not result.error_kind]
    lines += [""] if failed or lacking else []
    told = set[str]()
    for (error, hint), names in failed.items():
        lines.append(f"{neutral(several(names))}: {neutral(error)}")
        if hint and hint not in told:
            lines.append(f"  next: {neutral(hint)}")
        told.add(hint)
    for result in lacking:
        lines += [f"{neutral(result.mailbox)}: tracked folder not read: {neutral(words)}" for words in result.lacking]
    lines += [f"  next: {MEND_FOLDERS}"] if lacking else []
    if conditions:
        lines += ["", "declared, but not done:"]
        for name, condition in conditions:
            place = f" ({neutral(condition.origin)})" if condition.origin else ""
            lines.append(f"  {neutral(name)}: {neutral(condition.field)}{place}: {neutral(condition.message)}")
    return "\n".join([*lines, *([""] if lines else []), _sum(results, len(quiet) if len(quiet) > _QUIET else 0, idle, seconds)])


def _has_news(result: SyncResult) -> bool:
    counts = (result.read, result.ignored, result.missing, result.failed, result.given_up, result.marked)
    return any(counts) or bool(result.error_kind or result.skipped or result.marking_error or result.lacking)


def _note(result: SyncResult) -> str:
    if result.error_kind:
        return "failed, see below" if result.tried else "not tried, see below"
    if result.skipped:
        return result.skipped
    notes = []
    if result.reindexed:
        notes.append("re-indexed, because the server's numbering changed")
    if result.conflicting:
        notes.append(f"{result.conflicting} with a known Message-ID but other content")
    if result.missing:
        notes.append(f"{result.missing} without content, asked for again")
    if result.refused:
        notes.append(f"{result.refused} not taken by filter and rules")
    if result.failed:
        notes.append(f"{result.failed} could not be kept, tried again")
    if result.given_up:
        notes.append(f"{result.given_up} given up: `reconcile quarantine list`")
    if result.marking_error:
        notes.append(f"not done at the server yet: {result.marking_error}")
    if result.lacking:
        notes.append(f"{counted(len(result.lacking), 'tracked folder')} not read, see below")
    return "; ".join(notes)


def _sum(results: Sequence[SyncResult], quiet: int, idle: int, seconds: float) -> str:
    if not results and not idle:
        return "no mailbox is applied; `reconcile plan` shows what is declared, `reconcile apply` applies it"
    failed, untried = _failed(results), _untried(results)
    tracked = sum(result.tracked for result in results)
    parts = [f"{counted(tracked, 'e-mail')} tracked from {counted(len(results) - untried, 'mailbox', 'mailboxes')} in {seconds:.1f} s"]
    if quiet:
        parts.append(f"{quiet} without news")
    if failed:
        parts.append(f"{failed} failed")
    if untried:
        parts.append(f"{untried} not tried")
    if idle:
        parts.append(f"{idle} not received here")
    return ", ".join(parts)


def _failed(results: Sequence[SyncResult]) -> int:
    return sum(bool(result.error_kind) and result.tried for result in results)


def _untried(results: Sequence[SyncResult]) -> int:
    return sum(not result.tried for result in results)


def run_json(
    environment: str,
    results: Sequence[SyncResult],
    conditions: Sequence[tuple[str, Condition]],
    *,
    idle: int,
    seconds: float,
    exit_reason: str,
) -> dict[str, object]:
    """One document for the run."""
    return {
        "formatVersion": FORMAT_VERSION,
        "environment": environment,
        "seconds": round(seconds, 3),
        "mailboxes": [
            {
                "mailbox": result.mailbox,
                "address": result.address,
                "atServer": result.at_server,
                "read": result.read,
                "tracked": result.tracked,
                "duplicates": result.duplicates,
                "conflicting": result.conflicting,
                "ignored": result.ignored,
                "refused": result.refused,
                "missing": result.missing,
                "failed": result.failed,
                "givenUp": result.given_up,
                "marked": result.marked,
                "markingError": result.marking_error or None,
                "foldersNotRead": list(result.lacking),
                "reindexed": result.reindexed,
                "skipped": result.skipped or None,
                "tried": result.tried,
                "error": {"kind": result.error_kind, "message": result.error, "hint": result.hint} if result.error_kind else None,
            }
            for result in results
        ],
        "failed": _failed(results),
        "notTried": _untried(results),
        "notReceiving": idle,
        "conditions": [
            {"mailbox": name, "type": condition.type, "field": condition.field, "origin": condition.origin, "message": condition.message}
            for name, condition in conditions
        ],
        "exit": exit_reason,
    }
