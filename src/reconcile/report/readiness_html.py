"""A readiness report as one page: no script, nothing loaded from anywhere, everything escaped, made for screen and paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from reconcile.policy.readiness import Affected, Lack, Readiness, Standing
from reconcile.report.counted import counted
from reconcile.report.readiness_text import elsewhere_words, standing_words, totals
from reconcile.report.rule_facts import Facts, facts_about
from reconcile.report.safe_text import neutral

#: Mailboxes named of a profile; the JSON form names all.
_NAMED: Final = 60
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE: Final = """\
:root { --ink: #1c2430; --quiet: #5a6675; --line: #d5dbe3; --paper: #fff; --shade: #f5f7fa;
  --stopped: #a4161a; --stops: #b45309; --attention: #7a6200; --ready: #1b6b3a; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.5rem 3rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .5rem 0; max-width: 48rem; }
.quiet { color: var(--quiet); }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid var(--line); }
th { font-size: .85rem; color: var(--quiet); font-weight: 600; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.date { white-space: nowrap; font-variant-numeric: tabular-nums; }
section.profile { border: 1px solid var(--line); border-left: .4rem solid var(--mark); border-radius: .35rem;
  padding: 1rem 1.25rem; margin: 1rem 0; }
.stopped { --mark: var(--stopped); } .stops { --mark: var(--stops); }
.attention { --mark: var(--attention); } .ready { --mark: var(--ready); }
.head { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; align-items: baseline; }
.standing { color: var(--mark); font-weight: 700; white-space: nowrap; }
.what { margin: .25rem 0 .5rem; color: var(--quiet); overflow-wrap: anywhere; }
.lack { margin: .9rem 0 0; break-inside: avoid; }
.lack p { margin: .2rem 0; overflow-wrap: anywhere; }
.lack .rule { font-size: .85rem; color: var(--quiet); }
.do { background: var(--shade); border-radius: .25rem; padding: .5rem .75rem; }
.mailboxes { columns: 3 14rem; margin: .9rem 0 0; padding: 0; list-style: none; font-size: .9rem; overflow-wrap: anywhere; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .75rem; font-size: .85rem; color: var(--quiet); }
@media (max-width: 40rem) { body { padding: 1rem .75rem; } th, td { padding: .4rem .3rem; } .date { white-space: normal; } }
@media print {
  @page { size: A4; margin: 18mm 16mm; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h1 { font-size: 17pt; } h2 { font-size: 13pt; break-after: avoid; } h3 { font-size: 11.5pt; }
  .head, .what { break-after: avoid; }
  .do { background: none; border: 1px solid var(--line); }
  section.profile { break-inside: auto; }
  .mailboxes { columns: 3 11rem; font-size: 8pt; }
  footer { break-inside: avoid; }
}
"""


def readiness_html(found: Readiness, known: Facts, *, source: str) -> str:
    """One self-contained page, with a trailing line break."""
    return "\n".join(_page(found, known, source)) + "\n"


def _text(text: object) -> str:
    return escape(neutral(str(text)), quote=True)


def _page(found: Readiness, known: Facts, source: str) -> Iterator[str]:
    topic = found.topic
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY, quote=True)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" content="no-referrer">'
    yield f"<title>{_text(topic.title)}: {_text(found.environment)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>"
    yield f"<header>\n<h1>{_text(topic.title)}</h1>"
    yield f'<p class="quiet">Environment {_text(found.environment)} of {_text(source)}, judged on {found.today:%Y-%m-%d}.</p>'
    yield f"<p>{_text(topic.summary)}</p>\n</header>\n<main>"
    yield "<h2>What stops, and when</h2>"
    yield from _totals(found)
    yield "<h2>Profiles</h2>"
    for one in found.profiles:
        yield from _profile(one, found, known)
    if not found.profiles:
        yield f"<p>No profile {'that is judged ' if found.elsewhere else ''}is concerned.</p>"
    for name, display_name, mailboxes in found.elsewhere:
        yield f"<p>{_text(elsewhere_words(name, display_name, mailboxes))}</p>"
    if found.held:
        yield f"<p>{counted(found.held, 'document')} could not be judged; <code>reconcile lint</code> says why.</p>"
    yield "</main>\n<footer>"
    yield f"<p>Sources: {'; '.join(_text(words) for words in dict.fromkeys(one.source for one in topic.milestones))}.</p>"
    yield "<p>Judged by what is declared: a permission or a switch of a tenant that nobody wrote down is not known here.</p>"
    yield "</footer>\n</body>\n</html>"


def _totals(found: Readiness) -> Iterator[str]:
    yield '<table>\n<thead><tr><th scope="col">Date</th><th scope="col">What happens</th>'
    yield '<th scope="col" class="number">Profiles</th><th scope="col" class="number">Mailboxes</th></tr></thead>\n<tbody>'
    for date, words, profiles, mailboxes in totals(found):
        numbers = f'<td class="number">{profiles:,}</td><td class="number">{mailboxes:,}</td>'
        yield f'<tr><td class="date">{date or "–"}</td><td>{_text(words)}</td>{numbers}</tr>'
    yield "</tbody>\n</table>"


def _profile(one: Affected, found: Readiness, known: Facts) -> Iterator[str]:
    yield f'<section class="profile {one.standing}">'
    title = f"{_text(one.display_name)} ({_text(one.key.name)})" if one.display_name else _text(one.key.name)
    yield f'<div class="head"><h3>{title}</h3><span class="standing">{_text(standing_words(one))}</span></div>'
    about = ", ".join(_text(words) for words in (one.server_type, one.server) if words)
    yield f'<p class="what">{about}; {counted(len(one.mailboxes), "mailbox", "mailboxes")}</p>'
    for lack in one.lacks:
        yield from _lack(lack, known)
    if one.standing is Standing.READY and not one.lacks:
        yield f"<p>{_text(found.topic.ready)}</p>"
    if one.mailboxes:
        yield from _mailboxes([address for _, address in one.mailboxes])
    yield "</section>"


def _lack(lack: Lack, known: Facts) -> Iterator[str]:
    finding = lack.finding
    start = "" if lack.start is None else f" from {lack.start:%Y-%m-%d}"
    yield f'<div class="lack">\n<p>{_text(finding.message)}</p>'
    place = f"{_text(finding.position.file)}:{finding.position.line}"
    yield f'<p class="rule">{finding.severity}{start} · {_text(finding.rule)} · {place}</p>'
    remedy = facts_about(finding.rule, finding.severity, known).remedy or finding.hint
    if remedy:
        yield f'<p class="do"><strong>To do:</strong> {_text(remedy)}</p>'
    yield "</div>"


def _mailboxes(addresses: Iterable[str]) -> Iterator[str]:
    named = [*addresses]
    yield '<ul class="mailboxes">'
    for address in named[:_NAMED]:
        yield f"<li>{_text(address)}</li>"
    if len(named) > _NAMED:
        yield f'<li class="quiet">and {len(named) - _NAMED:,} more; the JSON form names all</li>'
    yield "</ul>"
