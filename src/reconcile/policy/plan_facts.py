"""What rules see of a plan as a whole, and of the hour it is judged at: the variables `plan.*` and `now.*`. Pure.

Counted once for a plan, so a rule costs the same whatever its size. To add one: a line in `_ALL`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.change import Adopt, Change, Command, Create, Delete, Forget, Plan, Update
from reconcile.model.key import Key
from reconcile.policy.variable import Type, Variable

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAY: Final = Variable(name="now.weekday", type=Type.TEXT, values=_DAYS, description="Day of the week, in the environment's time zone.")
HOUR: Final = Variable(name="now.hour", type=Type.NUMBER, description="Hour of the day from 0 to 23, in the environment's time zone.")


def clock_facts(today: datetime, time_zone: str) -> Mapping[str, Any]:
    """Name of a variable → value."""
    local = today.astimezone(instant.zone(time_zone))
    return {WEEKDAY.name: _DAYS[local.weekday()], HOUR.name: local.hour}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFact:
    """`of` answers None where the changes were not counted; then nobody knows. `keys` names what is counted, so that a finding can show a
    place."""

    variable: Variable
    of: Callable[[_Counts], Any]
    keys: Callable[[Plan], Iterable[Key]] | None = None


class _Counts:
    """What is counted of one plan."""

    def __init__(self, plan: Plan, approvers: tuple[str, ...]) -> None:
        self.plan = plan
        self.approvers = approvers
        self.actions = Counter(type(change) for change in plan.changes)
        self.of_mailboxes = Counter(type(change) for change in plan.changes if change.key.kind == "Mailbox")
        self.figures = plan.figures

    @property
    def mailboxes(self) -> int | None:
        return None if self.figures is None else self.figures.ours.get("Mailbox", 0)

    def percent(self, count: int | None) -> int | None:
        """Of the mailboxes that are ours, rounded up; of none at all, all of them."""
        whole = self.mailboxes
        if whole is None or count is None:
            return None
        return 0 if not count else min(100, -(-count * 100 // whole)) if whole else 100


def plan_facts(plan: Plan, approvers: tuple[str, ...]) -> Mapping[str, Any]:
    """Name of a variable → value; what nobody knows is left out."""
    counts = _Counts(plan, approvers)
    found = ((name, fact.of(counts)) for name, fact in PLAN_FACTS.items())
    return {name: value for name, value in found if value is not None}


def countable() -> tuple[str, ...]:
    """Variables that count changes, so that a finding can stand at the first of them."""
    return tuple(name for name, fact in PLAN_FACTS.items() if fact.keys is not None)


def _of(kind: type[Change]) -> Callable[[Plan], Iterable[Key]]:
    return lambda plan: (change.key for change in plan.changes if isinstance(change, kind))


def _mailboxes_of(kind: type[Change]) -> Callable[[Plan], Iterable[Key]]:
    return lambda plan: (key for key in _of(kind)(plan) if key.kind == "Mailbox")


def _figure(name: str) -> Callable[[Plan], Iterable[Key]]:
    return lambda plan: getattr(plan.figures, name) if plan.figures is not None else ()


def _number(name: str, description: str, of: Callable[[_Counts], Any], keys: Callable[[Plan], Iterable[Key]] | None = None) -> PlanFact:
    return PlanFact(variable=Variable(name=f"plan.{name}", type=Type.NUMBER, description=description), of=of, keys=keys)


def _names(name: str, description: str, of: Callable[[_Counts], Any]) -> PlanFact:
    return PlanFact(variable=Variable(name=f"plan.{name}", type=Type.TEXTS, description=description), of=of)


def _action(name: str, kind: type[Change], description: str) -> PlanFact:
    return _number(name, description, lambda counts: counts.actions[kind], _of(kind))


def _mailbox_action(name: str, kind: type[Change], description: str) -> PlanFact:
    return _number(name, description, lambda counts: counts.of_mailboxes[kind], _mailboxes_of(kind))


def _counted(name: str, attribute: str, description: str) -> PlanFact:
    keys = _figure(attribute)
    return _number(name, description, lambda counts: None if counts.figures is None else len([*keys(counts.plan)]), keys)


def _percent(name: str, description: str, keys: Callable[[Plan], Iterable[Key]]) -> PlanFact:
    words = f"{description}, in percent of plan.mailboxes, rounded up."
    count = lambda counts: counts.percent(sum(key.kind == "Mailbox" for key in keys(counts.plan)))  # noqa: E731
    return _number(name, words, count, keys)


_ALL: Final = (
    _number("changes", "Changes of the plan.", lambda counts: len(counts.plan.changes), lambda plan: (one.key for one in plan.changes)),
    _action("creates", Create, "Rows that are made."),
    _action("adopts", Adopt, "Rows that are on the target already and become ours."),
    _action("updates", Update, "Rows that are changed."),
    _action("deletes", Delete, "Rows that are removed."),
    _action("forgets", Forget, "Rows that stay as they are and are no longer ours."),
    _action("commands", Command, "Commands."),
    _mailbox_action("mailboxesCreated", Create, "Mailboxes that are made."),
    _mailbox_action("mailboxesAdopted", Adopt, "Mailboxes that are on the target already and become ours."),
    _mailbox_action("mailboxesDeleted", Delete, "Mailboxes that are removed."),
    _counted("disabled", "disabled", "Rows that are made inactive, or of which a direction is switched off."),
    _counted("reprofiled", "reprofiled", "Mailboxes that get another profile; the same one under a new name is none."),
    _counted("floorsMovedBack", "floors_moved_back", "Resources of which mail is read that was passed over."),
    _counted("impersonatingAccountsChanged", "other_accounts", "Profiles that open mailboxes with another account than before."),
    _percent("reprofiledPercent", "Mailboxes that get another profile", _figure("reprofiled")),
    _percent("disabledPercent", "Mailboxes that are made inactive, or of which a direction is switched off", _figure("disabled")),
    _percent("deletedPercent", "Mailboxes that are removed", _of(Delete)),
    _number("mailboxes", "Mailboxes that are ours on the target, before the plan.", lambda counts: counts.mailboxes),
    _number("held", "Resources that are not touched.", lambda counts: len(counts.plan.held)),
    _names(
        "kindsChanged", "Kinds of the resources that change.", lambda counts: tuple(sorted({one.key.kind for one in counts.plan.changes}))
    ),
    _names("brakes", "Names of the brakes that stand.", lambda counts: tuple(brake.name for brake in counts.plan.brakes)),
    _names("brakesLifted", "Names of the brakes that tripped and were lifted.", lambda counts: tuple(counts.plan.lifted)),
    _names("approvers", "Names that settings give of those who may approve; none where nobody is named.", lambda counts: counts.approvers),
    PlanFact(
        variable=Variable(name="plan.target", type=Type.TEXT, description='Type of the target; "git" where two revisions are compared.'),
        of=lambda counts: counts.plan.target,
    ),
    PlanFact(
        variable=Variable(name="plan.partial", type=Type.TRUTH, description="Whether changes were left out by --only or --exclude."),
        of=lambda counts: counts.plan.selection is not None,
    ),
)

#: Name of a variable → how it is made.
PLAN_FACTS: Final[Mapping[str, PlanFact]] = MappingProxyType({one.variable.name: one for one in _ALL})
