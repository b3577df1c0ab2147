"""A draft or failed mail of a backup may have gone out since: it does not go out before somebody says that they looked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconcile.errors import UserError
from reconcile.model.outbox_step import Confirm, Release, Retry, Step, advanced
from reconcile.model.outgoing import Field, OutboxEntry, OutgoingState, Recipient, RecipientState

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MADE = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def mail(state: OutgoingState, *recipients: RecipientState, restored: datetime | None = MADE) -> OutboxEntry:
    return OutboxEntry(
        id=7,
        message_id="<7@contoso.example>",
        client_key="",
        request="",
        mailbox_id="box1",
        mailbox_name="sales",
        sender="sales@contoso.example",
        recipients=tuple(
            Recipient(address=f"{number}@fabrikam.example", field=Field.TO, state=one) for number, one in enumerate(recipients)
        ),
        subject="s",
        size=1,
        added_at=MADE,
        state=state,
        restored_from=restored,
    )


DRAFT = mail(OutgoingState.DRAFT, RecipientState.PENDING)
FAILED = mail(OutgoingState.FAILED, RecipientState.SENT, RecipientState.FAILED)


@pytest.mark.parametrize(
    ("entry", "step"),
    [(DRAFT, Release(by="ops")), (DRAFT, Retry(by="ops")), (FAILED, Retry(by="ops"))],
    ids=["release", "retry of a draft", "retry"],
)
def test_it_goes_out_only_when_somebody_looked(entry: OutboxEntry, step: Release | Retry) -> None:
    with pytest.raises(UserError) as caught:
        advanced(entry, step, at=AT, owner_is_live=False)
    assert "a backup of 2026-03-01 02:00Z: it may have been sent since" in caught.value.message
    assert "--i-checked-it-was-not-sent" in caught.value.hint
    assert "<7@contoso.example>" in caught.value.hint
    done = advanced(entry, replace(step, checked_not_sent=True), at=AT, owner_is_live=False)
    assert done.entry.state is OutgoingState.PENDING
    assert done.entry.restored_from is None
    assert "ops checked that it was not sent since the backup" in str(done.why)


@pytest.mark.parametrize("entry", [DRAFT, FAILED])
def test_one_that_did_arrive_is_settled(entry: OutboxEntry) -> None:
    done = advanced(entry, Confirm(by="ops"), at=AT, owner_is_live=False).entry
    assert (done.state, done.restored_from) == (OutgoingState.SENT, None)


@pytest.mark.parametrize("step", [Release(by="ops"), Retry(by="ops")])
def test_what_no_backup_brought_needs_nothing(step: Step) -> None:
    assert advanced(replace(DRAFT, restored_from=None), step, at=AT, owner_is_live=False).entry.state is OutgoingState.PENDING
