"""A rule: one best practice as data.

What a rule sees are variables (`mailbox.incoming`, `profile.useSameSettingsForOutgoing`, `counts.individual` …), `today` and `params`;
`match` and `assert` are expressions of the Common Expression Language over them, and so is whatever stands in braces in `message`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from reconcile.model.document import Group, PolicyDocument, Spec, required, setting
from reconcile.model.judgement import ANYBODY
from reconcile.model.policy_words import PARAMETER_PATTERN, VARIABLE_PATTERN
from reconcile.model.problem import Problem
from reconcile.model.text import Instant, Line, Paragraphs, SetOf, Slug

SeverityWord: TypeAlias = Literal["error", "warning", "information"]
#: What a rule looks at: one declared resource, or one change of a plan, or a plan as a whole.
Subject: TypeAlias = Literal["EmailServerProfile", "Mailbox", "Organization", "Environment", "Change", "Plan"]
Tag: TypeAlias = Literal["security", "reliability", "performance", "supportability", "retirement", "privacy"]

Expression: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Variable: TypeAlias = Annotated[str, StringConstraints(pattern=VARIABLE_PATTERN, max_length=200)]
ParameterName: TypeAlias = Annotated[str, StringConstraints(pattern=PARAMETER_PATTERN)]
Scalar: TypeAlias = str | int | bool
Text: TypeAlias = Annotated[str, StringConstraints(max_length=100_000)]


class RuleSource(Group):
    """Where a rule comes from."""

    title: Line = required("Title of the page or announcement.", max_length=400)
    date: Line = required("Date of the page as far as it is known: a year, a month or a day.", max_length=40, examples=("November 2016",))
    says: Paragraphs | None = setting("What it says, in our own words.")
    url: Line | None = setting("Where it can be read.", max_length=2000)


class RuleParameter(Group):
    """A number, text, truth value or list of texts that an estate may set differently."""

    description: Line = required("What it is, with its unit.", max_length=400)
    default: Scalar | Annotated[tuple[Line, ...], Field(strict=False)] = required("Value without a setting.")
    minimum: int | None = setting("Smallest number.")
    maximum: int | None = setting("Largest number.")


class RuleEscalation(Group):
    """Another severity from a date on."""

    start: Instant = required("First instant of the severity.", alias="from")
    severity: SeverityWord = required("Severity from then on.")


class RuleEdit(Group):
    """An edit that mends a finding."""

    field: Variable = required("Field that is edited.", examples=("profile.incoming.useImpersonation",))
    set_to: Scalar | None = setting("Value it gets.", alias="set")
    remove: bool = setting("Take the field away instead.", default=False)


class RuleExample(Group):
    """A small estate that shows the rule: without a finding of it when it is good, with one when it is bad."""

    name: Line | None = setting("What it shows.", max_length=200)
    documents: Text | None = setting("YAML documents, as in one file named example.yaml.")
    files: dict[Line, Text] = setting("Or several files: path → text.", default={})
    before: Text | None = setting(
        "Of a rule over changes or plans: the YAML documents that were applied before; omitted means none. Environments of documents are "
        "among them."
    )
    lifted: Annotated[tuple[Line, ...], Field(strict=False)] = setting("Of such a rule: brakes that are lifted.", default=())
    environment: Slug | None = setting("Environment that is looked at, where there are several.")
    today: Instant | None = setting("Instant it is looked at.", derived="2026-11-22T00:00:00Z")
    line: int | None = setting("Of a bad example: line of the finding.", ge=1)
    file: Line | None = setting("File of that line.", derived="example.yaml")
    parameters: dict[ParameterName, Scalar | Annotated[tuple[Line, ...], Field(strict=False)]] = setting(
        "Parameters that are set differently.", default={}
    )


class RuleExamples(Group):
    """Examples are the tests of a rule."""

    good: Annotated[tuple[RuleExample, ...], Field(strict=False)] = setting("Without a finding.", default=())
    bad: Annotated[tuple[RuleExample, ...], Field(strict=False)] = setting("With a finding.", default=())


class PolicyRuleSpec(Spec):
    """One rule."""

    title: Line = required("The rule in one sentence.", max_length=200)
    severity: SeverityWord = required("How much a finding weighs.")
    message: Line = required(
        "What is wrong; expressions in braces are put in.",
        max_length=1000,
        examples=("{profile.name} has {counts.individual} mailboxes …",),
    )
    rationale: Paragraphs = required("Why: what happens otherwise.")
    remediation: Paragraphs = required("What to do, with the fields to change.")
    sources: Annotated[tuple[RuleSource, ...], Field(strict=False)] = required("Where the rule comes from.")
    applies_to: Subject = required("What the rule looks at, one at a time.")
    match: Expression | None = setting("Which of them; an expression of type bool. Omitted: all.")
    assert_: Expression = required("What must hold; an expression of type bool.", alias="assert")
    at: Annotated[tuple[Variable, ...], Field(strict=False)] = setting(
        "Fields that a finding marks: the first that is written somewhere, else the document.", default=()
    )
    cause: Literal["profile", "organization", "environment"] | None = setting(
        "Whose fault it is where many objects break for one reason; findings are grouped by it."
    )
    parameters: dict[ParameterName, RuleParameter] = setting("What may be set differently.", default={})
    valid_from: Instant | None = setting("First instant the rule holds.")
    valid_until: Instant | None = setting("First instant it no longer holds.")
    escalations: Annotated[tuple[RuleEscalation, ...], Field(strict=False)] = setting("Other severities from a date on.", default=())
    tags: Annotated[tuple[Tag, ...], Field(strict=False), SetOf] = setting("What the rule protects.", default=())
    waivable: bool = setting("Whether a Waiver may accept its findings.", default=True)
    requires_approval_of: Annotated[tuple[Line, ...], Field(strict=False)] | None = setting(
        "Of a rule over changes or plans: its findings count until some of these approvers approved the revision; any stands for whoever "
        "may approve.",
        examples=(["any"], ["mail-team", "security-desk"]),
    )
    minimum_approvals: int = setting("How many of them must have approved.", default=1, ge=1, le=20)
    enabled: bool = setting("Whether it is on unless PolicySettings says otherwise.", default=True)
    fix: Annotated[tuple[RuleEdit, ...], Field(strict=False)] = setting("Edits that mend a finding.", default=())
    readiness: Annotated[tuple[Slug, ...], Field(strict=False), SetOf] = setting(
        "Readiness reports that count its findings.", default=(), examples=(["ews-retirement"],)
    )
    examples: RuleExamples = setting("Its tests.", default=RuleExamples.model_construct())


class PolicyRule(PolicyDocument):
    """One best practice."""

    kind: Literal["PolicyRule"] = required("PolicyRule.")
    spec: PolicyRuleSpec = required("The rule.")


def problems(spec: PolicyRuleSpec) -> Iterator[Problem]:
    """What cannot be meant."""
    if spec.valid_from is not None and spec.valid_until is not None and spec.valid_from >= spec.valid_until:
        yield Problem("validUntil", "the rule would never hold: validUntil must lie after validFrom")
    if not spec.sources:
        yield Problem("sources", "a rule names at least one source")
    for number, edit in enumerate(spec.fix):
        if (edit.set_to is None) != edit.remove:
            yield Problem(f"fix.{number}", "an edit either sets a value or removes the field")
    yield from _approval_problems(spec)
    for name, parameter in spec.parameters.items():
        default = parameter.default
        if parameter.minimum is not None or parameter.maximum is not None:
            low, high = parameter.minimum, parameter.maximum
            if not isinstance(default, int) or isinstance(default, bool):
                yield Problem(f"parameters.{name}", "minimum and maximum are for whole numbers")
            elif (low is not None and default < low) or (high is not None and default > high):
                yield Problem(f"parameters.{name}.default", f"{default} is outside its own range")


def _approval_problems(spec: PolicyRuleSpec) -> Iterator[Problem]:
    names = spec.requires_approval_of
    over_plans = spec.applies_to in ("Change", "Plan")
    if names is None:
        if spec.minimum_approvals != 1:
            yield Problem("minimumApprovals", "nobody's approval is asked for: write requiresApprovalOf, or remove it")
    elif not over_plans:
        yield Problem("requiresApprovalOf", f"only what a plan does is approved; a finding about {spec.applies_to} is accepted by a Waiver")
    elif not names:
        yield Problem("requiresApprovalOf", "write the names of approvers, or any")
    elif ANYBODY in names and len(names) > 1:
        yield Problem("requiresApprovalOf", "any stands alone: it means everybody who may approve")
    elif len(set(names)) < len(names):
        yield Problem("requiresApprovalOf", "a name stands twice")
    elif ANYBODY not in names and spec.minimum_approvals > len(names):
        yield Problem("minimumApprovals", f"{spec.minimum_approvals} cannot approve: requiresApprovalOf names {len(names)}")
    if over_plans and spec.fix:
        yield Problem("fix", f"a finding about a {spec.applies_to.lower()} is not mended by an edit of one field")
    if not over_plans and any(one.before is not None or one.lifted for one in (*spec.examples.good, *spec.examples.bad)):
        yield Problem("examples", "before and lifted are for rules over changes and plans")
