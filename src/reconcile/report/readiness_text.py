"""A readiness report for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from reconcile.policy.readiness import Affected, Lack, Readiness, Standing
from reconcile.report.counted import counted
from reconcile.report.rule_facts import Facts, facts_about
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

#: Mailboxes named of a profile, unless all are asked for.
_NAMED: Final = 5
#: Columns of a line, where a terminal does not say less.
_WIDTH: Final = 120
_NARROWEST: Final = 60


def readiness_text(found: Readiness, known: Facts, *, source: str, fit: int | None, verbose: bool) -> str:
    """A table of milestones, then each profile with what is missing and what to do. Without a trailing line break."""
    return "\n".join(_lines(found, known, source, fit, verbose))


def standing_words(one: Affected) -> str:
    """How a profile stands, with its date."""
    match one.standing:
        case Standing.STOPPED:
            return "has stopped" if one.stops is None else f"has stopped, since {one.stops:%Y-%m-%d}"
        case Standing.STOPS:
            return f"stops on {one.stops:%Y-%m-%d}"
        case Standing.ATTENTION:
            return "needs attention"
        case Standing.READY:
            return "is ready"


def elsewhere_words(name: str, display_name: str, mailboxes: int) -> str:
    """What is said of a profile that others manage. Neither neutral nor escaped."""
    called = f"{name} ({display_name})" if display_name else name
    subject = counted(mailboxes, "mailbox", "mailboxes")
    return f"Not judged: {called} with {subject}. It is managed elsewhere (lifecycle: external), so look there whether it goes on."


def totals(found: Readiness) -> Iterator[tuple[str, str, int, int]]:
    """(date, what happens, profiles, mailboxes): the milestones, then those that no milestone stops."""
    for milestone in found.topic.milestones:
        stopping = found.stopping(milestone)
        yield f"{milestone.start:%Y-%m-%d}", milestone.says, len(stopping), sum(len(one.mailboxes) for one in stopping)
    undated = [one for one in found.standing(Standing.STOPPED) if one.stops is None]
    rest = (
        ("Has stopped already, whatever the date", undated),
        ("Needs attention: something is missing or not known", found.standing(Standing.ATTENTION)),
        ("Ready, as far as is declared", found.standing(Standing.READY)),
    )
    for words, profiles in rest:
        if profiles or words.startswith("Ready"):
            yield "", words, len(profiles), sum(len(one.mailboxes) for one in profiles)


def _lines(found: Readiness, known: Facts, source: str, fit: int | None, verbose: bool) -> Iterator[str]:
    yield found.topic.title
    yield f"environment {neutral(found.environment)} of {neutral(source)}, judged on {found.today:%Y-%m-%d}"
    yield ""
    width = _WIDTH if fit is None else max(_NARROWEST, min(fit, _WIDTH))
    headers = ("DATE", "WHAT HAPPENS", "PROFILES THAT STOP", "THEIR MAILBOXES")
    yield table(headers, [*totals(found)], limits=(None, 90, None, None), fit=fit)
    for one in found.profiles:
        yield ""
        yield from _profile(one, found, known, verbose, width)
    if not found.profiles:
        yield ""
        yield "No profile that is judged is concerned." if found.elsewhere else "No profile is concerned."
    for name, display_name, mailboxes in found.elsewhere:
        yield ""
        yield from _wrapped("", neutral(elsewhere_words(name, display_name, mailboxes)), width)
    if found.held:
        yield ""
        yield f"{counted(found.held, 'document')} could not be judged; `reconcile lint` says why."


def _profile(one: Affected, found: Readiness, known: Facts, verbose: bool, width: int) -> Iterator[str]:
    name = f"{neutral(one.key.name)} ({neutral(one.display_name)})" if one.display_name else neutral(one.key.name)
    yield f"{name} {standing_words(one)}: {counted(len(one.mailboxes), 'mailbox', 'mailboxes')}"
    for lack in one.lacks:
        yield from _lack(lack, known, width)
    if one.standing is Standing.READY and not one.lacks:
        yield from _wrapped("  ", found.topic.ready, width)
    addresses = [address for _, address in one.mailboxes]
    shown = addresses if verbose else addresses[:_NAMED]
    if shown:
        more = f" and {len(addresses) - len(shown):,} more (--verbose names them)" if len(shown) < len(addresses) else ""
        yield from _wrapped("  mailboxes: ", ", ".join(map(neutral, shown)) + more, width)


def _lack(lack: Lack, known: Facts, width: int) -> Iterator[str]:
    finding = lack.finding
    start = "" if lack.start is None else f" from {lack.start:%Y-%m-%d}"
    yield from _wrapped(f"  {finding.severity}[{finding.rule}]{start}: ", neutral(finding.message), width)
    yield f"    at {neutral(finding.position.file)}:{finding.position.line}"
    remedy = facts_about(finding.rule, finding.severity, known).remedy or finding.hint
    if remedy:
        yield from _wrapped("    to do: ", neutral(remedy), width)


def _wrapped(head: str, text: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(head + text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
