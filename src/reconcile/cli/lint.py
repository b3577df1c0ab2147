"""`reconcile lint`."""

from __future__ import annotations

import shutil

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Severity


@click.command("lint", short_help="Check the files: syntax, schema, references, duplicates, plaintext secrets.")
@click.option(
    "--gate", type=click.Choice(["error", "warning", "information"]), default="error", help="Findings from here on end with 3 [error]."
)
@click.option("--no-cache", is_flag=True, help="Parse every file again.")
@common(state=False)
def command(context: Context, gate: str, no_cache: bool) -> ExitCode:
    """Check every file of the estate, for all environments or the one named with -e. Resolves no secret, writes nothing."""
    from reconcile.desired.lint import lint
    from reconcile.report.findings_json import FORMAT_VERSION, counts_json, findings_json
    from reconcile.report.findings_text import findings_text, summary
    from reconcile.wiring.estate import document_cache, open_source

    source = open_source(context.directory, context.revision)
    listing = source.list()
    cache = None if no_cache else document_cache(context.settings)
    result = lint(
        listing.files,
        listing.findings,
        source.read,
        environment=context.environment,
        source=source.label,
        revision=source.revision,
        cache=cache,
    )
    code = ExitCode.FINDINGS if result.reaches(Severity[gate.upper()]) else ExitCode.NOTHING_TO_DO
    if context.as_json:
        context.json(
            {
                "formatVersion": FORMAT_VERSION,
                "source": source.label,
                "revision": source.revision,
                "environments": [*result.environments],
                "findings": findings_json(result.findings),
                "counts": counts_json(result.findings),
                "files": result.files,
                "documents": result.documents,
                "exit": code.reason,
            }
        )
        return code
    files = {file.path: file for file in listing.files}

    def contents(path: str) -> bytes | None:
        read = next((content for _, content in source.read([files[path]])), None) if path in files else None
        return read if isinstance(read, bytes) else None

    columns = shutil.get_terminal_size((100, 24)).columns
    for block in findings_text(result.findings, contents, color=context.color, columns=columns):
        context.data(block + "\n")
    context.say(summary(result.findings, files=result.files))
    return code
