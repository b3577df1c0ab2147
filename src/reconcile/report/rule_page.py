"""The page of a rule, and the index of all, as Markdown for docs/policies. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, get_args

from reconcile.model.judgement import ANYBODY
from reconcile.model.policy_rule import PolicyRule, PolicyRuleSpec, RuleExample, Tag
from reconcile.policy.example import FILE
from reconcile.policy.message import shown

BEGIN: Final = "<!-- rules:begin -->"
END: Final = "<!-- rules:end -->"
_CODE: Final = re.compile(r"(`[^`]+`)")
_MARKS: Final = re.compile(r"([\\`*_<>|\[\]])")
_SUBJECTS: Final[Mapping[str, str]] = {
    "EmailServerProfile": "each email server profile",
    "Mailbox": "each mailbox",
    "Organization": "the organization",
    "Environment": "the environment",
    "Change": "each change of a plan",
    "Plan": "a plan as a whole",
}


def rule_page(rule: PolicyRule) -> str:
    """The text of docs/policies/NAME.md."""
    return "\n".join(_page(rule.metadata.name, rule.spec)) + "\n"


def rule_index(rules: Iterable[PolicyRule]) -> str:
    """Tables by tag; a rule with several stands in each."""
    ordered = sorted(rules, key=lambda rule: rule.metadata.name)
    lines = [f"{len(ordered)} rules come with reconcile. A rule with several tags stands under each of them."]
    groups: list[tuple[str, list[PolicyRule]]] = [(tag, [one for one in ordered if tag in one.spec.tags]) for tag in get_args(Tag)]
    groups.append(("without a tag", [one for one in ordered if not one.spec.tags]))
    for tag, tagged in groups:
        if tagged:
            lines += ["", f"### {tag.capitalize()}", "", "| rule | severity | looks at | what it asks for |", "| --- | --- | --- | --- |"]
            lines += [_row(one) for one in tagged]
    return "\n".join(lines)


def with_index(page: str, rules: Iterable[PolicyRule]) -> str:
    """The page with the index between its markers renewed. Raises ValueError where the markers are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{rule_index(rules)}\n{END}{after}"


def _row(rule: PolicyRule) -> str:
    name, spec = rule.metadata.name, rule.spec
    off = "" if spec.enabled else " (off)"
    return f"| [{name}]({name}.md) | {spec.severity}{off} | {spec.applies_to} | {_text(spec.title)} |"


def _page(name: str, spec: PolicyRuleSpec) -> Iterator[str]:
    yield f"# {name}"
    yield ""
    yield f"**{_text(spec.title)}.**" if not spec.title.endswith((".", "?", "!")) else f"**{_text(spec.title)}**"
    yield ""
    yield from _facts(spec)
    for title, text in (("Why", spec.rationale), ("What to do", spec.remediation)):
        yield ""
        yield f"## {title}"
        yield ""
        yield from (_text(line) for line in text.strip().split("\n"))
    yield from _edits(spec)
    yield ""
    yield "## Sources"
    yield ""
    for source in spec.sources:
        says = f": {_text(_flat(source.says))}" if source.says else ""
        link = f" <{source.url}>" if source.url else ""
        yield f"- {_text(source.title)} ({_text(source.date)}){says}{link}"
    yield ""
    yield "## How it is checked"
    yield ""
    yield f"It looks at {_SUBJECTS[spec.applies_to]}" + (", where" if spec.match is not None else "; this must hold:")
    if spec.match is not None:
        yield from _expression(spec.match)
        yield ""
        yield "this must hold:"
    yield from _expression(spec.assert_)
    yield from _parameters(spec)
    for title, examples, bad in (("Good examples", spec.examples.good, False), ("Bad examples", spec.examples.bad, True)):
        if examples:
            yield ""
            yield f"## {title}"
        for example in examples:
            yield from _example(example, bad=bad)


