"""What the rules say of a plan, in words that text and markdown share: findings of one cause once, and whose approval is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconcile.model.change import Plan
from reconcile.model.judgement import ANYBODY, Asked, Judgement
from reconcile.model.position import Position
from reconcile.report.finding_groups import Group, grouped, worst_first

#: Groups that are told of one plan, and objects that are named of each.
LISTED = 25
NAMED = 6
_NOBODY = "nobody is named who may approve: write approvers in a PolicySettings"


def told(judgement: Judgement) -> list[Group]:
    """What stops the plan first, then the rest, what is accepted at the end."""
    groups = worst_first(grouped(judgement.findings))
    return sorted(groups, key=lambda group: (not group.first.counts, not judgement.stopping(group.first)))


def stops(judgement: Judgement, group: Group) -> bool:
    """Whether it keeps the plan from being applied."""
    return judgement.stopping(group.first)


def asked_of(judgement: Judgement, group: Group) -> Asked | None:
    """The approval that the rule asks for, of a group that waits for it or got it."""
    if group.first.accepted is not None and group.first.accepted.by != "approval":
        return None
    return next((one for one in judgement.asked if one.rule == group.first.rule), None)


def approval_words(one: Asked) -> Iterator[str]:
    """Who approved and by which proof, and who could."""
    if one.given:
        yield "approved by " + ", ".join(f"{by.name} ({by.how})" for by in one.given)
    if one.granted:
        return
    left = one.minimum - len(one.given)
    if not one.missing and not one.given:
        yield f"needs {_approvals(left)}; {_NOBODY}"
        return
    whom = _anybody(one) if one.names == (ANYBODY,) else ", ".join(one.names)
    more = " more" if one.given else ""
    yield f"needs {_approvals(left, more)} by {whom}"
    for by in one.missing[:NAMED]:
        yield f"{by.name}: {by.why}"
    if len(one.missing) > NAMED:
        yield f"and {len(one.missing) - NAMED:,} more who did not"


def _anybody(one: Asked) -> str:
    names = [by.name for by in one.missing[:NAMED]]
    more = f" and {len(one.missing) - NAMED:,} more" if len(one.missing) > NAMED else ""
    if len(names) < 2:
        return names[0] if names else "whoever may approve"
    return f"any of {', '.join(names)}{more}"


def objects(group: Group) -> str:
    """The objects of a group: `Mailbox/a, Mailbox/b and 998 more`."""
    keys = [str(finding.resource) for finding in group.findings[:NAMED] if finding.resource is not None]
    more = f" and {len(group.findings) - NAMED:,} more" if len(group.findings) > NAMED else ""
    return ", ".join(keys) + more


def places(group: Group) -> Sequence[Position]:
    """Where it is, and other lines that belong to it."""
    return [one for one in dict.fromkeys((group.position, *group.first.related)) if one.file != "."]


def refusal(plan: Plan) -> str:
    """Why nothing is applied, in one sentence; "" where no rule stands against it."""
    found = plan.judgement.stops if plan.judgement is not None else ()
    if not found:
        return ""
    rules = rules_against(plan)
    what = f"the rule {rules[0]} stands" if len(rules) == 1 else f"the rules {', '.join(rules)} stand"
    waits = [one for one in (plan.judgement.asked if plan.judgement is not None else ()) if not one.granted and one.rule in rules]
    needs = next((words for one in waits for words in approval_words(one) if words.startswith("needs")), "")
    return f"{what} against it: {found[0].message}" + (f"; {needs}" if needs else "")


def rules_against(plan: Plan) -> list[str]:
    """Ids of the rules that keep it from being applied."""
    return [*dict.fromkeys(finding.rule for finding in (plan.judgement.stops if plan.judgement is not None else ()))]


def _approvals(count: int, more: str = "") -> str:
    return f"an approval{more}" if count == 1 and not more else f"{count}{more} approval{'' if count == 1 else 's'}"
