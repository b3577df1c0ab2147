"""Mailboxes, their health and what a synchronisation did, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from reconcile.model.condition import Condition, Health
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.report.counted import counted, several
from reconcile.report.safe_text import neutral
from reconcile.report.table import table
from reconcile.report.unsent import Unsent, unsent_lines
from reconcile.report.wrapped import wrapped

_NONE = "no mailbox is applied; `reconcile plan` shows what is declared, `reconcile apply` applies it"
#: What is wrong with items is told in a section of its own, with its numbers.
_ABOUT_ITEMS = frozenset({"ItemDeletions", "ItemsAside"})
_TOLD_ABOVE = "see appointments, contacts and tasks above"
_ORDER = (Health.STALLED, Health.WAITING, Health.HEALTHY, Health.OFF)


def age(instant: str, now: datetime) -> str:
    """ "4 min ago", from UTC RFC 3339; "never" for ""."""
    if not instant:
        return "never"
    return span((now - datetime.fromisoformat(instant)).total_seconds()) + " ago"


def span(seconds: float) -> str:
    """A rough length of time."""
    seconds = max(0.0, seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= 60):
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def mailboxes_table(statuses: Sequence[MailboxStatus], *, now: datetime, fit: int | None = None) -> str:
    """One line a mailbox, as wide as the terminal (`fit`) where it can."""
    rows = [
        (
            status.name,
            status.address,
            status.health,
            status.state.tracked if status.state.last_attempt else None,
            _at_server(status),
            _pending(status.outbox),
            "now" if status.holder else age(status.state.last_success, now),
            _why(status),
        )
        for status in statuses
    ]
    return table(
        ("mailbox", "address", "health", "tracked", "read/at server", "outbox", "success", "why"),
        rows,
        limits=(30, 40, None, None, None, None, None, 100),
        fit=fit,
        # Who and why come first: the address gives way before them.
        spare=("address", "tracked"),
        narrowest=16,
        empty=_NONE,
    )


def _at_server(status: MailboxStatus) -> str:
    if status.state.server_messages is None:
        return ""
    return f"{status.state.decided}/{status.state.server_messages}"


def _pending(outbox: Mapping[str, int]) -> str:
    return " ".join(f"{count} {state}" for state, count in sorted(outbox.items()) if count and state != "sent")


def _why(status: MailboxStatus) -> str:
    notes = [status.why] if status.why else []
    if status.health in (Health.HEALTHY, Health.WAITING):
        notes += [f"{each.type}: {each.message}" for each in status.conditions if each.message not in status.why]
    return "; ".join(notes)


def health_counts(statuses: Sequence[MailboxStatus]) -> dict[str, int]:
    """Mailboxes by health, worst first; all four are named."""
    return {str(health): sum(status.health is health for status in statuses) for health in _ORDER}


def status_text(
    environment: str,
    statuses: Sequence[MailboxStatus],
    *,
    now: datetime,
    waiting: Sequence[Unsent] = (),
    idle: Sequence[tuple[str, Condition]] = (),
    beside: Mapping[str, Sequence[str]] = MappingProxyType({}),
    fit: int | None = None,
) -> str:
    """The environment at a glance: counts, then everything that wants a person, with the next step; no wider than the terminal (`fit`).

    `idle` are applied settings that do nothing, with the name of the resource that declares them. `beside` are more sections by title,
    without those that are empty.
    """
    counts = ", ".join(f"{count} {health}" for health, count in health_counts(statuses).items() if count) or _NONE
    tracked = sum(status.state.tracked for status in statuses)
    latest = max((status.state.last_success for status in statuses), default="")
    lines = [
        f"environment  {neutral(environment)}",
        f"mailboxes    {counts}",
        f"tracked      {counted(tracked, 'e-mail')}, last success {age(latest, now)}",
    ]
    outbox: dict[str, int] = {}
    for status in statuses:
        for state, count in status.outbox.items():
            outbox[state] = outbox.get(state, 0) + count
    if outbox:
        lines.append(f"outbox       {', '.join(f'{count} {state}' for state, count in sorted(outbox.items()))}")
    for title, section in beside.items():
        lines += ["", f"{title}:", *(f"  {line}" for line in section)] if section else []
    for health in (Health.STALLED, Health.WAITING, Health.OFF):
        alike: dict[tuple[str, ...], list[MailboxStatus]] = {}
        for status in statuses:
            if status.health is health and (health is not Health.OFF or _by_people(status)):
                # One cause in a hundred documents is one cause: where it stands makes no difference.
                alike.setdefault(tuple(_placeless(line, status) for line in _details(status)), []).append(status)
        for group in alike.values():
            names = [f"{status.name} <{status.address}>" for status in group]
            lines += ["", f"{health}: {neutral(several(names))}", *_details(group[0], group[1:]), *_next_look(group, now)]
    if waiting:
        lines += ["", "outgoing mail:", *(f"  {line}" for line in unsent_lines(waiting))]
    undone = [
        (f"Mailbox/{each.name}", condition)
        for each in statuses
        for condition in each.conditions
        if each.health is Health.HEALTHY
        or (condition.type == "Unsupported" and (each.health is Health.OFF or condition.message not in _why(each)))
    ]
    if undone or idle:
        lines += ["", "declared, but nothing acts on it:"]
    alike_settings: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, condition in [*undone, *idle]:
        alike_settings.setdefault((condition.field, condition.message), []).append((name, condition.origin))
    for (field, message), declared in alike_settings.items():
        name, origin = declared[0]
        place = f" ({neutral(origin)})" if origin else ""
        others = f" and {len(declared) - 1} more" if len(declared) > 1 else ""
        lines.append(f"  {neutral(name)}{others}: {neutral(field)}{place}: {neutral(message)}")
    return wrapped("\n".join(lines), fit)


def _by_people(status: MailboxStatus) -> bool:
    """Whether a person's word keeps it from something, not a declaration."""
    return any(condition.type in ("Approved", "Enabled", "Claimed") for condition in status.conditions)


def _placed(status: MailboxStatus) -> list[Condition]:
    """Whose place is told: what `why` speaks of. The place of anything else would send people to the wrong line."""
    why = _why(status)
    return [condition for condition in status.conditions if condition.origin and condition.message in why]


def _placeless(line: str, status: MailboxStatus) -> str:
    for condition in _placed(status):
        line = line.replace(neutral(condition.origin), "…")
    return line


def _details(status: MailboxStatus, others: Sequence[MailboxStatus] = ()) -> tuple[str, ...]:
    """Of one mailbox; `others` are those of which the same is said."""
    lines = [f"  why:  {neutral(_why(status))}"]
    elsewhere = [_placed(other) for other in others]
    for number, condition in enumerate(_placed(status)):
        places = {condition.origin, *(other[number].origin for other in elsewhere)}
        more = f" and {counted(len(places) - 1, 'more place')}" if len(places) > 1 else ""
        lines.append(f"  at:   {neutral(condition.origin)} ({neutral(condition.field)}){more}")
    if status.hint:
        lines.append(f"  next: {_TOLD_ABOVE if status.reason in _ABOUT_ITEMS else neutral(status.hint)}")
    return tuple(lines)


def _next_look(group: Sequence[MailboxStatus], now: datetime) -> Iterator[str]:
    """The first of them: that seconds lie between them makes no two causes of one."""
    planned = [status.next_look for status in group if status.next_look]
    if planned:
        left = (datetime.fromisoformat(min(planned)) - now).total_seconds()
        yield f"  next look {'is due' if left <= 0 else f'in {span(left)}'}"
