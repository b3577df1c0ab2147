"""The vocabulary of rules: every variable that a rule over a kind may read, with its type and meaning. Pure; public API.

Variables are named after the paths of specs (`mailbox.incoming`, `profile.incoming.server`), so what the documents call a field is what
rules call it. What no document says is computed (`computed`) or counted (`counts`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from reconcile.model import defaults as creation
from reconcile.model import kinds
from reconcile.model.canonical import Leaf
from reconcile.model.fields import FieldInfo
from reconcile.policy.variable import PREFIXES, Type, Variable

_KINDS: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
#: Subjects of rules over a plan: one change of it, and the plan as a whole.
PLAN_SUBJECTS: Final = ("Change", "Plan")
#: What a rule over a kind sees beside it.
_AROUND: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Mailbox": ("mailbox", "profile", "organization", "environment"),
        "EmailServerProfile": ("profile", "organization", "environment"),
        "Organization": ("organization", "environment"),
        "Environment": ("environment", "organization"),
        # Of the resource that changes, as it is declared.
        "Change": ("mailbox", "profile", "organization", "environment"),
        "Plan": ("organization", "environment"),
    }
)
#: Fields that must be written, for what always follows from them.
_LEAST: Final[Mapping[str, Leaf]] = {"serverType": "imap-smtp", "emailAddress": "any@mailbox.example"}
_KEPT: Final = "Whether the target may hold one that no document names: a product shows none."
TODAY: Final = Variable(name="today", type=Type.MOMENT, description="The moment that rules are judged at.")
_WORDS: Final = re.compile(r"`([^`]*)`")


@lru_cache(maxsize=16)
def vocabulary(subject: str) -> Mapping[str, Variable]:
    """Name → variable, of everything a rule over a kind may read but its parameters. Empty for what is no kind of subject."""
    own = [variable for prefix in _AROUND.get(subject, ()) for variable in own_variables(_KINDS[prefix]).values()]
    return MappingProxyType({variable.name: variable for variable in (*own, *_of_plans(subject), *_beside(subject).values())})


def variable(subject: str, name: str) -> Variable | None:
    """The one of that name in the vocabulary of a kind; None for none. Makes no more of the vocabulary than it needs."""
    prefix = name.partition(".")[0]
    if prefix in _AROUND.get(subject, ()):
        return own_variables(_KINDS[prefix]).get(name)
    return vocabulary(subject).get(name) if prefix in ("change", "plan", "now") else _beside(subject).get(name)


@lru_cache(maxsize=16)
def _beside(subject: str) -> Mapping[str, Variable]:
    """What is counted, and what is known of the provider."""
    from reconcile.policy.counts import COUNTS
    from reconcile.policy.provider_facts import provider_variables

    counted = [count.variable for count in COUNTS[subject].values()] if subject in COUNTS else []
    provider = provider_variables() if "profile" in _AROUND.get(subject, ()) else ()
    return MappingProxyType({variable.name: variable for variable in (*counted, *provider, TODAY)})


@lru_cache(maxsize=8)
def own_variables(kind: str) -> Mapping[str, Variable]:
    """Name → variable, of what is written of a kind or computed from that."""
    from reconcile.policy.computed import COMPUTED

    computed = (one.variable for one in COMPUTED[kind].values())
    return MappingProxyType({variable.name: variable for variable in (*_of_kind(PREFIXES[kind]), *computed)})


def _of_plans(subject: str) -> tuple[Variable, ...]:
    if subject not in PLAN_SUBJECTS:
        return ()
    from reconcile.policy.change_facts import CHANGE_FACTS
    from reconcile.policy.plan_facts import HOUR, PLAN_FACTS, WEEKDAY

    of_change = CHANGE_FACTS.values() if subject == "Change" else ()
    return (*(one.variable for one in of_change), *(one.variable for one in PLAN_FACTS.values()), WEEKDAY, HOUR)


@lru_cache(maxsize=8)
def _of_kind(prefix: str) -> tuple[Variable, ...]:
    kind = _KINDS[prefix]
    derived = creation.derived(kind, _LEAST)
    fields = [found for info in kinds.fields(kind) for found in _of_field(prefix, info, derived=info.path in derived)]
    name = Variable(name=f"{prefix}.name", type=Type.TEXT, description="metadata.name.")
    labels = Variable(name=f"{prefix}.labels", type=Type.MAP, description="metadata.labels, text by text.")
    whose = Variable(
        name=f"{prefix}.lifecycle",
        type=Type.TEXT,
        values=("managed", "external", "singleton"),
        description="Whose it is; what is external is never the subject of a rule, but a mailbox may use an external profile.",
    )
    return (*fields, name, labels, whose)


def _of_field(prefix: str, info: FieldInfo, *, derived: bool) -> tuple[Variable, ...]:
    name, words = f"{prefix}.{info.path}", tuple(_WORDS.findall(info.type))
    # What has neither a default of its own nor a value that must be written may be null.
    nullable = info.nullable and info.value is None and not derived
    match info.type:
        case "boolean":
            return (Variable(name=name, type=Type.TRUTH, nullable=nullable, description=info.description),)
        case "integer":
            return (Variable(name=name, type=Type.NUMBER, nullable=nullable, description=info.description),)
        case "instant":
            return (Variable(name=name, type=Type.INSTANT, nullable=nullable, description=info.description),)
        case "duration":
            return (Variable(name=name, type=Type.DURATION, nullable=nullable, description=info.description),)
        case "list":
            return (Variable(name=name, type=Type.TEXTS, description=info.description),)
        case "map":
            return (Variable(name=name, type=Type.MAP, description=info.description),)
        case "secret":
            return (
                Variable(
                    name=f"{name}.ref", type=Type.TEXT, nullable=True, description=f"{info.description} The reference, never the value."
                ),
                Variable(name=f"{name}.generation", type=Type.NUMBER, nullable=True, description=f"{info.description} Its generation."),
                Variable(name=f"{name}.expires", type=Type.INSTANT, nullable=True, description=f"{info.description} When it expires."),
                Variable(name=f"{name}.kept", type=Type.TRUTH, description=f"{info.description} {_KEPT}"),
            )
        case _:
            return (Variable(name=name, type=Type.TEXT, nullable=nullable, values=words, description=info.description),)