def _facts(spec: PolicyRuleSpec) -> Iterator[str]:
    later = "".join(f", {one.severity} from {one.start:%Y-%m-%d} on" for one in spec.escalations)
    yield f"- Severity: {spec.severity}{later}"
    if spec.tags:
        yield f"- Tags: {', '.join(spec.tags)}"
    if spec.valid_from is not None:
        yield f"- Holds from {spec.valid_from:%Y-%m-%d} on"
    if spec.valid_until is not None:
        yield f"- Holds until {spec.valid_until:%Y-%m-%d}"
    if not spec.enabled:
        yield "- Off, unless [PolicySettings](../kinds/policysettings.md) switch it on"
    if not spec.waivable:
        yield "- Cannot be [waived](../kinds/waiver.md)"
    if spec.readiness:
        yield f"- Counted by the readiness report{'s' if len(spec.readiness) > 1 else ''} {', '.join(spec.readiness)}"
    yield f"- It says: “{_text(spec.message)}”"
    if spec.at:
        yield f"- It marks the first of these that is written: {', '.join(f'`{name}`' for name in spec.at)}"
    if spec.requires_approval_of:
        whom = "whoever may approve" if spec.requires_approval_of == (ANYBODY,) else ", ".join(map(_text, spec.requires_approval_of))
        count = "an approval" if spec.minimum_approvals == 1 else f"{spec.minimum_approvals} approvals"
        yield f"- It stands until it got {count} of {whom} ([approvals](../plan-rules.md#approvals))"
    if spec.cause is not None:
        yield f"- Findings with one cause, the {spec.cause}, are shown as one"


def _edits(spec: PolicyRuleSpec) -> Iterator[str]:
    if spec.fix:
        yield ""
        yield "`reconcile lint --fix` makes these edits where they are proved to mend the finding and to change nothing else:"
        yield ""
    for edit in spec.fix:
        yield f"- remove `{edit.field}`" if edit.remove else f"- set `{edit.field}` to `{shown(edit.set_to)}`"


def _expression(text: str) -> Iterator[str]:
    yield ""
    yield "```text"
    yield text.strip("\n")
    yield "```"


def _parameters(spec: PolicyRuleSpec) -> Iterator[str]:
    if not spec.parameters:
        return
    yield ""
    yield "## Parameters"
    yield ""
    yield "[PolicySettings](../kinds/policysettings.md) may set them differently for an environment."
    yield ""
    yield "| parameter | default | range | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, one in spec.parameters.items():
        bounds = " to ".join(str(bound) for bound in (one.minimum, one.maximum) if bound is not None)
        if one.minimum is None or one.maximum is None:
            bounds = f"at least {bounds}" if one.minimum is not None else f"at most {bounds}" if bounds else "–"
        yield f"| `{name}` | {_text(shown(one.default))} | {bounds} | {_text(one.description)} |"


def _example(example: RuleExample, *, bad: bool) -> Iterator[str]:
    notes = [_text(example.name)] if example.name else []
    if example.environment:
        notes.append(f"looked at in {example.environment}")
    if example.today is not None:
        notes.append(f"on {example.today:%Y-%m-%d}")
    notes += [f"the brake {_text(name)} is lifted" for name in example.lifted]
    notes += [f"`{name}` set to {_text(shown(value))}" for name, value in example.parameters.items()]
    files = {FILE: example.documents} if example.documents is not None else {}
    files |= example.files
    if bad and example.line is not None:
        where = f" of {example.file}" if len(files) > 1 and example.file else ""
        notes.append(f"the finding is on line {example.line}{where}")
    yield ""
    if notes:
        sentence = "; ".join(notes)
        yield f"{sentence[0].upper()}{sentence[1:]}:"
        yield ""
    for title, text in (("before", example.before), *files.items()):
        if text is None:
            continue
        if len(files) > 1 or title == "before":
            yield f"{'Before' if title == 'before' else f'`{title}`'}:"
            yield ""
        yield "```yaml"
        yield text.strip("\n")
        yield "```"
        yield ""


def _flat(text: str) -> str:
    return " ".join(text.split())


def _text(text: str) -> str:
    """Nothing in it is taken for Markdown, but what authors put between backticks is code."""
    return "".join(part if _CODE.fullmatch(part) else _MARKS.sub(r"\\\1", part) for part in _CODE.split(_flat(text)))
