"""`reconcile lint`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.cli.finding_reports import FORMS, Found, Wishes, report, reporting, strictest
from reconcile.model.exit_code import ExitCode


@click.command("lint", short_help="Check the files: syntax, schema, references, duplicates, plaintext secrets.")
@click.option("--no-cache", is_flag=True, help="Parse every file again.")
@common(state=False, outputs=FORMS)
@reporting
def command(context: Context, no_cache: bool, wishes: Wishes) -> ExitCode:
    """Check every file of the estate, for all environments or the one named with -e. Resolves no secret, writes nothing unless --report
    says so.

    In a pipeline: reconcile lint --output github --report sarif=lint.sarif --report junit=lint.xml
    """
    from reconcile.desired.lint import lint
    from reconcile.report.findings_json import FORMAT_VERSION, counts_json
    from reconcile.report.rule_facts import facts
    from reconcile.wiring.approvals import Approvals
    from reconcile.wiring.estate import document_cache, open_source, repository_prefix
    from reconcile.wiring.judging import read_baseline, rule_checks
    from reconcile.wiring.policies import rules_named, shipped_names

    source = open_source(context.directory, context.revision)
    listing = source.list()
    cache = None if no_cache else document_cache(context.settings)
    approvals = Approvals(folder=context.directory, revision=context.revision)
    checks = rule_checks(cache, approvals=approvals, baseline=read_baseline(source.octets))
    result = lint(
        listing.files,
        listing.findings,
        source.read,
        environment=context.environment,
        source=source.label,
        revision=source.revision,
        cache=cache,
        checks=checks,
    )
    result = checks.finished(result, whole=context.environment is None)
    gate = wishes.gate(strictest(rules.configuration.fail_on for rules in checks.rules.values()))
    code = ExitCode.FINDINGS if gate is not None and result.reaches(gate) else ExitCode.NOTHING_TO_DO
    files = {file.path: file for file in listing.files}

    def contents(path: str) -> bytes | None:
        read = next((content for _, content in source.read([files[path]])), None) if path in files else None
        return read if isinstance(read, bytes) else None

    head: dict[str, object] = {
        "formatVersion": FORMAT_VERSION,
        "source": source.label,
        "revision": source.revision,
        "environments": [*result.environments],
        "counts": counts_json(result.findings),
        "files": result.files,
        "documents": result.documents,
        "exit": code.reason,
    }
    found = Found(
        findings=result.findings,
        files=result.files,
        head=head,
        contents=contents,
        prefix=repository_prefix(context.directory),
        gate=gate,
        docs_url=context.settings.docs_url,
        known=facts(
            rules_named({finding.rule for finding in result.findings}, checks.rules.values(), cache), shipped_names(checks.rules.values())
        ),
    )
    report(context, found, wishes)
    return code
