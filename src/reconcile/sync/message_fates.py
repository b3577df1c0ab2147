"""Finding out what became of one message, from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from reconcile.errors import ReconcileError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.message_fate import Fate, MessageFates, Whereabouts
from reconcile.model.tracking import Decision, Outcome
from reconcile.ports.correlation import CorrelationLookup
from reconcile.ports.decisions import DecisionReader
from reconcile.ports.mail import MessageFinder
from reconcile.ports.mail_store import ActivityReader
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.eligible import ReceivingMailbox, receiving_mailboxes
from reconcile.sync.decide.permitted import Permits

#: So many mailboxes are told of one by one.
_NAMED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """`mailboxes` are slugs by mailbox id, `forward` those of forward mailboxes."""

    activities: ActivityReader
    decisions: DecisionReader
    correlation: CorrelationLookup
    mailboxes: Mapping[str, str]
    forward: Sequence[str] = ()


def fates_of_activity(stores: Stores, activity_id: int) -> MessageFates:
    """`fates` is empty where there is no such e-mail."""
    return MessageFates(asked=str(activity_id), fates=tuple(_activity(stores, activity_id)))


def fates_of_message_id(stores: Stores, message_id: str) -> MessageFates:
    """With or without angle brackets."""
    names = dict.fromkeys((message_id, f"<{message_id.strip('<>')}>", message_id.strip("<>")))
    known = stores.correlation.by_message_id(list(names))
    mails = [mail for found in known.values() for mail in found]
    fates = [fate for mail in mails if mail.kind == "email" for fate in _activity(stores, mail.id)]
    decided = [each for name in names for each in stores.decisions.of_message_id(name) if each.activity_id is None]
    fates += [_fate(stores, decision) for decision in decided]
    outgoing = next((mail.id for mail in mails if mail.kind == "outbox"), None)
    notes = () if fates or outgoing is not None else _unknown(stores, None)
    return MessageFates(asked=message_id, fates=tuple(fates), outgoing=outgoing, notes=notes)


def fates_of_place(stores: Stores, mailbox_id: str, number: str) -> MessageFates:
    """A message by the mailbox and the number that the server gives it (its UID, its UIDL)."""
    slug = stores.mailboxes.get(mailbox_id, mailbox_id)
    decisions = stores.decisions.of_place(mailbox_id, number)
    fates = [_fate(stores, decision) for decision in decisions]
    decided = {(decision.generation, decision.activity_id) for decision in decisions}
    for generation, _, activity_id in stores.decisions.placed(mailbox_id, number):
        if (generation, activity_id) not in decided:
            fates += [each for each in _activity(stores, activity_id) if each.mailbox == slug][:1]
    state = stores.activities.states().get(mailbox_id, MailboxState(mailbox_id=mailbox_id))
    for missing in state.missing:
        if missing.remote_id.value == number:
            why = missing.failure or "the server lists it without content"
            after = f"next try from {missing.next_at}" if missing.next_at else "tried with the next look"
            facts = (("error", why), ("then", "no more tries" if missing.reported else after))
            fates.append(Fate(mailbox=slug, number=number, outcome=None, reason="not kept yet", facts=facts, attempts=missing.attempts))
    return MessageFates(asked=f"{slug}:{number}", fates=tuple(fates), notes=() if fates else _unknown(stores, mailbox_id))


def _activity(stores: Stores, activity_id: int) -> list[Fate]:
    """One for each mailbox that holds it."""
    activity = stores.activities.activity(activity_id)
    if activity is None:
        return []
    decisions = stores.decisions.of_activity(activity_id)
    found = [_fate(stores, decision) for decision in decisions]
    decided = {decision.mailbox_id for decision in decisions}
    tracking = stores.decisions.tracking(activity_id)
    found += [
        Fate(
            mailbox=stores.mailboxes.get(mailbox_id, mailbox_id),
            number="",
            outcome=Outcome.TRACKED,
            reason="all-mail",
            message_id=activity.header.message_id,
            sender=activity.header.sender.address if activity.header.sender else "",
            subject=activity.header.subject,
            received=activity.received,
            at=activity.tracked_at,
            activity_id=activity_id,
            tracking=tracking,
        )
        for mailbox_id in activity.mailboxes or (activity.mailbox_id,)
        # What came through a forward mailbox is also held by whom it was for.
        if mailbox_id not in decided and not (tracking and tracking.forwarded_by and decided)
    ]
    return found


def _fate(stores: Stores, decision: Decision) -> Fate:
    return Fate(
        mailbox=stores.mailboxes.get(decision.mailbox_id, decision.mailbox_id),
        number=decision.remote_id.value,
        outcome=decision.outcome,
        reason=decision.reason,
        facts=decision.facts,
        message_id=decision.message_id,
        sender=decision.sender,
        subject=decision.subject,
        received=decision.received,
        at=decision.at,
        attempts=decision.attempts,
        activity_id=decision.activity_id,
        tracking=stores.decisions.tracking(decision.activity_id) if decision.activity_id is not None else None,
    )


def _unknown(stores: Stores, mailbox_id: str | None) -> tuple[str, ...]:
    """What it may be, with the values that bound it."""
    states = stores.activities.states()
    notes = ["No such message was seen in an Inbox."]
    asked = sorted((slug, each) for each, slug in stores.mailboxes.items() if mailbox_id in (None, each))
    for slug, each in asked[:_NAMED]:
        state = states.get(each)
        if state is None or not state.last_success:
            notes.append(f"{slug}: was never looked at")
        else:
            floor = f"mail received before {state.floor} is not processed" if state.floor else "mail of any date is processed"
            notes.append(f"{slug}: looked at last {state.last_success}; {floor}; {state.server_messages} messages in its Inbox then")
    if len(asked) > _NAMED:
        notes.append(f"… and {len(asked) - _NAMED} mailboxes more")
    if mailbox_id is None and stores.forward:
        notes.append(
            "Of mail in a forward mailbox the Message-ID of the mail attached to it is known, not that of the mail around it. Ask by the"
            f" mailbox and the number at its server: `reconcile explain message {stores.forward[0]}:NUMBER`."
        )
    notes.append(
        "Beside that only the Inbox is read (at Exchange tracked folders, too): a rule at the server may have moved it."
        " `--online` looks into the other folders."
    )
    return tuple(notes)


def whereabouts(
    found: MessageFates,
    resources: Sequence[AppliedResource],
    permits: Permits,
    finder: Callable[[ReceivingMailbox], MessageFinder | None],
    *,
    now: str,
) -> MessageFates:
    """With the folders in which the mail servers have it; what cannot be asked is told in a note. Read-only."""
    message_id = next((fate.message_id for fate in found.fates if fate.message_id), found.asked)
    if "@" not in message_id:
        return replace(found, notes=(*found.notes, "Without a Message-ID it cannot be looked for at the servers."))
    message_id = f"<{message_id.strip('<>')}>"
    concerned = {fate.mailbox for fate in found.fates}
    places, notes = list[Whereabouts](), list[str]()
    for mailbox in receiving_mailboxes(resources, now=now, permits=permits):
        if not isinstance(mailbox, ReceivingMailbox) or (concerned and mailbox.name not in concerned):
            continue
        asked = finder(mailbox)
        if asked is None:
            notes.append(f"{mailbox.name}: POP3 shows the Inbox only")
            continue
        try:
            folders = asked.folders_of(message_id)
        except ReconcileError as error:
            notes.append(f"{mailbox.name}: could not be asked: {error.message}")
            continue
        places += [Whereabouts(mailbox=mailbox.name, folder=folder, inbox=folder.upper() == "INBOX") for folder in folders]
        if not folders:
            notes.append(f"{mailbox.name}: the server has it in no folder")
    kept = tuple(note for note in found.notes if "--online" not in note)
    return replace(found, whereabouts=tuple(places), notes=(*kept, *notes))
