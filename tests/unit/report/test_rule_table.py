"""The list of rules: its columns in a terminal and in a pipe."""

from __future__ import annotations

from dataclasses import replace

from reconcile.model.finding import Severity
from reconcile.model.key import Key
from reconcile.report.rule_table import ListedRule, rule_table
from support.judging import TODAY, compiled, rule_text


def _listed(severity: Severity) -> ListedRule:
    (own,) = compiled(rule_text("mailbox.name != 'x'", severity="error"))[0]
    given = {"severity": Key("PolicySettings", "ours")} if severity is not own.severity else {}
    return ListedRule(own=own, now=replace(own, severity=severity), source="reconcile", set_by=given)


def test_a_terminal_shows_one_severity_where_both_are_the_same() -> None:
    same, other = _listed(Severity.ERROR), _listed(Severity.WARNING)
    assert rule_table([same], today=TODAY, fit=80).split("\n")[0].split()[:3] == ["rule", "weighs", "now"]
    both = rule_table([same, other], today=TODAY, fit=200)
    assert both.split("\n")[0].split()[:4] == ["rule", "severity", "weighs", "now"]
    assert "error     warning (set by PolicySettings/ours)" in both.split("\n")[2]


def test_a_pipe_has_always_the_same_columns() -> None:
    heads = [rule_table([_listed(one)], today=TODAY, fit=None).split("\n")[0].split() for one in (Severity.ERROR, Severity.WARNING)]
    assert heads[0] == heads[1] == ["rule", "severity", "weighs", "now", "looks", "at", "tags", "state", "source"]
