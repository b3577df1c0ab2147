"""How the mailboxes of each profile are doing, in numbers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconcile.lazy_dataclass import dataclass
from reconcile.model.condition import Health
from reconcile.model.mailbox_status import MailboxStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCounters:
    """`name` is "" for mailboxes without a profile. `failing`: the last look ended with an error, or a person must act; `waiting`:
    nothing failed, but something must happen first; `left_alone`: their server is not asked now; `disabled`: a person or ten failures
    switched a direction off. A mailbox that fails or waits may be left alone or disabled, too. `tracked` are e-mails over the life of the
    store, `sent` those in the outbox."""

    name: str
    mailboxes: int
    failing: int
    waiting: int
    left_alone: int
    disabled: int
    tracked: int
    sent: int


def profile_counters(statuses: Sequence[MailboxStatus], away: Collection[str]) -> list[ProfileCounters]:
    """By name, those without a profile last. `away` are servers (host:port, lower case) that are left alone."""
    groups: dict[str, list[MailboxStatus]] = {}
    for status in statuses:
        groups.setdefault(status.profile, []).append(status)
    return [
        ProfileCounters(
            name=name,
            mailboxes=len(found),
            failing=sum(_fails(one) for one in found),
            waiting=sum(one.health is Health.WAITING and not _fails(one) for one in found),
            left_alone=sum(bool(one.server) and one.server.lower() in away for one in found),
            disabled=sum(any(each.type == "Enabled" and each.reason == "Disabled" for each in one.conditions) for one in found),
            tracked=sum(one.state.tracked for one in found),
            sent=sum(one.outbox.get("sent", 0) for one in found),
        )
        for name, found in sorted(groups.items(), key=lambda group: (not group[0], group[0]))
    ]


def _fails(status: MailboxStatus) -> bool:
    return status.health is Health.STALLED or (status.health is Health.WAITING and bool(status.state.error_kind))
