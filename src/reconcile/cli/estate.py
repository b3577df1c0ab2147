"""Desired state for the commands that compare it with a target: findings go to stderr, a state that cannot be used ends them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context
from reconcile.lazy_dataclass import dataclass
from reconcile.model.change import Note
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState
from reconcile.wiring.target import SnapshotPath

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.desired.load import LoadResult
    from reconcile.policy.baseline import Baseline
    from reconcile.ports.source import Listing, Source
    from reconcile.wiring.policies import RuleBooks

_UNUSABLE = "neither estate nor Environment can be used"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredEnvironment:
    """The desired state of one environment, the type of its target, where its snapshot lies, and what a reader of its plan should
    know about its store."""

    desired: DesiredState
    target: str
    export: SnapshotPath | None = None
    notes: tuple[Note, ...] = ()


def load_environment(context: Context, *, judge: bool = False, books: RuleBooks | None = None) -> DesiredEnvironment | None:
    """None when neither source nor environment can be used: what is wrong has been said then. `judge`: what rules find is counted on
    stderr; lint shows it. `books` are shared with whoever else judges in the same run."""
    from reconcile.wiring.estate import document_cache

    result = load_desired(context, document_cache(context.settings), judge=judge, books=books)
    if result is None:
        return None
    desired = result.desired
    own = desired.resources.get(Key("Environment", desired.environment))
    spec = own.spec if own is not None else {}
    target, path = spec.get("target.type"), spec.get("target.path")
    target = target if isinstance(target, str) else "engine"
    # A snapshot has no store that could be left behind.
    notes = _left_behind(context, desired.environment, result.environments) if target != "snapshot" else ()
    export = SnapshotPath(root=context.directory, path=path) if isinstance(path, str) else None
    return DesiredEnvironment(desired=desired, target=target, export=export, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What git declares, and the names of all environments of the estate."""

    desired: DesiredState
    environments: tuple[str, ...]


def load_desired(context: Context, cache: DocumentCache | None, *, judge: bool = False, books: RuleBooks | None = None) -> Loaded | None:
    """As `load_environment`, from the source alone: no store is looked at."""
    from reconcile.wiring.estate import open_source

    source = open_source(context.directory, context.revision)
    listing = source.list()
    # Inventory and audit trail tell estates apart by this: the same one whether read from its folder or from a revision of it.
    label = estate_label(context.directory)
    result, judged = load_judged(
        context, source, listing, environment=context.environment, label=label, cache=cache, judge=judge, books=books
    )
    errors = [finding for finding in result.findings if finding.severity >= Severity.ERROR]
    if errors:
        from reconcile.report.findings_text import findings_text

        files = {file.path: file for file in listing.files}

        def contents(path: str) -> bytes | None:
            read = next((content for _, content in source.read([files[path]])), None) if path in files else None
            return read if isinstance(read, bytes) else None

        for block in findings_text(errors, contents, color=context.progress, columns=context.talk_room):
            context.say(block + "\n")
    if result.desired is None:
        if context.as_json:
            _refusal(context, result.findings)
        else:
            # Findings alone look as if the rest had been looked at, with nothing to say about it.
            click.echo(f"error: {_UNUSABLE}, so nothing was done", err=True)
            click.echo("  next: Mend what stands above.", err=True)
        return None
    if words := rules_say(judged):
        context.say(f"{words}; see `reconcile lint -e {result.desired.environment}`")
    return Loaded(desired=result.desired, environments=result.environments)


