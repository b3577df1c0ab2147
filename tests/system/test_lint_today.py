"""`lint --today`: rules, waivers and the baseline as they will count on another day."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.command import Commands
from support.own_rules import shipped_off
from support.tree import ROOT
from support.waived import ENVIRONMENT, MAILBOX, RULE

_HYBRID = ROOT / "tests" / "estates" / "mistakes" / "60-on-premises-to-exchange-online-ends" / "estate"
_WAIVER = """\
apiVersion: reconcile/v1alpha2
kind: Waiver
metadata: {name: until-the-move}
spec:
  rules: [ews-online-retires]
  selector: {names: [exchange-online]}
  reason: The move is planned for March.
  approver: security-desk
  expires: 2027-03-15
"""


def _lint(commands: Commands, estate: Path, today: str) -> tuple[int, dict[str, Any]]:
    done = commands.run("lint", "-C", str(estate), "-o", "json", "--today", today)
    assert done.code in (0, 3), done.err
    document: dict[str, Any] = json.loads(done.out)
    assert document["today"] == today.replace("-4-1", "-04-01")
    return done.code, {one["rule"]: one for one in document["findings"]}


def test_a_rule_that_gets_heavier_and_a_waiver_that_has_ended_by_then(commands: Commands, tmp_path: Path) -> None:
    estate = tmp_path / "estate"
    shutil.copytree(_HYBRID, estate)
    (estate / "waiver.yaml").write_text(_WAIVER, encoding="utf-8")
    _, found = _lint(commands, estate, "2026-11-22")
    assert (found["ews-online-retires"]["severity"], found["ews-online-retires"]["accepted"]["name"]) == ("warning", "until-the-move")
    assert "waiver/expired" not in found
    _, found = _lint(commands, estate, "2027-03-31")
    assert (found["ews-online-retires"]["severity"], "accepted" in found["ews-online-retires"]) == ("warning", False)
    assert "waiver/expired" in found
    code, found = _lint(commands, estate, "2027-4-1")
    assert (code, found["ews-online-retires"]["severity"]) == (3, "error")
    assert found["waiver/expired"]["line"] == 9
    people = commands.run("lint", "-C", str(estate), "--today", "2027-04-01")
    assert (people.code, "error[ews-online-retires]" in people.out) == (3, True)
    assert "judged as on 2027-04-01" in people.err


def test_the_baseline_does_not_accept_what_weighs_more_by_then(commands: Commands, tmp_path: Path) -> None:
    later = RULE.replace("severity: error", "severity: warning") + "  escalations: [{from: 2990-04-01, severity: error}]\n"
    for name, text in {"environment": ENVIRONMENT, "rule": later, "sales": MAILBOX, "off": shipped_off()}.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    written = commands.run("lint", "-C", str(tmp_path), "--baseline", "write")
    assert written.code == 0, written.err
    code, found = _lint(commands, tmp_path, "2990-03-31")
    assert (code, found["our-names"]["accepted"]["by"]) == (0, "baseline")
    code, found = _lint(commands, tmp_path, "2990-04-01")
    assert (code, found["our-names"]["severity"], "accepted" in found["our-names"]) == (3, "error", False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--today", "2027-02-30"), "--today '2027-02-30' is no day"),
        (("--today", ""), "--today '' is no day"),
        (("--today", "tomorrow"), "write it as 2027-03-01"),
        (("--today", "9999-12-31"), "write a day from 2000 to 2999"),
        (("--today", "0227-03-01"), "write a day from 2000 to 2999"),
        (("--today", "2027-04-01", "--fix"), "--today looks ahead and writes nothing"),
        (("--today", "2027-04-01", "--baseline", "write"), "--today looks ahead and writes nothing"),
        (("--today", "2027-04-01", "--baseline", "shrink"), "--today looks ahead and writes nothing"),
    ],
)
def test_what_is_refused(commands: Commands, words: tuple[str, ...], said: str) -> None:
    done = commands.run("lint", "-C", str(_HYBRID), *words)
    assert (done.code, done.out, said in done.err) == (64, "", True), done.err
