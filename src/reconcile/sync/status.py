"""Healthy, waiting, stalled or off, and why: from what is declared and what is remembered. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconcile.model.condition import Condition, Health
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.report.counted import counted
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
from reconcile.sync.decide.failures import exhausted
from reconcile.sync.decide.header import instant_text
from reconcile.sync.decide.permitted import next_step
from reconcile.sync.due import Rhythm, enabled_since, next_look

ENABLE = "`reconcile enable {name}` tests it and enables it."


def mailbox_statuses(
    mailboxes: Sequence[ReceivingMailbox | IdleMailbox],
    states: Mapping[str, MailboxState],
    *,
    holders: Mapping[str, str],
    outbox: Mapping[str, Mapping[str, int]],
    now: datetime,
) -> list[MailboxStatus]:
    """In the order given. `outbox` counts mails by mailbox id and state."""
    return [
        _status(mailbox, states.get(mailbox.mailbox_id), holders.get(mailbox.mailbox_id, ""), outbox.get(mailbox.mailbox_id, {}), now)
        for mailbox in mailboxes
    ]


def _status(
    mailbox: ReceivingMailbox | IdleMailbox, known: MailboxState | None, holder: str, outbox: Mapping[str, int], now: datetime
) -> MailboxStatus:
    state = known or MailboxState(mailbox_id=mailbox.mailbox_id)
    if isinstance(mailbox, IdleMailbox):
        condition = mailbox.conditions[0]
        return MailboxStatus(
            mailbox_id=mailbox.mailbox_id,
            name=mailbox.name,
            address=mailbox.address,
            health=Health.OFF if mailbox.off else Health.WAITING if mailbox.waiting else Health.STALLED,
            why=condition.message,
            hint=next_step(condition, mailbox.name) or ("" if mailbox.off else _change(condition)),
            conditions=mailbox.conditions,
            state=state,
            outbox=outbox,
        )
    due = next_look(known, rhythm_of(mailbox), now=now)
    health, why, hint = _health(state, mailbox)
    return MailboxStatus(
        mailbox_id=mailbox.mailbox_id,
        name=mailbox.name,
        address=mailbox.address,
        health=health,
        why=why,
        hint=hint,
        server=f"{mailbox.server}:{mailbox.port}",
        floor=instant_text(mailbox.floor) if mailbox.floor else "",
        conditions=mailbox.conditions,
        state=state,
        next_look=instant_text(due.at),
        holder=holder,
        outbox=outbox,
    )


def _change(condition: Condition) -> str:
    return f"Change {condition.field}{f' ({condition.origin})' if condition.origin else ''} and apply."


def rhythm_of(mailbox: ReceivingMailbox) -> Rhythm:
    """How often it is to be looked at."""
    return Rhythm(
        interval=mailbox.polling_interval, fingerprint=mailbox.fingerprint, enabled_at=mailbox.enabled_at, backs_off=mailbox.backs_off
    )


def _health(state: MailboxState, mailbox: ReceivingMailbox) -> tuple[Health, str, str]:
    if not state.last_attempt:
        return Health.WAITING, "not looked at yet", ""
    if state.error_kind:
        if state.fingerprint != mailbox.fingerprint:
            return Health.WAITING, f"changed since it failed: {state.error}", ""
        if enabled_since(state, mailbox.enabled_at):
            return Health.WAITING, f"enabled since it failed: {state.error}", ""
        times = "" if state.failures < 2 else f" ({state.failures} times in a row)"
        if state.permanent or exhausted(state.failures):
            return Health.STALLED, f"{state.error}{times}", state.hint or ENABLE.format(name=mailbox.name)
        return Health.WAITING, f"{state.error}{times}", state.hint
    reported = sum(message.reported for message in state.missing)
    if reported:
        return Health.STALLED, f"{counted(reported, 'message')} without content at the server", "Look at them with a mail program."
    if state.missing:
        return Health.WAITING, f"{counted(len(state.missing), 'message')} without content so far, asked for again", ""
    return Health.HEALTHY, "", ""
