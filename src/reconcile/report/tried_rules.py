"""What came of trying rules on their examples, as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from reconcile.model.finding import Finding
from reconcile.policy.try_rule import Tried
from reconcile.report.findings_json import findings_json
from reconcile.report.findings_text import findings_text
from reconcile.report.table import table


def tried_text(
    results: Iterable[Tried], around: Iterable[Finding], contents: Callable[[str], bytes | None], *, color: bool, columns: int
) -> Iterator[str]:
    """A block for each thing that went wrong, with the lines of the rule. `around` is what is wrong with the documents themselves."""
    findings = [*around, *(finding for one in results for finding in (*one.failures, *one.gaps))]
    yield from findings_text(sorted(findings, key=Finding.sort_key), contents, color=color, columns=columns, every=True)


def tried_table(results: Iterable[Tried]) -> str:
    """A line for each rule."""
    return table(["rule", "good", "bad", "result"], [(one.rule, one.good, one.bad, _result(one)) for one in results])


def _result(one: Tried) -> str:
    if one.passed:
        return "passes"
    if one.failures:
        return f"FAILS ({len(one.failures)})"
    return f"not tried out ({len(one.gaps)})"


def totals(results: Sequence[Tried], around: Sequence[Finding]) -> str:
    """`12 rules with 57 examples: 11 pass, 1 fails`."""
    passing = sum(one.passed for one in results)
    failing = len(results) - passing
    examples = sum(one.good + one.bad for one in results)
    rules = "1 rule" if len(results) == 1 else f"{len(results):,} rules"
    broken = f"; {len(around)} finding{'s' if len(around) > 1 else ''} about their documents" if around else ""
    return f"{rules} with {examples:,} examples: {passing:,} pass, {failing:,} fail{'s' if failing == 1 else ''}{broken}"


def tried_json(one: Tried) -> dict[str, object]:
    """One rule."""
    return {
        "rule": one.rule,
        "good": one.good,
        "bad": one.bad,
        "passed": one.passed,
        "failures": findings_json(one.failures),
        "untried": findings_json(one.gaps),
    }
