"""Every finding is listed, explained and real."""

from __future__ import annotations

import re
from pathlib import Path

import reconcile
from reconcile.desired.rules import RULES, page
from support.golden import Golden

SOURCE = Path(reconcile.__file__).parent
ROOMS = ("source", "desired", "policy")
REPOSITORY = Path(__file__).parents[3]


def used() -> set[str]:
    pattern = re.compile(
        r'"((?:source|text|yaml|document|schema|fields|variable|reference|duplicate|secret|environment|management|layer|table|assignment|provider|policy|waiver|baseline|autodiscover)/[a-z-]+)"'
    )
    files = [file for room in ROOMS for file in (SOURCE / room).rglob("*.py") if file.name != "rules.py"]
    files += [SOURCE / "wiring" / f"{name}.py" for name in ("policies", "judging", "online_findings")]
    return {rule for file in files for rule in pattern.findall(file.read_text(encoding="utf-8"))}


def test_the_list_is_that_of_the_code() -> None:
    assert {rule.id for rule in RULES} == used()
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_the_page_is_made_from_the_list(golden: Golden) -> None:
    golden.check(page(), REPOSITORY / "docs" / "findings.md")


def test_every_rule_is_shown_by_a_case() -> None:
    """A rule that no bad input triggers is a rule nobody has seen."""
    texts = "\n".join(file.read_text(encoding="utf-8") for file in (REPOSITORY / "tests" / "golden" / "bad_inputs").glob("*/expected.txt"))
    shown = set(re.findall(r"\[([a-z]+/[a-z-]+)\]", texts))
    # These need a file too large for a golden case, or stand for what the schema does not have today; unit tests make them.
    elsewhere = {"yaml/too-long", "yaml/too-many-documents", "schema/other", "environment/ambiguous", "document/not-migrated"}
    # These need somebody who answers: tests/system/test_discovering.py.
    elsewhere |= {rule.id for rule in RULES if rule.id.startswith("autodiscover/")}
    # What is said about rules is tested beside the rules.
    assert {rule.id for rule in RULES if not rule.id.startswith(("policy/", "waiver/", "baseline/"))} - shown <= elsewhere
