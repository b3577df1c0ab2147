"""The readiness page: hostile names stay text, nothing is loaded, the structure is sound, and print has its own rules."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.policy.readiness import Affected, Lack, Readiness, Standing
from reconcile.policy.readiness_topics import TOPICS
from reconcile.report.readiness_html import readiness_html
from reconcile.report.readiness_json import readiness_json
from reconcile.report.readiness_text import readiness_text
from support.exports import TRAPS

_TOPIC = TOPICS["ews-retirement"]
_TODAY = datetime(2026, 11, 22, tzinfo=UTC)
_VOID = {"meta"}
_ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "h1", "h2", "h3", "p", "table", "thead", "tbody", "tr"),
    *("th", "td", "section", "div", "span", "strong", "code", "ul", "li"),
}
_HOSTILE = (
    *TRAPS,
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' style='background:url(https://attacker.example)",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "\x1b[31mred\x1b[0m",
    "\u202egpj.exe",
)


class _Page(HTMLParser):
    """Collects tags and attributes; raises for a tag that closes another than the open one."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _affected(text: str, *, mailboxes: int = 1, standing: Standing = Standing.STOPS) -> Affected:
    finding = Finding(rule="ews-online-retires", severity=Severity.WARNING, message=text, position=Position(text, 3, 1), hint=text)
    return Affected(
        key=Key("EmailServerProfile", "exchange"),
        display_name=text,
        server_type=text,
        server=text,
        standing=standing,
        stops=_TOPIC.milestones[-1].start if standing is Standing.STOPS else None,
        mailboxes=tuple((f"m{number}", f"{text}{number}@contoso.example") for number in range(mailboxes)),
        lacks=(Lack(finding=finding), Lack(finding=finding, start=_TOPIC.milestones[-1].start)),
    )


def _readiness(*profiles: Affected, environment: str = "production", held: int = 0) -> Readiness:
    return Readiness(topic=_TOPIC, environment=environment, today=_TODAY, profiles=profiles, held=held)


def _page(text: str) -> str:
    found = replace(_readiness(_affected(text), environment=text, held=2), elsewhere=((text, text, 3),))
    return readiness_html(found, {}, source=text)


def test_hostile_texts_stay_texts() -> None:
    for text in _HOSTILE:
        page = _Page(_page(text))
        assert page.tags <= _ALLOWED, text
        assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}, text


@given(st.text(max_size=60))
def test_any_text_stays_text(text: str) -> None:
    page = _Page(_page(text))
    assert page.tags <= _ALLOWED
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}
    assert not any(char in "".join(page.text) for char in "\x1b\u202e\u2066\x07")


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = _page("Exchange")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert "default-src 'none'" in page.replace("&#x27;", "'")
    assert not re.search(r"url\(|@import|expression\(|https?:|//", style)
    assert not re.search(r"<(script|link|img|iframe|object|embed|form|a)\b|\son\w+=|(src|href)=", page)


def test_paper_has_its_own_rules() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", _page("Exchange"), re.DOTALL)
    screen, _, paper = style.partition("@media print")
    assert "@page" in paper
    assert "break-inside: avoid" in screen
    assert "display: table-header-group" in screen


def test_a_long_list_is_cut_on_the_page_and_whole_for_programs() -> None:
    found = _readiness(_affected("x", mailboxes=5_000))
    page = readiness_html(found, {}, source="estate")
    assert page.count("@contoso.example") == 60
    assert "and 4,940 more" in page
    assert ">5,000</td>" in page
    document = readiness_json(found, {}, source="estate", code=0)  # type: ignore[arg-type]
    assert str(document).count("@contoso.example") == 5_000
    short = readiness_text(found, {}, source="estate", fit=None, verbose=False)
    assert "and 4,995 more (--verbose names them)" in " ".join(short.split())
    assert readiness_text(found, {}, source="estate", fit=None, verbose=True).count("@contoso.example") == 5_000


def test_nothing_concerned_is_said() -> None:
    assert "No profile is concerned." in readiness_html(_readiness(), {}, source="estate")
    assert "No profile is concerned." in readiness_text(_readiness(), {}, source="estate", fit=None, verbose=False)


def test_text_is_harmless_on_a_terminal() -> None:
    for text in _HOSTILE:
        shown = readiness_text(_readiness(_affected(text), environment=text), {}, source=text, fit=80, verbose=True)
        assert not any(char in shown for char in "\x1b\u202e\u2066\x07")


def test_what_is_not_judged_is_said_in_every_form() -> None:
    found = replace(_readiness(), elsewhere=(("platform", "Microsoft Exchange Online", 266),))
    text = readiness_text(found, {}, source="/estate", fit=None, verbose=False)
    assert "No profile that is judged is concerned." in text
    assert "Not judged: platform (Microsoft Exchange Online) with 266 mailboxes." in text
    assert "platform (Microsoft Exchange Online) with 266 mailboxes" in readiness_html(found, {}, source="/estate")
    document = readiness_json(found, {}, ExitCode.NOTHING_TO_DO, source="/estate")
    assert document["notJudged"] == [{"name": "platform", "displayName": "Microsoft Exchange Online", "mailboxes": 266}]


def test_sentences_fit_a_narrow_terminal() -> None:
    one = _affected("a word " * 40)
    found = replace(_readiness(one), elsewhere=(("platform", "Microsoft Exchange Online", 266),))
    _, _, below = readiness_text(found, {}, source="/estate", fit=80, verbose=False).partition("exchange (")
    assert max(len(line) for line in below.splitlines()[1:] if " at " not in line) <= 80
