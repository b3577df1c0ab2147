"""`reconcile migrate`."""

from __future__ import annotations

from pathlib import Path

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command(
    "migrate", short_help="Rewrite documents of an older apiVersion.", epilog="Example: reconcile migrate --check -C desired-state"
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; end with 2 when a file would change.")
@click.option("--directory", "-C", "folder", type=click.Path(file_okay=False, path_type=Path), help="The estate [as for lint].")
@common(estate=False, state=False, environment=False)
def command(context: Context, paths: tuple[Path, ...], check: bool, folder: Path | None) -> ExitCode:
    """Rewrite the estate's files, or those in PATHS, for today's apiVersion. Comments, quotes and line ends stay as they are; a file with
    errors is reported and left alone. A second run changes nothing."""
    from reconcile.desired.rewrite import rewrite
    from reconcile.model.finding import Finding
    from reconcile.report.counted import counted
    from reconcile.report.findings_json import FORMAT_VERSION, findings_json
    from reconcile.report.findings_text import findings_text
    from reconcile.wiring.estate import open_source, replace_file

    root = folder or context.directory
    source = open_source(root, None)
    listing = source.list()
    wanted = [_inside(root, path) for path in paths]
    files = [
        file
        for file in listing.files
        if not file.path.lower().endswith(".csv")
        and (not wanted or any(one in (".", file.path) or file.path.startswith(f"{one}/") for one in wanted))
    ]
    for one, path in zip(wanted, paths, strict=True):
        if not any(one in (".", file.path) or file.path.startswith(f"{one}/") for file in files):
            raise click.UsageError(f"{path}: the estate {root} has no such file or folder")
    findings: list[Finding] = []
    contents: dict[str, bytes] = {}
    changed: list[str] = []
    documents = 0
    for file, content in source.read(files):
        if isinstance(content, Finding):
            findings.append(content)
            continue
        result = rewrite(content, file=file.path)
        if result.findings:
            findings += result.findings
            contents[file.path] = content
        if result.content is not None:
            changed.append(file.path)
            documents += result.documents
            if not check:
                replace_file(root, file.path, content, result.content)
    code = ExitCode.FINDINGS if findings else ExitCode.CHANGES_PENDING if check and changed else ExitCode.NOTHING_TO_DO
    if context.as_json:
        context.json(
            {
                "formatVersion": FORMAT_VERSION,
                "changed": changed,
                "documents": documents,
                "written": not check,
                "findings": findings_json(findings),
                "exit": code.reason,
            }
        )
        return code
    for block in findings_text(findings, contents.get, color=context.color, columns=context.room):
        context.data(block + "\n")
    for name in changed:
        context.data(f"{'would change' if check else 'changed'} {name}")
    done = "to be migrated" if check else "migrated"
    context.say(f"{counted(documents, 'document', 'documents')} in {counted(len(changed), 'file', 'files')} {done}; {len(files)} read")
    return code


def _inside(root: Path, path: Path) -> str:
    """Relative to the estate, as a source names files."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        raise click.UsageError(f"{path} lies outside the estate {root}; name the estate with -C") from None
