"""What a batch leaves for later: messages without content, and those that could not be kept. The same for every store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconcile.model.mailbox_state import MailboxState, MissingMessage
from reconcile.model.remote_id import RemoteId
from reconcile.model.tracking import Decision, Outcome
from reconcile.ports.mail_store import Arrival, Failure, ReceivedBatch, Unprocessed


def missing_after(known: Mapping[RemoteId, MissingMessage], batch: ReceivedBatch, found: set[RemoteId]) -> tuple[MissingMessage, ...]:
    """Those of before, counted one further where the batch names them, without those that were found."""
    left = dict(known)
    for remote_id in batch.missing:
        earlier = left.get(remote_id)
        attempts = earlier.attempts + 1 if earlier else 1
        left[remote_id] = MissingMessage(
            remote_id=remote_id,
            attempts=attempts,
            first_seen=earlier.first_seen if earlier else batch.at,
            # One that failed before is given up only after it was tried once more.
            reported=attempts > batch.report_after if earlier and earlier.failure else attempts >= batch.report_after,
            failure=earlier.failure if earlier else "",
            next_at=earlier.next_at if earlier else "",
        )
    for failure in batch.failed:
        earlier = left.get(failure.remote_id)
        left[failure.remote_id] = MissingMessage(
            remote_id=failure.remote_id,
            attempts=earlier.attempts if earlier else 1,
            first_seen=earlier.first_seen if earlier else batch.at,
            failure=failure.words,
            next_at=failure.next_at,
        )
    return tuple(message for remote_id, message in left.items() if remote_id not in found)


def without(before: MailboxState, batch: ReceivedBatch, bad: Sequence[tuple[Arrival, str]]) -> ReceivedBatch:
    """The batch without arrivals that the store cannot take: these fail, or are given up where they were tried often enough."""
    attempts = {message.remote_id: message.attempts for message in before.missing}
    refused = {arrival.remote_id for arrival, _ in bad}
    failed, given_up = list[Failure](), list[Unprocessed]()
    for arrival, words in bad:
        if attempts.get(arrival.remote_id, 0) >= batch.report_after:
            decision = _undeliverable(before.mailbox_id, batch, arrival, words)
            given_up.append(Unprocessed(decision=decision, raw=arrival.raw, place=arrival.place))
        else:
            failed.append(Failure(remote_id=arrival.remote_id, words=words, next_at=batch.next_try))
    return replace(
        batch,
        arrivals=[arrival for arrival in batch.arrivals if arrival.remote_id not in refused],
        failed=[*batch.failed, *failed],
        given_up=[*batch.given_up, *given_up],
    )


def _undeliverable(mailbox_id: str, batch: ReceivedBatch, arrival: Arrival, words: str) -> Decision:
    def plain(text: str) -> str:
        # It may be this very text that cannot be kept.
        return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")

    header = arrival.header
    return Decision(
        mailbox_id=mailbox_id,
        generation=0,
        remote_id=arrival.remote_id,
        outcome=Outcome.UNDELIVERABLE,
        reason="tracking-failed",
        facts=(*(arrival.decision.facts if arrival.decision else ()), ("error", plain(words))),
        message_id=plain(header.message_id),
        sender=plain(header.sender.address) if header.sender else "",
        subject=plain(header.subject),
        received=arrival.received,
        at=batch.at,
        attempts=batch.report_after,
    )