def load_judged(
    context: Context,
    source: Source,
    listing: Listing,
    *,
    environment: str | None,
    label: str,
    cache: DocumentCache | None,
    judge: bool = True,
    books: RuleBooks | None = None,
) -> tuple[LoadResult, Sequence[Finding]]:
    """What git declares, and the errors and warnings that rules find in it, as waivers and baseline have it now.

    Raises SettingsError, DesiredStateError.
    """
    if not judge:
        from reconcile.desired.load import load

        return load(
            listing.files,
            listing.findings,
            source.read,
            environment=environment,
            source=label,
            revision=source.revision,
            cache=cache,
        ), ()
    from reconcile.desired.lint import load_and_check
    from reconcile.errors import ReconcileError
    from reconcile.wiring.approvals import Approvals
    from reconcile.wiring.judging import read_baseline, rule_checks, unreadable_baseline

    approvals = Approvals(folder=context.directory, revision=context.revision)
    baseline: Baseline | None = None
    problem: tuple[Finding, ...] = ()
    try:
        baseline = read_baseline(source.octets)
    except ReconcileError as error:
        # Lint ends here; what is applied does not depend on it, so more counts than should, and all else goes on.
        problem = (unreadable_baseline(error),)
    # Only errors and warnings are told; of ten thousand mailboxes each may have something that merely informs.
    checks = rule_checks(cache, approvals=approvals, baseline=baseline, least=Severity.WARNING, books=books)
    result, found = load_and_check(
        listing.files,
        listing.findings,
        source.read,
        environment=environment,
        source=label,
        revision=source.revision,
        cache=cache,
        checks=checks,
    )
    return result, [*problem, *checks.of_one(found)]


def rules_say(judged: Sequence[Finding]) -> str:
    """How many findings of rules count, in words; "" where there is neither error nor warning."""
    from reconcile.report.counted import counted

    counting = [finding.severity for finding in judged if finding.counts]
    errors, warnings = counting.count(Severity.ERROR), counting.count(Severity.WARNING)
    parts = [counted(errors, "error", "errors")] if errors else []
    parts += [counted(warnings, "warning", "warnings")] if warnings else []
    return f"rules find {' and '.join(parts)}" if parts else ""


def declared_if_any(context: Context, cache: DocumentCache | None) -> DesiredState | None:
    """What git declares, for commands that have something to say without it too. What is wrong with it is for lint to say.

    None where there is no estate, or several environments and none is named. Raises SettingsError for a name that no Environment has.
    """
    from reconcile.desired.load import load
    from reconcile.errors import DesiredStateError, SettingsError
    from reconcile.wiring.estate import open_source

    try:
        source = open_source(context.directory, context.revision)
        listing = source.list()
    except DesiredStateError:
        return None
    result = load(
        listing.files,
        listing.findings,
        source.read,
        environment=context.environment,
        source=source.label,
        revision=source.revision,
        cache=cache,
    )
    if context.environment is not None and context.environment not in result.environments:
        known = ", ".join(result.environments) or "none"
        raise SettingsError(f"the estate declares no Environment {context.environment!r}", hint=f"Declared: {known}.")
    return result.desired


def _left_behind(context: Context, environment: str, declared: Collection[str]) -> tuple[Note, ...]:
    """A renamed Environment looks like a new one; a store that nobody declares any more gives it away."""
    from reconcile.wiring.state import environments

    stores = environments(context.settings)
    left = [name for name in stores if name not in declared]
    if environment in stores or not left:
        return ()
    words = f"{environment} has no store yet and starts from nothing, so its mail is read again"
    return (Note(message=f"{words}; {', '.join(left)} has one and is declared no more: if it was renamed, give it its name back"),)


def estate_label(directory: Path) -> str:
    """The estate's folder as text; octets of its name that are no UTF-8 are written as `\\xff`, so that it can be stored."""
    return os.fsencode(directory.resolve()).decode("utf-8", "backslashreplace")


def _refusal(context: Context, findings: Sequence[Finding]) -> None:
    """The document of a command that had nothing to work on."""
    from reconcile.report.findings_json import FORMAT_VERSION, findings_json

    words = {"kind": "DesiredStateError", "message": _UNUSABLE, "hint": "Mend the findings."}
    context.json({"formatVersion": FORMAT_VERSION, "error": words, "findings": findings_json(findings), "exit": ExitCode.FINDINGS.reason})
