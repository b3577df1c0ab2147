"""Whatever changes between two runs, and how often it changes back: lint says the same with what it kept as without."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import reconcile.wiring.estate
import reconcile.wiring.policies
from reconcile.cli.main import run
from reconcile.ports.source import Source
from reconcile.source.folder import FolderSource

EDITS = 50
_HEAD = "apiVersion: reconcile/v1alpha2\nkind: {}\nmetadata: {{name: {}{}}}\n"


def _document(kind: str, name: str, body: str, labels: str = "") -> str:
    return _HEAD.format(kind, name, labels) + body


def _environment(name: str, zone: str, layers: str) -> str:
    return _document("Environment", name, f"spec:\n  target: {{type: engine}}\n  timeZone: {zone}\n  layers: [{layers}]\n")


def _rule(name: str, severity: str, message: str, assert_: str, over: str = "Mailbox", most: int = 3) -> str:
    return _document(
        "PolicyRule",
        name,
        f"""spec:
  title: A rule
  severity: {severity}
  message: {message!r}
  rationale: So.
  remediation: Do it.
  sources: [{{title: Own, date: "2026"}}]
  appliesTo: {over}
  parameters: {{most: {{description: Most of them, default: {most}, maximum: 5}}}}
  at: [{over.lower() if over == "Mailbox" else "profile"}.displayName]
  assert: {assert_}
""",
    )


def _mailbox(name: str, spec: str, team: str) -> str:
    return _document(
        "Mailbox", name, f"spec: {{displayName: {name}, emailAddress: {name}@contoso.example{spec}}}\n", f", labels: {{team: {team}}}"
    )


#: File → what may stand in it; None: there is no such file. Two choices are often of one length.
_CHOICES: dict[str, list[str | None]] = {
    "environments/a.yaml": [_environment("a", zone, layers) for zone in ("UTC", "Asia/Tokyo") for layers in ("base", "base, over")],
    "environments/b.yaml": [_environment("b", "UTC", "base"), _environment("b", "UTC", "over, base"), None],
    "base/settings.yaml": [
        _document("PolicySettings", "house", f"spec: {{rules: {{own-length: {{{one}}}, ours: {{severity: {weight}}}}}}}\n")
        for one in ("enabled: false", "severity: error", "parameters: {most: 4}", "parameters: {most: 9}", "parameters: {most: x}")
        for weight in ("error", "warning")
    ],
    "over/settings.yaml": [
        None,
        _document("PolicySettings", "house", "spec: {rules: {own-length: {severity: information}}, failOn: warning}\n"),
        _document("PolicySettings", "other", "spec: {environments: [b], rules: {own-length: {severity: warning}}}\n"),
    ],
    "base/waivers.yaml": [
        None,
        *(
            _document("Waiver", "w", f"spec: {{rules: [own-length], selector: {{{whose}}}, reason: So, approver: me, expires: {end}}}\n")
            for whose in ("names: ['s*']", "names: ['i*']", "labels: {team: b}", "everything: true")
            for end in ("2026-11-22", "2026-11-23", "2027-03-01", "2099-01-01")
        ),
    ],
    "base/rules.yaml": [
        _rule("own-length", severity, message, f"size(mailbox.name) > params.most{more}", most=most)
        for severity in ("error", "warning")
        for message in ("{mailbox.name} is short", "since {mailbox.processEmailFrom}")
        for more in ("", " || counts.elsewhere == []", " && mailbox.labels.team != 'b'")
        for most in (3, 4)
    ],
    "over/rules.yaml": [
        None,
        _rule("broken", "error", "{mailbox.nome}", "true"),
        _rule("ours", "error", "taken", "false"),
        _rule("second", "warning", "{profile.displayName} is full", "counts.mailboxes < params.most", over="EmailServerProfile"),
        _rule("third", "warning", "at {provider.name}", "provider.name != 'own'", over="EmailServerProfile"),
    ],
    "base/provider.yaml": [
        None,
        *(
            _document(
                "MailProvider",
                "own",
                f"""spec:
  displayName: Own
  hosting: self-hosted
  domains: [contoso.example]
  sources: {{book: {{title: Book, date: "2026-11-02"}}}}
  source: book
  endpoints: {{imap: {{host: {host}.contoso.example, port: 993, tls: implicit}}}}
""",
            )
            for host in ("imap", "mail")
        ),
    ],
    "base/assignment.yaml": [
        None,
        *(
            _document("MailboxAssignment", "queues", f"spec: {{priority: {first}, selector: {{labels: {{team: {team}}}}}, settings: {{{gives}}}}}\n")
            for first in (1, 2)
            for team in ("a", "b")
            for gives in ("profile: one", "incoming: server-side", "profile: nobody")
        ),
    ],
    "base/profile.yaml": [
        _document("EmailServerProfile", "one", f"spec: {{displayName: {name}, serverType: imap-smtp, incoming: {{server: {host}.contoso.example}}}}\n")
        for name in ("One", "Two")
        for host in ("imap", "mail")
    ],
    **{
        f"base/m-{name}.yaml": [
            None,
            *(
                lead + _mailbox(name, spec, team)
                for lead in ("", "# one\n", "\n# two\n\n")
                for spec in ("", ", type: queue, processEmailFrom: 2026-01-01", ", profile: one", ", profile: one, incoming: server-side", ", type: quue", ", password: hunter2")
                for team in ("a", "b")
            ),
            _mailbox(name, "", "a") + "---\n" + _mailbox("info", "", "b"),
        ]
        for name in ("sales", "info", "it", "hr")
    },
}  # fmt: skip
#: Rules that come with reconcile, in a folder that is edited as well.
_SHIPPED: list[str | None] = [_rule("ours", severity, message, "mailbox.type != 'queue'") for severity in ("error", "warning") for message in ("no queue", "no kueue")]  # fmt: skip


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Without waiting until files have settled: each run takes longer than a tick of the file system."""

    def settled(directory: Path, revision: str | None) -> Source:
        return FolderSource(directory, now=lambda: time.time() + 60)

    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(reconcile.wiring.estate, "open_source", settled)
    monkeypatch.setattr(reconcile.wiring.policies, "shipped_folder", lambda: tmp_path / "shipped")

    def said(*words: str) -> str:
        code = run(["lint", "-C", str(tmp_path / "estate"), "--output", "json", *words])
        return f"{code} {capsys.readouterr().out}"

    return said


@pytest.mark.parametrize("seed", range(4))
def test_kept_and_fresh_say_the_same(tmp_path: Path, lint: Callable[..., str], seed: int) -> None:
    chance = random.Random(seed)
    places = {tmp_path / "estate" / name: choices for name, choices in _CHOICES.items()}
    places[tmp_path / "shipped" / "ours.yaml"] = _SHIPPED
    for place, choices in places.items():
        _write(place, chance.choice(choices))
    outputs = {lint("--no-cache")}
    for number in range(EDITS):
        edited = chance.sample(sorted(places), chance.choice((1, 1, 1, 2)))
        for place in edited:
            _write(place, chance.choice(places[place]))
        warm, fresh = lint(), lint("--no-cache")
        assert warm == fresh, f"edit {number} of {[one.name for one in edited]}"
        assert lint() == fresh, "and again, of what was kept just now"
        outputs.add(fresh)
    assert len(outputs) > EDITS / 2


def _write(place: Path, text: str | None) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        place.unlink(missing_ok=True)
    else:
        place.write_text(text, encoding="utf-8")
