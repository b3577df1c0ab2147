"""`reconcile ci`: the one command that a pipeline calls for a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.context import Context, common
from reconcile.cli.finding_reports import Found, Wishes, fail_on_option, pieces, write
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.cli.judging import Judged


@click.command("ci", short_help="Check a change for a pipeline: findings, plan, comment, reports.")
@click.option("--base", required=True, metavar="REV", help="The revision that the change is to be merged into, and judged by.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write comment, summary and reports into this folder.")
@click.option("--fail-on-existing", "strict", is_flag=True, help="Fail on findings that the base has too.")
@click.option("--lift-brake", "lifted", multiple=True, metavar="NAME", help="Lift one brake for this change; may be repeated.")
@click.option(
    "--approval", "reviews", multiple=True, metavar="NAME@COMMIT", help="Who approved which commit at the forge; may be repeated."
)
@click.option("--proposed", metavar="REV", help="The commit that was approved, where the change is the forge's merge of it.")
@click.option("--name", default="", metavar="WORD", help="Tells the comments of several gates of one repository apart.")
@fail_on_option
@common(state=False, outputs=("text", "json", "github"))
def command(context: Context, out: Path | None, name: str, **asked: Any) -> ExitCode:
    """Lint a change and plan it against its base, from the objects of the repository alone.

    Reads the commit HEAD, or the one named by --revision; nothing is checked out, executed, resolved or fetched. Rules, settings, waivers
    and brakes are those of the base. Fails (3) on findings that the base does not have, and (4) when a brake stands.

    For example: reconcile ci --base origin/main --out gate --output github
    """
    from reconcile.cli.judging import Asked, judge

    _mark(name)
    if out is not None:
        _prepare(out)
    judged = judge(context, Asked(**asked))
    if out is not None:
        for file, text in _files(judged, name):
            write(out / file, text)
    _print(context, judged)
    return judged.gate.code


def _mark(name: str) -> None:
    """Part of a comment of HTML."""
    if name and not all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in name.replace("--", " ")):
        raise click.BadParameter("letters, digits and single dashes only", param_hint="'--name'")


def _prepare(out: Path) -> None:
    """The folder, which must be one: a change could hold a link of that name, and everything would be written where it leads."""
    inside = not out.is_absolute() or out.is_relative_to(Path.cwd())
    linked = [part for part in (out, *(out.parents if inside else ())) if part.is_symlink()]
    if linked:
        raise SettingsError(f"{linked[-1]} is a link, and links are not followed", hint="Name a folder outside of the checkout with --out.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{out} cannot be made: {error.strerror}", hint="Name another folder with --out.") from error


def _files(judged: Judged, name: str) -> Iterator[tuple[str, Iterator[str]]]:
    from reconcile.report.gate_json import gate_json
    from reconcile.report.gate_markdown import SUMMARY_LIMIT, gate_markdown
    from reconcile.report.json_text import json_text

    gate, known, places = judged.gate, judged.known, judged.head.checks.places.get
    yield "comment.md", iter([gate_markdown(gate, known, mark=name, place_of=places)])
    yield "summary.md", iter([gate_markdown(gate, known, mark=name, limit=SUMMARY_LIMIT, place_of=places)])
    yield "result.json", iter([json_text(gate_json(gate, known), indent=2), "\n"])
    everything = judged.found([*gate.new, *gate.old])
    yield "findings.sarif", pieces("sarif", everything, Wishes())
    yield "code-quality.json", pieces("gitlab", everything, Wishes())
    counted = everything if gate.strict else judged.found(gate.new)
    yield "junit.xml", pieces("junit", counted, Wishes())
    yield "annotations.txt", pieces("github", counted, Wishes())


def _print(context: Context, judged: Judged) -> None:
    from reconcile.report.counted import several
    from reconcile.report.gate_json import gate_json
    from reconcile.report.gate_markdown import verdict
    from reconcile.report.plan_rules import refusal

    gate = judged.gate
    if context.as_json:
        context.json(gate_json(gate, judged.known))
        return
    shown: Found = judged.found([*gate.new, *gate.old] if gate.strict else gate.new)
    for piece in pieces(context.output, shown, Wishes(), color=context.color, columns=context.room):
        context.piece(piece)
    for note in gate.notes:
        context.say(note)
    for one in gate.judges:
        context.say(f"edits what judges it: {_spoken(one.what)} ({one.action})")
    if gate.waits:
        names = _spoken(several(gate.approvers or ()))
        context.say(
            f"needs the approval of one of {names}: a commit signed with their key, or a review handed in as --approval NAME@COMMIT"
        )
    for compared in gate.environments:
        for brake in compared.plan.brakes if compared.plan is not None else ():
            context.say(f"brake {brake.name} of {compared.environment}: {_spoken(brake.message)}")
        if compared.plan is not None and (words := refusal(compared.plan)):
            context.say(f"{compared.environment}: {_spoken(words)}")
        if compared.plan is None:
            context.say(f"{compared.environment} could not be compared: {_spoken(compared.problem)}")
    context.say(f"{verdict(gate)}; {len(gate.new):,} new, {len(gate.old):,} not new, {gate.mended:,} mended")


def _spoken(text: str) -> str:
    """Text of the change in the log of a pipeline: GitHub's runner takes `##[command]` for one of its own wherever it stands in a line."""
    from reconcile.report.safe_text import neutral

    return neutral(text).replace("##[", "# #[")
