"""`reconcile lint`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconcile.cli.baseline import ACTIONS
from reconcile.cli.context import Context, common
from reconcile.cli.finding_reports import FORMS, Found, Wishes, report, reporting, strictest
from reconcile.cli.today import moment, today_option
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.cli.linted import Linted
    from reconcile.model.finding import Finding
    from reconcile.report.fix_text import Offer
    from reconcile.wiring.online_findings import Online


@click.command("lint", short_help="Check the files: syntax, schema, references, duplicates, plaintext secrets.")
@click.option("--no-cache", is_flag=True, help="Parse every file again.")
@click.option("--fix", is_flag=True, help="Write the edits that rules name, where they are proved to mend and to change nothing else.")
@click.option("--suggest", is_flag=True, help="Show those edits as a diff, and say in words what nobody can edit for you.")
@click.option("--baseline", type=click.Choice(ACTIONS), help="Accept what there is now (once), take out what is gone, or pass over it.")
@click.option("--online", is_flag=True, help="Ask Autodiscover what it names now for the mailboxes that were applied.")
@today_option
@common(outputs=FORMS)
@reporting
def command(
    context: Context, no_cache: bool, fix: bool, suggest: bool, baseline: str | None, online: bool, today: str | None, wishes: Wishes
) -> ExitCode:
    """Check every file of the estate, for all environments or the one named with -e. Resolves no secret and asks nobody unless --online
    says so, writes nothing unless --fix, --baseline or --report says so.

    --today looks ahead: what fails when a dated rule changes, a waiver ends or a password expires.

    In a pipeline: reconcile lint --output github --report sarif=lint.sarif --report junit=lint.xml
    """
    from reconcile.cli.baseline import apply_wish, check_wish
    from reconcile.cli.linted import linted
    from reconcile.report.findings_json import FORMAT_VERSION, counts_json
    from reconcile.report.findings_text import next_step
    from reconcile.report.rule_facts import facts
    from reconcile.wiring.estate import document_cache, open_source, repository_prefix
    from reconcile.wiring.judging import BASELINE_FILE, read_baseline
    from reconcile.wiring.policies import rules_named, shipped_names

    _check(context, fix=fix, suggest=suggest, baseline=baseline, today=today)
    if online and context.revision is not None:
        raise click.UsageError("--online asks about what was applied: leave --revision out")
    check_wish(context, baseline)
    source = open_source(context.directory, context.revision)
    cache = None if no_cache else document_cache(context.settings)
    judged_at = moment(today)
    known = None if baseline == "ignore" else read_baseline(source.octets)
    keep = fix or suggest or online
    found = linted(context, source, cache=cache, today=judged_at, baseline=known, environment=context.environment, keep=keep)
    asked = _asked(context, found) if online else None
    if baseline in ("write", "shrink"):
        found = apply_wish(context, found, baseline, known, source.octets(BASELINE_FILE))
    offered: dict[Finding, Offer] = {}
    changes: list[str] = []
    fixed: list[dict[str, object]] = []
    if fix or suggest:
        from reconcile.cli.fixing import diff, mended, offers, still_offered, write_fixes

        mending = mended(context, found, cache=cache, today=judged_at, baseline=known, more=asked.fixes if asked is not None else ())
        offered = offers(found, mending)
        if suggest:
            changes = diff(found, mending, repository_prefix(context.directory))
        elif mending.fixes:
            fixed = write_fixes(context, found, mending)
            found = linted(context, source, cache=cache, today=judged_at, baseline=known, environment=context.environment)
            if asked is not None:
                mended_now = {finding for one in mending.fixes for finding in one.findings}
                _with_more(found, [one for one in asked.findings if one not in mended_now])
            offered = still_offered(found, mending)
    result, checks = found.result, found.checks
    gate = wishes.gate(strictest(rules.configuration.fail_on for rules in checks.rules.values()))
    code = ExitCode.FINDINGS if gate is not None and result.reaches(gate) else ExitCode.NOTHING_TO_DO
    head: dict[str, object] = {
        "formatVersion": FORMAT_VERSION,
        "source": source.label,
        "revision": source.revision,
        **({"today": judged_at.date().isoformat()} if today is not None else {}),
        "environments": [*result.environments],
        "counts": counts_json(result.findings),
        "files": result.files,
        "documents": result.documents,
        **({"fixed": fixed} if fix else {}),
        "exit": code.reason,
    }
    reported = Found(
        findings=result.findings,
        files=result.files,
        head=head,
        contents=found.contents,
        prefix=repository_prefix(context.directory),
        gate=gate,
        offers=offered,
        diff=changes,
        docs_url=context.settings.docs_url,
        place_of=checks.places.get,
        known=facts(
            rules_named({finding.rule for finding in result.findings}, checks.rules.values(), cache), shipped_names(checks.rules.values())
        ),
    )
    report(context, reported, wishes)
    if context.output == "text" and today is not None:
        context.say(f"judged as on {judged_at.date()}: rules, waivers and baseline count as they will then")
    if context.output == "text" and (fix or suggest) and result.findings:
        _say_what_was_edited(context, edits=bool(changes or fixed), suggest=suggest)
    if context.output == "text" and (advice := next_step(result.findings, has_baseline=known is not None)):
        context.say(advice)
    return code


def _asked(context: Context, found: Linted) -> Online:
    """What servers tell, put among what was found."""
    from reconcile.wiring.online_findings import online_findings

    asked = online_findings(context.settings, found.states, actor=context.actor)
    _with_more(found, asked.findings)
    if not asked.asked and not asked.findings:
        context.say("--online asked nobody: no profile leaves the server of a mailbox to be found (autodiscover: true)")
    return asked


def _with_more(found: Linted, findings: Sequence[Finding]) -> None:
    found.result = replace(found.result, findings=tuple(sorted((*found.result.findings, *findings), key=lambda one: one.sort_key())))


def _say_what_was_edited(context: Context, *, edits: bool, suggest: bool) -> None:
    if not edits:
        context.say("nothing to edit: no rule names an edit that is proved to mend what is found and to change nothing else")
    elif suggest and context.revision is None:
        context.say("`reconcile lint --fix` writes these edits")


def _check(context: Context, *, fix: bool, suggest: bool, baseline: str | None, today: str | None) -> None:
    if fix and suggest:
        raise click.UsageError("--fix and --suggest exclude each other: write the edits, or look at them")
    if today is not None and (fix or baseline in ("write", "shrink")):
        raise click.UsageError("--today looks ahead and writes nothing: leave out --fix and --baseline write or shrink")
    if (fix or suggest) and baseline in ("write", "shrink"):
        raise click.UsageError(f"--baseline {baseline} stands alone: mend first, then run it")
    if fix and context.revision is not None:
        raise click.UsageError("--fix writes into the folder: leave --revision out")
