"""Outgoing mail that does not get on by itself: it waits for its mailbox or server, is uncertain, or failed for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from reconcile.lazy_dataclass import dataclass
from reconcile.model.outgoing import OutboxEntry, OutgoingState
from reconcile.report.counted import counted
from reconcile.report.safe_text import neutral

#: States whose entries may be worth a line.
STATES = (OutgoingState.PENDING, OutgoingState.UNCERTAIN)
#: More groups than this are counted, not listed.
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """Mails of one mailbox with one reason. `first` is the id of one of them, `next_try` UTC to the second ("" for none). `step` is what
    a person does first so that the mailbox may send, "" where it may."""

    mailbox: str
    state: OutgoingState
    mails: int
    reason: str
    first: int
    next_try: str
    step: str = ""


def unsent(entries: Sequence[OutboxEntry], *, now: datetime, steps: Mapping[str, str] = MappingProxyType({})) -> list[Unsent]:
    """Grouped, in the order of the entries. `steps` by mailbox id, of those whose sending is withheld.
    Mail whose next try is due is left out: nothing stands in its way."""
    groups: dict[tuple[str, OutgoingState, str], list[OutboxEntry]] = {}
    for entry in entries:
        waits = entry.state is OutgoingState.PENDING and entry.next_try_at is not None and entry.due_at > now
        if waits or entry.state in (OutgoingState.UNCERTAIN, OutgoingState.FAILED):
            groups.setdefault((entry.mailbox_name, entry.state, entry.reason), []).append(entry)
    return [
        Unsent(
            mailbox=mailbox,
            state=state,
            mails=len(members),
            reason=reason,
            first=members[0].id,
            next_try=min((f"{one.due_at:%Y-%m-%d %H:%M:%SZ}" for one in members if one.next_try_at), default=""),
            step=steps.get(members[0].mailbox_id, "") if state is OutgoingState.PENDING else "",
        )
        for (mailbox, state, reason), members in groups.items()
    ]


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
            "nextTryAt": group.next_try.replace(" ", "T") or None,
        }
        for group in groups
    ]
