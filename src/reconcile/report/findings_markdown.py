"""Findings as a comment for a pull request: the worst rule first, findings of one cause together, reasons folded.

At most `LIMIT` characters, whatever the findings. What does not fit is counted. The same findings give the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position
from reconcile.report.finding_groups import Group, PlaceOf, grouped, kinds_of, nowhere, worst_first
from reconcile.report.findings_text import accepted_by
from reconcile.report.markdown_blocks import LIMIT, Block, fitted
from reconcile.report.markdown_text import code, prose
from reconcile.report.rule_facts import Facts, RuleFacts, facts_about

#: More groups than ever fit are not even written.
_MOST = 800
_REASON = 1200


def findings_markdown(
    findings: Iterable[Finding], known: Facts, *, place_of: PlaceOf = nowhere, limit: int = LIMIT, show_accepted: bool = False
) -> str:
    """The comment, with a line break at its end."""
    listed = [*findings]
    shown = [finding for finding in listed if finding.counts or show_accepted]
    head = [Block(f"<!-- reconcile lint -->\n### Findings: {counted_findings(listed)}\n")]
    sections = Sections(shown, known, place_of)
    return fitted(lambda names: [*head, *sections.blocks(names)], limit, lambda _, weight: left_out(weight + sections.beyond))


def left_out(findings: int) -> str:
    """The line that says what is missing."""
    return f"\n**{findings:,} findings did not fit into this comment.** `reconcile lint --all` shows all of them.\n"


def counted_findings(findings: Iterable[Finding]) -> str:
    """`3 errors · 1 warning · 2 accepted`."""
    listed = [*findings]
    said = []
    for severity in reversed(Severity):
        number = sum(1 for finding in listed if finding.counts and finding.severity is severity)
        if number:
            plural = "s" if number != 1 and severity is not Severity.INFORMATION else ""
            said.append(f"{number:,} {severity}{plural}")
    accepted = sum(1 for finding in listed if not finding.counts)
    if accepted:
        said.append(f"{accepted:,} accepted")
    return " · ".join(said) or "none"


class Sections:
    """One section a rule. `beyond` is the number of findings that are not even tried, because they can never fit."""

    def __init__(self, findings: Iterable[Finding], known: Facts, place_of: PlaceOf = nowhere) -> None:
        groups = worst_first(grouped(findings, place_of))
        self.beyond = sum(len(group.findings) for group in groups[_MOST:])
        self._known = known
        self._rules: dict[tuple[int, str], list[Group]] = {}
        for group in groups[:_MOST]:
            self._rules.setdefault((-group.first.severity, group.first.rule), []).append(group)

    def blocks(self, names: int) -> Iterator[Block]:
        """With so many objects named in each group."""
        for groups in self._rules.values():
            first = groups[0].first
            rule = facts_about(first.rule, first.severity, self._known)
            # The first of a rule stands and falls with its heading.
            heading = f"#### {first.severity}: {code(first.rule)}\n{prose(_one_line(rule.title))}\n" if rule.title != rule.id else ""
            heading = heading or f"#### {first.severity}: {code(first.rule)}\n"
            for number, group in enumerate(groups):
                text = "\n".join(_group(group, names))
                yield Block(text if number else f"{heading}\n{text}", len(group.findings))
            yield Block("\n".join(_reasons(rule, first.hint)))
        if self.beyond:
            yield Block(left_out(self.beyond))


def _group(group: Group, names: int) -> Iterator[str]:
    finding = group.first
    yield f"- {place_code(group.position)}: {prose(finding.message)}"
    if finding.hint:
        yield f"  - help: {prose(finding.hint)}"
    if finding.accepted is not None:
        yield f"  - accepted by {prose(accepted_by(finding.accepted))}"
    if group.others:
        # Names stand folded: a thousand of them are one line of the comment.
        more = f" and {len(group.findings) - names:,} more" if len(group.findings) > names else ""
        named = ", ".join(_object(one) for one in group.findings[:names])
        yield f"  - <details><summary>{kinds_of(group.findings)} for this reason</summary>\n\n    {named}{more}\n\n    </details>"


def _object(finding: Finding) -> str:
    return code(finding.resource.name) if finding.resource is not None else place_code(finding.position)


def place_code(position: Position) -> str:
    """File and line as code; the whole estate in words."""
    return "the estate" if position.file == "." else code(f"{position.file}:{position.line}")


def _reasons(rule: RuleFacts, hint: str) -> Sequence[str]:
    told = [text for text in (rule.why, rule.remedy if rule.remedy.strip() != hint.strip() else "") if text.strip()]
    if not told:
        return ("",)
    lines = ["", "<details><summary>Why, and what to do</summary>", ""]
    lines += [f"{prose(_one_line(text), _REASON)}\n" for text in told]
    if rule.sources:
        lines.append(f"From: {'; '.join(code(source) for source in rule.sources)}\n")
    return [*lines, "</details>", ""]


def _one_line(text: str) -> str:
    return " ".join(text.split())
