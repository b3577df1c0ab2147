"""The page of all variables: docs/policies/variables.md. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconcile.policy.cel import EXTENSIONS
from reconcile.policy.change_facts import CHANGE_FACTS
from reconcile.policy.plan_facts import HOUR, PLAN_FACTS, WEEKDAY
from reconcile.policy.variable import PREFIXES, Variable
from reconcile.policy.variables import PLAN_SUBJECTS, TODAY, vocabulary

_HEAD: Final = """\
# Variables of rules

What `match`, `assert` and the braces of `message` may read. Names and meanings are stable. A name is the path of a field of the spec
behind the word for its kind, so `spec.incoming.port` of a profile is `profile.incoming.port`.

- **A field that is declared has its value**, whoever set it: the document, a layer, an assignment, a provider.
- **A field that nobody declares has the default it gets on create**; without a default it is `null`. Lists and maps are empty, never
  null.
- **What is not known is not judged.** Fields of an external profile that were not written, `profile.*` of a mailbox without a profile,
  `provider.*` where the provider cannot be told, `organization.*` without an Organization: a rule whose `match` or `assert` reads one
  of them is skipped for that object. Resources of `lifecycle: external` are never judged themselves, nor is what is held because its
  document is bad.
- **Instants are texts** in UTC: `timestamp(profile.processEmailFrom) < today`. **Durations are texts** in seconds:
  `duration(profile.minPollingInterval) > duration("900s")`. Ask for null first: `mailbox.processEmailFrom == null || …`.
- **Secrets** are seen by reference only. `kept` says whether the target may hold one that nobody declares: an export shows none, so
  a rule that misses a secret asks for it too.
- A rule must come to true or false. An error, or null, is never taken for a pass: the rule is reported as `policy/rule-failed`.
- The language is the Common Expression Language with its extensions {extensions}; `has()` is refused, since every
  variable has a value or null. Loops are for short lists: the language stops long ones, so what is said of many mailboxes is counted
  beforehand, under `counts`.
- `params.NAME` are the rule's own parameters.
"""
_ARTICLES: Final = {
    "EmailServerProfile": "an EmailServerProfile",
    "Mailbox": "a Mailbox",
    "Organization": "an Organization",
    "Environment": "an Environment",
}


def variables_page() -> str:
    """The text of the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield from _HEAD.format(extensions=", ".join(EXTENSIONS)).splitlines()
    yield ""
    yield "| a rule over | sees |"
    yield "| --- | --- |"
    for subject in (*PREFIXES, *PLAN_SUBJECTS):
        seen = sorted({name.partition(".")[0] for name in vocabulary(subject)})
        words = [f"`{prefix}`" if prefix == "today" else f"`{prefix}.*`" for prefix in (*seen, "params")]
        yield f"| {subject} | {', '.join(words)} |"
    yield ""
    for subject, prefix in PREFIXES.items():
        yield f"## {prefix}.*"
        yield ""
        yield from _table(one for one in vocabulary(subject).values() if one.name.startswith(f"{prefix}."))
    yield "## provider.*"
    yield ""
    yield "The catalogue's entry of the provider that the profile names, or whose servers it uses."
    yield ""
    yield from _table(one for one in vocabulary("EmailServerProfile").values() if one.name.startswith("provider."))
    for subject in PREFIXES:
        own = [one for one in vocabulary(subject).values() if one.name.startswith("counts.") and not _shared(one)]
        if own:
            yield f"## counts.* of {_ARTICLES[subject]}"
            yield ""
            yield from _table(own)
    yield "Every rule also sees the counts of the organization as `counts.organization.NAME`, and a rule over a Mailbox those of its"
    yield "profile as `counts.profile.NAME`."
    yield ""
    yield "## change.*"
    yield ""
    yield "A rule over a Change also sees what is declared of the resource that changes: `mailbox.*` and its `profile.*`, or"
    yield "`profile.*`. Of a resource of another kind, or one that is declared no more, that is not known. Values of fields are texts"
    yield 'here: `true`, `5`, instants as in the specs; ask first whether a path is there (`"state" in change.after`).'
    yield ""
    yield from _table(one.variable for one in CHANGE_FACTS.values())
    yield "## plan.*"
    yield ""
    yield "Counted once, of the plan as it is, also of a part of it (`--only`). Whoever reads one of a change sees that of its plan."
    yield ""
    yield from _table(one.variable for one in PLAN_FACTS.values())
    yield "## now.*"
    yield ""
    yield from _table([WEEKDAY, HOUR])
    yield "## today"
    yield ""
    yield from _table([TODAY])


def _shared(variable: Variable) -> bool:
    return variable.name.startswith(("counts.organization.", "counts.profile."))


def _table(variables: Iterator[Variable] | list[Variable]) -> Iterator[str]:
    yield "| variable | type | meaning |"
    yield "| --- | --- | --- |"
    for one in variables:
        kind = ", ".join(f"`{value}`" for value in one.values) or str(one.type)
        description = one.description.replace("|", "\\|")
        yield f"| `{one.name}` | {kind}{' or null' if one.nullable else ''} | {description} |"
    yield ""
