"""`lint --baseline`: the file of known findings made once, and made smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context
from reconcile.errors import SettingsError
from reconcile.model.finding import Finding

if TYPE_CHECKING:
    from reconcile.cli.linted import Linted
    from reconcile.policy.baseline import Baseline

ACTIONS = ("write", "shrink", "ignore")


def check_wish(context: Context, action: str | None) -> None:
    """Raises UsageError for a baseline of a part, or of what cannot be written."""
    if action in ("write", "shrink"):
        if context.environment is not None:
            raise click.UsageError(f"--baseline {action} looks at the whole estate: leave --environment out")
        if context.revision is not None:
            raise click.UsageError(f"--baseline {action} writes into the folder: leave --revision out")


def apply_wish(context: Context, found: Linted, action: str, before: Baseline | None, old: bytes | None) -> Linted:
    """Write the baseline; what comes back is `found` as it is judged with it. Raises SettingsError, TransientError."""
    from reconcile.policy import baseline as known
    from reconcile.policy.acceptance import hidden_by
    from reconcile.report.counted import counted
    from reconcile.wiring.estate import estate_writer, replace_file
    from reconcile.wiring.judging import BASELINE_FILE

    findings: Sequence[Finding] = [one for one in found.result.findings if not one.rule.startswith("baseline/")]
    if (error := hidden_by(findings)) is not None:
        raise SettingsError(
            f"{error.position}: {error.message}; while a file has errors, nobody knows what else is found",
            hint="mend the errors first: reconcile lint",
        )
    if action == "write":
        if before is not None:
            raise SettingsError(
                f"there is a baseline already: {BASELINE_FILE}", hint="it can only shrink: reconcile lint --baseline shrink"
            )
        after = known.made_from(findings)
        estate_writer(context.directory).write(BASELINE_FILE, [known.encode(after)])
        number = sum(entry.count for entry in after.entries.values())
        context.say(f"{BASELINE_FILE} accepts {counted(number, 'finding', 'findings')} that there were; commit it")
    else:
        if before is None or old is None:
            raise SettingsError(f"there is no baseline {BASELINE_FILE}", hint="make one: reconcile lint --baseline write")
        after = known.shrunk(before, findings)
        gone = sum(entry.count for entry in before.entries.values()) - sum(entry.count for entry in after.entries.values())
        if after == before:
            context.say(f"{BASELINE_FILE} stays as it is: all that it accepts is still found")
        else:
            replace_file(context.directory, BASELINE_FILE, old, known.encode(after), command="lint --baseline shrink")
            context.say(f"{BASELINE_FILE} accepts {counted(gone, 'finding', 'findings')} less; commit it")
    marked = known.accept(after, [replace(one, accepted=None) if _by_baseline(one) else one for one in findings])
    return replace(found, result=replace(found.result, findings=tuple(marked)))


def _by_baseline(finding: Finding) -> bool:
    return finding.accepted is not None and finding.accepted.by == "baseline"
