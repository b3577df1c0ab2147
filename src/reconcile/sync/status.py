"""Healthy, waiting, stalled or off, and why: from what is declared and what is remembered. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from reconcile.model.condition import Condition, Health
from reconcile.model.loop_sign import LoopSign
from reconcile.model.mailbox_state import MEND_FOLDERS, MailboxState, unseen
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.report.counted import counted
from reconcile.sync.admission import server_of
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
from reconcile.sync.decide.failures import exhausted
from reconcile.sync.decide.header import instant_text
from reconcile.sync.decide.permitted import next_step
from reconcile.sync.decide.submission import SendingMailbox, SilentMailbox
from reconcile.sync.due import Rhythm, enabled_since, interval_of, next_look

ENABLE: Final = "`reconcile enable {name}` tests it and enables it."
#: A mailbox that was not looked at for so many of its intervals was forgotten.
OVERLOOKED: Final = 3
#: Health, why, next step, and a stable word.
ItemFinding: TypeAlias = tuple[Health, str, str, str]
_WORST: Final = (Health.STALLED, Health.WAITING, Health.OFF, Health.HEALTHY)


def mailbox_statuses(
    mailboxes: Sequence[ReceivingMailbox | IdleMailbox],
    states: Mapping[str, MailboxState],
    *,
    holders: Mapping[str, str],
    outbox: Mapping[str, Mapping[str, int]],
    now: datetime,
    loop: LoopSign | None = None,
    away: Mapping[str, str] = MappingProxyType({}),
    sending: Mapping[str, SendingMailbox | SilentMailbox] = MappingProxyType({}),
    quarantined: Mapping[str, int] = MappingProxyType({}),
    sign_in_again: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    items: Mapping[str, ItemFinding] = MappingProxyType({}),
) -> list[MailboxStatus]:
    """In the order given. `outbox` counts mails by mailbox id and state. `loop` is the sign of life of `run`, `away` says of servers
    (host:port) why they are not asked now. `sending` has by mailbox id who may send; of two directions the worse one tells the health.
    `quarantined` counts messages that were given up, by mailbox id: a person must look at them. `sign_in_again` says by account (external
    id) why a person must sign in, and the next step. `items` says by mailbox id what is wrong with appointments, contacts and tasks."""
    return [
        _with_items(
            _with_quarantine(
                _with_sign_in(
                    _with_sending(
                        _status(
                            mailbox,
                            states.get(mailbox.mailbox_id),
                            holders.get(mailbox.mailbox_id, ""),
                            outbox.get(mailbox.mailbox_id, {}),
                            now,
                            loop if loop is not None and loop.runs(now) else None,
                            away,
                        ),
                        mailbox,
                        sending.get(mailbox.mailbox_id),
                    ),
                    (mailbox, sending.get(mailbox.mailbox_id)),
                    sign_in_again,
                ),
                quarantined.get(mailbox.mailbox_id, 0),
            ),
            items.get(mailbox.mailbox_id),
        )
        for mailbox in mailboxes
    ]


def _status(
    mailbox: ReceivingMailbox | IdleMailbox,
    known: MailboxState | None,
    holder: str,
    outbox: Mapping[str, int],
    now: datetime,
    loop: LoopSign | None,
    away: Mapping[str, str],
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
    if health is Health.HEALTHY:
        health, why, hint = _overlooked(state, mailbox, now, holder, loop, away)
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


def sending_steps(sending: Mapping[str, SendingMailbox | SilentMailbox]) -> dict[str, str]:
    """What a person does first so that a mailbox may send, by mailbox id; those alone that are kept from it."""
    return {one.mailbox_id: _step(one) for one in sending.values() if isinstance(one, SilentMailbox) and one.health is not None}


def _step(silent: SilentMailbox) -> str:
    return next_step(silent.condition, silent.name) or _change(silent.condition)


def _with_sending(
    status: MailboxStatus, mailbox: ReceivingMailbox | IdleMailbox, sending: SendingMailbox | SilentMailbox | None
) -> MailboxStatus:
    """What keeps a mailbox from sending is said beside what keeps it from receiving, the worse one first."""
    if not isinstance(sending, SilentMailbox) or sending.health is None:
        return status
    condition = sending.condition
    # That nothing is received here was declared, and is no news beside it.
    undeclared = isinstance(mailbox, IdleMailbox) and mailbox.conditions[0].type == "Off"
    mine = (sending.health, condition.message, _step(sending), condition.reason)
    return replace(
        _worse(replace(status, why="") if undeclared else status, mine),
        sending_step=mine[2],
        conditions=(*status.conditions, *(() if any(condition.message == each.message for each in status.conditions) else (condition,))),
    )


def _with_sign_in(
    status: MailboxStatus,
    directions: tuple[ReceivingMailbox | IdleMailbox, SendingMailbox | SilentMailbox | None],
    again: Mapping[str, tuple[str, str]],
) -> MailboxStatus:
    """That nobody is signed in is known before the next look finds it."""
    for one in directions if again else ():
        oauth = one.sign_in.oauth if isinstance(one, ReceivingMailbox | SendingMailbox) else None
        if oauth is not None and oauth.account in again:
            why, hint = again[oauth.account]
            # The last look may have said so already, in the words of the provider.
            return status if status.hint == hint else _worse(status, (Health.STALLED, why, hint, "SignInAgain"))
    return status


def _with_quarantine(status: MailboxStatus, count: int) -> MailboxStatus:
    """Nothing more happens by itself to what was given up."""
    if not count:
        return status
    words, hint = f"{counted(count, 'message')} in quarantine", "`reconcile quarantine list` says what is wrong with them."
    declared_off = status.health is Health.OFF and status.conditions[0].type == "Off"
    found = (Health.STALLED, words, hint, "Quarantined")
    return replace(_worse(replace(status, why="") if declared_off else status, found), quarantined=count)


def _with_items(status: MailboxStatus, found: ItemFinding | None) -> MailboxStatus:
    """Its mail goes on, and may be well."""
    if found is None:
        return status
    declared_off = status.health is Health.OFF and status.conditions[0].type == "Off"
    health, why, hint, reason = found
    if status.why and status.why in why:  # what keeps its mail from going on keeps its items, too: told once
        why = status.why
    return _worse(replace(status, why="") if declared_off else status, (health, why, hint, reason))


def _worse(status: MailboxStatus, other: tuple[Health, str, str, str]) -> MailboxStatus:
    """With another finding (health, why, next step, stable word) beside its own: the worse one first, and its next step."""
    both = [(status.health, status.why, status.hint, status.reason), other] if status.why else [other]
    both.sort(key=lambda one: _WORST.index(one[0]))
    words = dict.fromkeys(why for _, why, _, _ in both)
    return replace(status, health=both[0][0], why="; ".join(words), hint=both[0][2] or both[-1][2], reason=both[0][3])


def _change(condition: Condition) -> str:
    return f"Change {condition.field}{f' ({condition.origin})' if condition.origin else ''} and apply."


def rhythm_of(mailbox: ReceivingMailbox) -> Rhythm:
    """How often it is to be looked at."""
    return Rhythm(
        interval=mailbox.polling_interval, fingerprint=mailbox.fingerprint, enabled_at=mailbox.enabled_at, backs_off=mailbox.backs_off
    )


#: Errors that no time mends, whomever they concern.
_FOR_A_PERSON = frozenset({"PermanentError", "PermissionDenied", "MailboxRefused", "BlockedByTenant", "SettingsError"})


def _health(state: MailboxState, mailbox: ReceivingMailbox) -> tuple[Health, str, str]:
    if not state.last_attempt:
        return Health.WAITING, "not looked at yet", ""
    if state.error_kind:
        if state.fingerprint != mailbox.fingerprint:
            return Health.WAITING, f"changed since it failed: {state.error}", ""
        if enabled_since(state, mailbox.enabled_at):
            return Health.WAITING, f"enabled since it failed: {state.error}", ""
        times = "" if state.failures < 2 else f" ({state.failures} times in a row)"
        # A certificate that does not hold is tried again by itself, and still somebody must see to it.
        if state.permanent or exhausted(state.failures) or state.error_kind in _FOR_A_PERSON:
            return Health.STALLED, f"{state.error}{times}", state.hint or ENABLE.format(name=mailbox.name)
        return Health.WAITING, f"{state.error}{times}", state.hint
    reported = sum(message.reported for message in state.missing)
    if reported:
        return Health.STALLED, f"{counted(reported, 'message')} without content at the server", "Look at them with a mail program."
    if state.missing:
        return Health.WAITING, f"{counted(len(state.missing), 'message')} without content so far, asked for again", ""
    if state.stuck_since:
        words = f"since {day_and_time(state.stuck_since)} its server counts more messages and lists none of them"
        return Health.STALLED, words, "Look at it with a mail program; its server may have to be mended."
    if state.lacking and mailbox.folders:
        words = f"tracked folder not read: {'; '.join(state.lacking)}"
        return Health.STALLED, words, MEND_FOLDERS
    left = unseen(state)
    if left:
        return Health.WAITING, f"{counted(left, 'message')} of {state.server_messages} at the server not looked at yet", ""
    return Health.HEALTHY, "", ""


def _overlooked(
    state: MailboxState, mailbox: ReceivingMailbox, now: datetime, holder: str, loop: LoopSign | None, away: Mapping[str, str]
) -> tuple[Health, str, str]:
    """The last look was fine; whether it was too long ago while somebody should have looked."""
    if loop is None or holder:
        return Health.HEALTHY, "", ""
    last, when = datetime.fromisoformat(state.last_attempt), day_and_time(state.last_attempt)
    reason = away.get(server_of(mailbox))
    if reason is not None and next_look(state, rhythm_of(mailbox), now=now).at < now:
        return Health.WAITING, f"not looked at since {when}: {reason}", ""
    patience = OVERLOOKED * interval_of(state, rhythm_of(mailbox), now=now)
    if now - max(last, loop.since) <= patience:
        return Health.HEALTHY, "", ""
    words = f"not looked at since {when}, although `run` works and it is due every {mailbox.polling_interval.total_seconds() / 60:g} min"
    return Health.STALLED, words, "See `reconcile alerts list`, or raise RECONCILE_PARALLEL and RECONCILE_PER_SERVER if many wait."


def day_and_time(moment: str) -> str:
    """As people write it, to the minute, UTC."""
    return moment[:16].replace("T", " ")
