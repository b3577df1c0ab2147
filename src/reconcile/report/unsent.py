"""Outgoing mail that does not get on by itself: it waits for its mailbox or server, is uncertain, or failed for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from reconcile.lazy_dataclass import dataclass
from reconcile.model.outgoing import NEXT_STEP, OutboxEntry, OutgoingState
from reconcile.report.counted import counted
from reconcile.report.safe_text import neutral

#: States whose entries may be worth a line.
STATES = (OutgoingState.PENDING, OutgoingState.UNCERTAIN)
#: Mail that was never tried is worth a line when its time has been over for so long.
_OVERDUE = timedelta(minutes=1)
#: More groups than this are counted, not listed.
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """Mails of one mailbox with one reason. `first` is the id of one of them, `next_try` UTC to the second ("" for none). `step` is what
    a person does first so that the mailbox may or can send, "" where it can. `due`: the time of all of them has come."""

    mailbox: str
    state: OutgoingState
    mails: int
    reason: str
    first: int
    next_try: str
    step: str = ""
    due: bool = False


def unsent(
    entries: Sequence[OutboxEntry], *, now: datetime, steps: Mapping[str, str] = MappingProxyType({}), due: bool = False
) -> list[Unsent]:
    """Grouped, in the order of the entries. `steps` by mailbox id, of those whose sending is withheld.
    Mail whose time has come is left out, for nothing stands in its way, unless `due` asks for it: where nobody sends, it waits all the
    same. What a person withdrew wants nothing more."""
    groups: dict[tuple[str, OutgoingState, str, bool], list[OutboxEntry]] = {}
    for entry in entries:
        is_due = entry.state is OutgoingState.PENDING and entry.due_at <= now
        if _is_told(entry, now=now, due=due if is_due else None):
            groups.setdefault((entry.mailbox_name, entry.state, entry.reason, is_due), []).append(entry)
    return [
        Unsent(
            mailbox=mailbox,
            state=state,
            mails=len(members),
            reason=reason.partition(NEXT_STEP)[0],
            first=members[0].id,
            next_try=min((f"{one.due_at:%Y-%m-%d %H:%M:%SZ}" for one in members if one.next_try_at or is_due), default=""),
            step=(steps.get(members[0].mailbox_id) or _step(reason, members[0].id)) if state is OutgoingState.PENDING else "",
            due=is_due,
        )
        for (mailbox, state, reason, is_due), members in groups.items()
    ]


def _step(reason: str, first: int) -> str:
    hint = reason.partition(NEXT_STEP)[2]
    return f"{hint} Then, to wait no longer: reconcile outbox retry {first}" if hint else ""


def _is_told(entry: OutboxEntry, *, now: datetime, due: bool | None) -> bool:
    """`due` is None for mail whose time has not come, else whether such mail is asked for."""
    match entry.state:
        case OutgoingState.PENDING if due is None:
            return entry.next_try_at is not None
        case OutgoingState.PENDING:
            return bool(due) and (bool(entry.reason) or now - entry.due_at >= _OVERDUE)
        case OutgoingState.UNCERTAIN:
            return True
        case OutgoingState.FAILED:
            return not entry.withdrawn
        case _:
            return False


def unsent_lines(groups: Sequence[Unsent]) -> list[str]:
    """Two lines a group: what waits and why, and what a person can do."""
    lines = []
    for group in groups[:_MOST]:
        if group.state is OutgoingState.UNCERTAIN:
            lines.append(f"{neutral(group.mailbox)}: {counted(group.mails, 'mail is', 'mails are')} uncertain: {neutral(group.reason)}")
            lines.append(f"  next: reconcile outbox show {group.first}")
        elif group.state is OutgoingState.FAILED:
            lines.append(f"{neutral(group.mailbox)}: {counted(group.mails, 'mail')} failed for good: {neutral(group.reason)}")
            lines.append(f"  next: reconcile outbox show {group.first}")
        elif group.due:
            why = f": {neutral(group.reason)}" if group.reason else ""
            lines.append(f"{neutral(group.mailbox)}: {counted(group.mails, 'mail waits', 'mails wait')}, due since {group.next_try}{why}")
            lines.append(f"  next: {neutral(group.step or 'nothing while `reconcile run` works, else: reconcile sync')}")
        else:
            until = f" until {group.next_try}" if group.next_try else ""
            lines.append(f"{neutral(group.mailbox)}: {counted(group.mails, 'mail waits', 'mails wait')}{until}: {neutral(group.reason)}")
            step = group.step or f"nothing, or try now: reconcile outbox retry {group.first}"
            lines.append(f"  next: {neutral(step)}")
    if len(groups) > _MOST:
        lines.append(f"and {len(groups) - _MOST} more; reconcile outbox list has all")
    return lines


def unsent_json(groups: Sequence[Unsent]) -> list[dict[str, object]]:
    """A document a group."""
    return [
        {
            "mailbox": group.mailbox,
            "state": str(group.state),
            "mails": group.mails,
            "reason": group.reason,
            "firstId": group.first,
            "hint": group.step,
            "due": group.due,
            "nextTryAt": group.next_try.replace(" ", "T") or None,
        }
        for group in groups
    ]
