"""The comment of a gate: it fits whatever happens, each part keeps its share, and nothing in it is anything but text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.change import Cause, Create, Moved, Plan
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.gate import Compared, Gate, JudgeChange
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.report.gate_markdown import MOST_OCTETS, SUMMARY_LIMIT, gate_markdown, marker
from reconcile.report.markdown_blocks import LIMIT
from reconcile.report.rule_facts import RuleFacts
from support.comment import harm
from support.findings import HOSTILE, finding

TEXT = st.text(max_size=20) | st.sampled_from((HOSTILE, "</details>", "<!-- reconcile ci -->", "@all", "#1", "- a\n# b", "```"))
JUDGES = st.builds(
    JudgeChange,
    what=TEXT,
    action=st.sampled_from(("added", "changed", "removed")),
    position=st.none() | st.builds(Position, TEXT, st.integers(1, 9)),
    changes=st.lists(TEXT, max_size=3).map(tuple),
    approved=st.just("") | TEXT,
)


def plan(number: int, environment: str = "prod") -> Compared:
    cause = Cause(moved=Moved.GIT, position=Position("a.yaml", 1))
    changes = tuple(
        Create(
            key=Key("Mailbox", f"m{one}"),
            spec={"emailAddress": f"m{one}@contoso.example", f"x{one}": 1},
            cause=cause,
            consequences=(f"c{one}",),
        )
        for one in range(number)
    )
    made = Plan(target="git", environment=environment, organization_id=None, source="x", revision="", changes=changes, against="git:main")
    return Compared(environment=environment, plan=made)


def gate(**more: object) -> Gate:
    known = {
        "base": "origin/main",
        "base_commit": "a" * 40,
        "compared_commit": "a" * 40,
        "head_commit": "b" * 40,
        "prefix": "",
        "new": (),
        "old": (),
        "mended": 0,
        "judges": (),
        "approvers": None,
        "environments": (),
        "fail_on": Severity.ERROR,
        "strict": False,
        "code": ExitCode.NOTHING_TO_DO,
    }
    return Gate(**{**known, **more})  # type: ignore[arg-type]


def different(number: int, words: str = "") -> list[Finding]:
    return [replace(finding(one, rule=f"rule-{one % 50}", cause=None), message=f"{one} {words}") for one in range(number)]


@given(st.lists(JUDGES, max_size=5), st.lists(TEXT, max_size=3), TEXT, TEXT)
@settings(max_examples=150, deadline=None)
def test_no_data_becomes_more_than_text(judges: list[JudgeChange], names: list[str], words: str, other: str) -> None:
    hostile = replace(finding(), rule=words, message=other, hint=words, position=Position(other), path=words)
    problem = Compared(environment=words, problem=other)
    known = {words: RuleFacts(id=words, title=other, severity=Severity.ERROR, why=words, remedy=other)}
    text = gate_markdown(
        gate(judges=judges, approvers=names or None, new=[hostile], old=[hostile], environments=[problem], base=words, prefix=other), known
    )
    assert [*harm(text)] == []
    assert text.startswith("<!-- reconcile ci -->\n### Configuration check ")
    assert text.count("<!-- reconcile ci -->\n") == 1


@pytest.mark.parametrize("words", ["x" * 300, "忘" * 100, "💥" * 100, HOSTILE], ids=["latin", "wide", "astral", "hostile"])
def test_it_fits_in_characters_and_octets(words: str) -> None:
    judges = [
        JudgeChange(what=f"PolicyRule/{one}", action="changed", changes=tuple(f"{words}{two}" for two in range(9))) for one in range(90)
    ]
    environments = [plan(150, f"env-{one}") for one in range(20)]
    whole = gate(new=different(2500, words), old=different(500), judges=judges, environments=environments, code=ExitCode.FINDINGS)
    text = gate_markdown(whole, {})
    assert len(text) <= LIMIT
    assert len(text.encode("utf-8", "replace")) <= MOST_OCTETS
    # Nothing pushes the rest out.
    assert "edits of what judges" in text
    assert "#### New findings: 2,500 errors" in text
    assert "findings did not fit" in text
    assert "### Plan for `env-0`" in text
    assert "8 more environments are not shown" in text
    assert "Not new, and failing nothing here: 500 errors" in text
    assert [*harm(text)] == []
    assert len(gate_markdown(whole, {}, limit=SUMMARY_LIMIT)) <= SUMMARY_LIMIT


def test_what_a_waiver_of_the_base_accepts_is_shown_when_it_is_new() -> None:
    waived = replace(finding(), accepted=Accepted(by="waiver", name="legacy"))
    text = gate_markdown(gate(new=[waived], old=[waived]), {})
    assert "### Configuration check passed" in text
    assert "#### New findings: 1 accepted" in text
    assert "  - accepted by waiver legacy" in text
    assert text.count("synchronises appointments") == 1


def test_a_summary_has_room_for_more() -> None:
    whole = gate(new=different(700), code=ExitCode.FINDINGS)
    assert "did not fit" in gate_markdown(whole, {})
    assert "did not fit" not in gate_markdown(whole, {}, limit=SUMMARY_LIMIT)


def test_what_one_part_does_not_need_goes_to_the_next() -> None:
    text = gate_markdown(gate(environments=[plan(400)]), {})
    assert len(text) < LIMIT
    assert "did not fit" not in text


def test_a_mark_tells_gates_apart() -> None:
    assert marker("") == "<!-- reconcile ci -->"
    assert gate_markdown(gate(), {}, mark="emea").splitlines()[0] == marker("emea") == "<!-- reconcile ci emea -->"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "passed"),
        ({"new": different(1), "code": ExitCode.FINDINGS}, "failed: 1 new finding at or above error"),
        ({"old": different(2), "strict": True, "code": ExitCode.FINDINGS}, "failed: 2 findings at or above error"),
        ({"old": different(2)}, "passed"),
        (
            {"judges": [JudgeChange(what="x", action="added")], "approvers": ["a"], "code": ExitCode.FINDINGS},
            "failed: an approval is missing",
        ),
        ({"judges": [JudgeChange(what="x", action="added", approved="a")], "approvers": ["a"]}, "passed"),
        ({"judges": [JudgeChange(what="x", action="added")]}, "passed"),
        ({"code": ExitCode.FINDINGS}, "failed: something is held"),
        (
            {"environments": [Compared(environment="x", problem="p", code=ExitCode.BRAKE)], "code": ExitCode.BRAKE},
            "failed: 1 environment could not be compared",
        ),
    ],
)
def test_the_verdict(more: dict[str, object], said: str) -> None:
    assert gate_markdown(gate(**more), {}).splitlines()[1] == f"### Configuration check {said}"
