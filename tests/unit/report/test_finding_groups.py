"""Findings of one cause are one block; nothing that says something of its own is swallowed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.report.finding_groups import grouped, kinds_of, worst_first
from reconcile.report.findings_text import findings_text, summary
from support.findings import FILES, PROFILE, finding, sample


def sizes(findings: list[Finding]) -> list[int]:
    return [len(group.findings) for group in grouped(findings)]


def test_one_profile_that_breaks_a_thousand_mailboxes_is_one_block_at_the_profile() -> None:
    (group,) = grouped([finding(number) for number in range(1000)])
    assert group.others == 999
    assert group.position == Position("profiles/hub.yaml", 4, 5, 21)
    (block,) = findings_text([finding(number) for number in range(1000)], FILES.get, color=False)
    assert block.splitlines()[1] == " --> profiles/hub.yaml:4:5"
    assert "1,000 mailboxes for this reason: Mailbox/user000000 (mailboxes/user0.yaml:1), " in block
    assert " and 997 more (--all shows each)" in block
    assert len(list(findings_text([finding(number) for number in range(1000)], FILES.get, color=False, every=True))) == 1000


@pytest.mark.parametrize(
    "other",
    [
        replace(finding(1), rule="other"),
        replace(finding(1), severity=Severity.WARNING),
        replace(finding(1), cause=Key("EmailServerProfile", "other")),
        replace(finding(1), cause=None),
        replace(finding(1), accepted=Accepted(by="baseline")),
    ],
)
def test_another_cause_is_another_group(other: Finding) -> None:
    assert sizes([finding(0), other]) == [1, 1]


def test_what_an_assignment_sets_is_one_group() -> None:
    at = Position("all.yaml", 3, 1)
    ones = [replace(finding(number, cause=None), position=at) for number in range(3)]
    assert sizes(ones) == [3]
    assert sizes([replace(ones[0], path="spec.other"), *ones[1:]]) == [1, 2]


def test_several_findings_about_one_resource_at_one_place_stay_apart() -> None:
    at = Position("all.yaml", 3, 1)
    assert sizes([replace(finding(0, cause=None), position=at, message=words) for words in ("one", "two")]) == [1, 1]


def test_the_place_of_a_cause_is_asked_for_where_findings_do_not_say_it() -> None:
    ones = [replace(finding(number), related=()) for number in range(2)]
    place = Position("profiles/hub.yaml", 1, 1)
    assert grouped(ones)[0].position == ones[0].position
    assert grouped(ones, {PROFILE: place}.get)[0].position == place


def test_every_finding_is_in_one_group() -> None:
    found = sample()
    together = [one for group in grouped(found) for one in group.findings]
    assert sorted(together, key=Finding.sort_key) == found
    severities = [group.first.severity for group in worst_first(grouped(found))]
    assert severities == sorted(severities, reverse=True)


def test_what_is_counted() -> None:
    assert kinds_of([finding(0)]) == "1 mailbox"
    mixed = [*(finding(number) for number in range(1200)), replace(finding(0), resource=PROFILE), replace(finding(0), resource=None)]
    assert kinds_of(mixed) == "1,200 mailboxes, 1 profile, 1 finding"


def test_accepted_findings_are_counted_apart() -> None:
    waived = replace(finding(0), accepted=Accepted(by="waiver", name="w"))
    assert summary([waived], files=2) == "no findings in 2 files; 1 accepted (--show-accepted shows them)"
    assert summary([finding(0), waived], files=2).startswith("1 error in 1 file; 2 files read; 1 accepted")
    (block,) = findings_text([waived], FILES.get, color=False)
    assert "= accepted by waiver w" in block


def test_the_same_mistake_down_a_column_of_a_table_is_one_block_and_others_stand_alone() -> None:
    def cell(line: int, rule: str = "schema/type", path: str = "spec.credentials.allowUse") -> Finding:
        about = Key("Mailbox", f"user{line}") if rule.startswith("schema/") else None
        place = Position("staff.csv", line, 20, 24)
        return Finding(
            rule=rule, severity=Severity.ERROR, message=f"line {line}", hint="write true", position=place, path=path, resource=about
        )

    found = [cell(line) for line in range(2, 62)]
    (block,) = findings_text(found, {}.get, color=False)
    assert "60 lines like this: staff.csv:2:20, staff.csv:3:20, staff.csv:4:20, and 57 more lines (--all shows each)" in block
    assert len(list(findings_text(found, {}.get, color=False, every=True))) == 60
    # What names no mailbox is put together, too; another column, another rule and what is wrong with the header are not.
    assert sizes([cell(line, "table/cells", "") for line in range(2, 6)]) == [4]
    assert sizes([cell(line) for line in range(2, 5)]) == [1, 1, 1], "a few are shown each"
    several = [cell(line, path=path) for path in ("spec.a", "spec.b") for line in range(2, 6)]
    assert sizes([*several, *(cell(line, "schema/value") for line in range(2, 6))]) == [4, 4, 4]
    assert sizes([cell(1, "table/header", "")] * 4) == [1, 1, 1, 1]
    # What names another place says something of its own.
    assert sizes([replace(cell(line), related=(Position("a.yaml"),)) for line in range(2, 6)]) == [1, 1, 1, 1]
