"""A rule that many objects break, each for itself: the first few are shown, the rest is counted."""

from __future__ import annotations

import pytest

from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.report.findings_text import findings_text, next_step


def finding(number: int, rule: str = "password-expires", severity: Severity = Severity.WARNING, cause: Key | None = None) -> Finding:
    return Finding(
        rule=rule,
        severity=severity,
        cause=cause,
        message=f"m{number}",
        position=Position(f"{number:03}.yaml", 3),
        resource=Key("Mailbox", f"m-{number}"),
    )


def texts(findings: list[Finding], *, every: bool = False) -> list[str]:
    return [*findings_text(findings, lambda path: None, color=False, every=every)]


@pytest.mark.parametrize(("count", "blocks", "rest"), [(1, 1, ""), (10, 10, ""), (11, 3, "8"), (2000, 3, "1,997")])
def test_of_many_the_first_are_shown(count: int, blocks: int, rest: str) -> None:
    found = texts([finding(number) for number in range(count)])
    assert [text.splitlines()[0] for text in found[:blocks]] == [f"warning[password-expires]: m{number}" for number in range(blocks)]
    assert found[blocks:] == (
        [f"warning[password-expires]: found {rest} more times, each in a place of its own; --all shows them"] if rest else []
    )


def test_all_shows_each() -> None:
    assert len(texts([finding(number) for number in range(40)], every=True)) == 40


def test_other_rules_and_built_in_checks_are_shown_each() -> None:
    findings = [finding(number) for number in range(11)] + [finding(99, "other")] + [finding(number, "yaml/key") for number in range(12)]
    found = texts(sorted(findings, key=Finding.sort_key))
    assert sum("yaml/key" in text for text in found) == 12
    assert sum("other" in text for text in found) == 1
    assert len(found) == 3 + 1 + 12 + 1


@pytest.mark.parametrize(("count", "blocks"), [(3, 3), (4, 4), (11, 4)])
def test_of_what_only_informs_fewer_are_shown(count: int, blocks: int) -> None:
    found = texts([finding(number, severity=Severity.INFORMATION) for number in range(count)])
    assert len(found) == blocks
    assert found[-1].endswith("--all shows them") == (count > 3)


def test_of_more_than_anybody_mends_the_next_step_is_named() -> None:
    cause = Key("EmailServerProfile", "p")
    many = [finding(number, "start-date", cause=cause) for number in range(20)]
    assert next_step(many, has_baseline=False) == ""
    built_in = [finding(number, "yaml/key") for number in range(50)]
    assert next_step([*many, *built_in], has_baseline=False) == ""
    worst = finding(99, "act", Severity.ERROR)
    assert next_step([*many, worst], has_baseline=False) == (
        "21 findings of rules have 2 causes. Next: `reconcile explain act` says why it matters and where that is written; "
        "`reconcile lint --baseline write` accepts what there is now, so that only what is new counts."
    )
    assert "--baseline" not in next_step([*many, worst], has_baseline=True)
