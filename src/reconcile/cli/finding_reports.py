"""Findings in the forms that people and other programs read them in, on stdout and into files: what lint and ci share."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconcile.cli.context import Command, Context
from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position

if TYPE_CHECKING:
    from reconcile.report.fix_text import Offer
    from reconcile.report.rule_facts import Facts

#: What --output of lint takes, and --report FORMAT=FILE.
FORMS = ("text", "json", "sarif", "junit", "github", "gitlab", "markdown")
#: Formats that say so themselves, or whose standard does (RFC 8259, 8.1).
_ALWAYS_UTF8 = ("sarif", "junit", "gitlab")
_GATES = ("error", "warning", "information", "never")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line asks of reports. `fail_on` is None where it says nothing, "never" where nothing is to fail."""

    fail_on: str | None = None
    every: bool = False
    show_accepted: bool = False
    files: tuple[tuple[str, Path], ...] = ()

    def gate(self, declared: Severity) -> Severity | None:
        """From where on findings fail; `declared` is what the estate says (PolicySettings.failOn). None: nothing fails."""
        if self.fail_on is None:
            return declared
        return None if self.fail_on == "never" else Severity[self.fail_on.upper()]


def _nowhere(key: Key) -> Position | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is reported. `head` is what the JSON document says beside the findings; `contents` reads a file of the estate; `prefix` is the
    estate's folder inside its repository; `old` are marks of findings that the base has too, None where nobody compared; `docs_url` is
    where the documentation can be read, `place_of` where the cause of a finding is declared."""

    findings: Sequence[Finding]
    files: int
    head: dict[str, object]
    contents: Callable[[str], bytes | None]
    prefix: str
    gate: Severity | None
    known: Facts
    old: frozenset[str] | None = None
    offers: Mapping[Finding, Offer] = field(default_factory=dict)
    diff: Sequence[str] = ()
    docs_url: str = ""
    place_of: Callable[[Key], Position | None] = _nowhere


def fail_on_option(function: Command) -> Command:
    """--fail-on; the command gets it as `fail_on`, None where it is not given."""
    words = "Findings from here on end with 3 [PolicySettings.failOn, else error]."
    return click.option("--fail-on", type=click.Choice(_GATES), help=words)(function)


def strictest(declared: Iterable[Severity]) -> Severity:
    """Of several environments the one that fails first; without any, errors fail."""
    return min(declared, default=Severity.ERROR)


def reporting(function: Command) -> Command:
    """Options of commands that report findings; the command gets them as `wishes`."""

    @functools.wraps(function)
    def with_wishes(context: Context, **options: Any) -> Any:
        old_name, fail_on = options.pop("gate"), options.pop("fail_on")
        wishes = Wishes(
            fail_on=fail_on or old_name,
            every=options.pop("every"),
            show_accepted=options.pop("show_accepted"),
            files=tuple(_form_and_file(text) for text in options.pop("report")),
        )
        return function(context, wishes=wishes, **options)

    wrapped: Command = with_wishes
    for option in (
        click.option("--report", multiple=True, metavar="FORMAT=FILE", help="Write this form of the report too; may be repeated."),
        click.option("--show-accepted", is_flag=True, help="Show what a waiver or the baseline accepts, not only its number."),
        click.option("--all", "every", is_flag=True, help="Show each finding, not one block for many with one cause."),
        click.option("--gate", type=click.Choice(_GATES), hidden=True),
        fail_on_option,
    ):
        wrapped = option(wrapped)
    return wrapped


def _form_and_file(text: str) -> tuple[str, Path]:
    form, equals, file = text.partition("=")
    if form not in FORMS or not equals or not file:
        raise click.BadParameter(f"{text!r} is not FORMAT=FILE with one of {', '.join(FORMS)}", param_hint="'--report'")
    return form, Path(file)


def report(context: Context, found: Found, wishes: Wishes) -> None:
    """Print in the form that --output names, and write the files of --report. Raises SettingsError for a file that cannot be written."""
    from reconcile.report.findings_text import summary

    for form, file in wishes.files:
        write(file, pieces(form, found, wishes))
    if context.as_json and sys.stdout.isatty():
        from reconcile.report.findings_json import findings_json

        context.json({**found.head, "findings": findings_json(found.findings, found.known, found.offers)})
        return
    if context.output in _ALWAYS_UTF8 and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    for piece in pieces(context.output, found, wishes, color=context.color, columns=context.room):
        context.piece(piece)
    if not context.as_json:
        context.say(summary(found.findings, files=found.files))


def pieces(form: str, found: Found, wishes: Wishes, *, color: bool = False, columns: int = 100) -> Iterator[str]:
    """One form of the report. Each piece can be written at once; nothing is kept."""
    match form:
        case "json":
            from reconcile.report.findings_json import findings_document

            return findings_document(found.head, found.findings, found.known, found.offers)
        case "sarif":
            from reconcile import __version__
            from reconcile.report.sarif import sarif

            return sarif(
                found.findings,
                found.known,
                version=__version__,
                prefix=found.prefix,
                old=found.old,
                docs_url=found.docs_url,
                offers=found.offers,
            )
        case "junit":
            from reconcile.report.junit import junit

            return junit(found.findings, fail_on=found.gate, prefix=found.prefix)
        case "github":
            from reconcile.report.github_annotations import github_annotations

            return github_annotations(found.findings, prefix=found.prefix, place_of=found.place_of)
        case "gitlab":
            from reconcile.report.code_quality import code_quality

            return code_quality(found.findings, prefix=found.prefix)
        case "markdown":
            from reconcile.report.findings_markdown import findings_markdown

            return iter([findings_markdown(found.findings, found.known, place_of=found.place_of, show_accepted=wishes.show_accepted)])
        case _:
            return _text(found, wishes, color, columns)


def _text(found: Found, wishes: Wishes, color: bool, columns: int) -> Iterator[str]:
    from reconcile.report.findings_text import findings_text

    shown = [finding for finding in found.findings if finding.counts or wishes.show_accepted]
    for block in findings_text(shown, found.contents, color=color, columns=columns, every=wishes.every, place_of=found.place_of):
        yield f"{block}\n\n"
    yield from _offered(found)


def _offered(found: Found) -> Iterator[str]:
    """What a person must do, then what a program can: the difference comes last, so that `git apply` takes the whole output."""
    from reconcile.report.safe_text import neutral

    by_words: dict[tuple[str, str, str], dict[str, None]] = {}
    for finding in found.findings:
        offer = found.offers.get(finding)
        if offer is not None and not offer.replacements:
            # What is said of many in the same words is said once.
            before, whom, after = offer.words.partition(str(finding.resource))
            by_words.setdefault((f"{finding.rule}: {before}", "" if whom else offer.words, after), {})[whom] = None
    for (before, _, after), everyone in by_words.items():
        first, *more = everyone
        yield f"suggestion: {neutral(before)}{neutral(first)}{f' and {len(more)} more' if more else ''}{neutral(after)}\n"
    if by_words and found.diff:
        yield "\n"
    terminal = sys.stdout.isatty()
    for text in found.diff:
        yield neutral(text, keep_lines=True) if terminal else text


def write(file: Path, text: Iterable[str]) -> None:
    """A file of UTF-8 text, whole or not at all; a link of that name is replaced, never followed. Raises SettingsError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.unfinished")
    try:
        draft.unlink(missing_ok=True)  # of a process that had this number before, and died
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
                stream.writelines(text)
            draft.replace(file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}", hint="Check folder, permissions and free space.") from error
