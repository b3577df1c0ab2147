"""After a pass over the outbox: which mailboxes could not send, for the how many-eth time, and which have had enough of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconcile.model.enablement import Direction, Enablement
from reconcile.model.outgoing import OutgoingState
from reconcile.model.sending_report import SendingReport
from reconcile.ports.sending_failures import SendingFailures, SendingFailureStore
from reconcile.sync.decide.failures import Verdict, exhausted, failures_after
from reconcile.sync.decide.permitted import enabled_at
from reconcile.sync.giving_up import GiveUp

_COUNTS = Verdict(about="mailbox", counts=True, permanent=False)


def count_sending_failures(
    sent: SendingReport, store: SendingFailureStore, enablements: Mapping[str, Enablement], give_up: GiveUp, *, now: datetime
) -> None:
    """What counts is counted, who sent has none any more, and the tenth in a row disables the direction."""
    known = store.sending_failures()
    changed: dict[str, SendingFailures | None] = {
        entry.mailbox_id: None for entry in sent.settled if entry.state is OutgoingState.SENT and entry.mailbox_id in known
    }
    for trouble in sent.troubles:
        if not trouble.counts:
            continue
        before = known.get(trouble.mailbox_id) or SendingFailures(failures=0, counted_at="", error="")
        said = enablements.get(trouble.mailbox_id)
        enabled = enabled_at(said.outgoing) if said is not None else ""
        anew = bool(enabled and before.counted_at) and datetime.fromisoformat(enabled) > datetime.fromisoformat(before.counted_at)
        failures, counted_at = failures_after(before.failures, before.counted_at, _COUNTS, anew=anew, now=now)
        changed[trouble.mailbox_id] = SendingFailures(failures=failures, counted_at=counted_at, error=trouble.condition.message)
        if exhausted(failures):
            give_up(trouble.mailbox_id, trouble.name, Direction.OUTGOING, trouble.condition.message, trouble.hint, now)
    store.keep(changed)
