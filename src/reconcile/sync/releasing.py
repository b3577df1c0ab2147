"""Taking a message out of quarantine: tried again with its kept bytes, as if it had just come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from reconcile.errors import PermanentError, ReconcileError, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.held_message import HeldMessage
from reconcile.model.remote_id import RemoteId
from reconcile.model.tracking import Decision, Outcome
from reconcile.ports.clock import Clock
from reconcile.ports.mail import Batch, Listed
from reconcile.ports.mail_store import Arrival, MailStore, ReceivedBatch
from reconcile.ports.quarantine import Quarantine
from reconcile.sync.decide.header import header_end
from reconcile.sync.deciding import Decider
from reconcile.sync.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """`tracked` became an activity, `known` was one already; with neither, filter and rules did not take it (`reason`)."""

    tracked: bool
    known: bool
    reason: str = ""


def release(
    store: MailStore, quarantine: Quarantine, held: HeldMessage, *, decider: Decider | None, clock: Clock, by: str = ""
) -> Released:
    """One transaction: it leaves the quarantine with what it became. Without `decider` it is tracked whatever filter and rules say, and it
    is remembered that a person (`by`) did that.

    Raises Locked while its mailbox is being synchronised, PermanentError where it fails as it did before, UserError where its bytes are
    not held.
    """
    if not held.size:
        raise UserError(f"message {held.id} has no bytes of its own: an activity has them already", hint="Delete it from the quarantine.")
    with store.receive(held.mailbox_id) as receiving:
        state = receiving.state
        assert state.cursor is not None
        # In a later history its number names another message.
        same = held.generation == state.generation
        remote_id = held.remote_id if same else RemoteId(held.remote_id.protocol, f"quarantine:{held.id}")
        reading = Reading(receiving, clock, None, [], begun=True, leave=False, generation=state.generation)
        reading.decider = decider
        listed = Listed(remote_id, datetime.fromisoformat(held.received), held.size)
        if decider is not None and decider.needs_block:
            head = next(quarantine.raw(held.id), b"")
            end = header_end(head, len(head))
            reading.blocks[remote_id] = head[: end if end >= 0 else None]
        reading.accept(listed, _bytes(quarantine, held))
        batch = Batch(read=(listed,), declined=0, missing=(), vanished=(), cursor=state.cursor, messages=state.server_messages or 0)
        made, _ = reading.close(batch, restart=False, recount=False, floor=state.floor, marks=frozenset())
        _check(made, held)
        # It was counted when the cursor passed it.
        if decider is None:
            made = replace(made, arrivals=[replace(each, decision=_by_hand(each, held, by, made.at)) for each in made.arrivals])
        made = replace(made, released=[held.id], declined=made.declined - 1, kept_before=made.kept_before - 1)
        try:
            kept = receiving.commit(made)
        except ReconcileError:
            raise
        except Exception as error:
            words = f"message {held.id} failed again: {type(error).__name__}: {error}"
            raise PermanentError(words, hint="It stays in quarantine; `reconcile quarantine export`.") from error
    reason = made.decisions[0].reason if made.decisions else ""
    return Released(tracked=bool(kept.tracked), known=bool(kept.duplicates), reason=reason)


def _by_hand(arrival: Arrival, held: HeldMessage, by: str, at: str) -> Decision:
    facts = [("released by", by), ("was held for", held.reason), ("error", held.error)]
    return Decision(
        mailbox_id=held.mailbox_id,
        generation=held.generation,
        remote_id=arrival.remote_id,
        outcome=Outcome.TRACKED,
        reason="released",
        facts=tuple(fact for fact in facts if fact[1]),
        message_id=arrival.header.message_id,
        sender=arrival.header.sender.address if arrival.header.sender else "",
        subject=arrival.header.subject,
        received=arrival.received,
        at=at,
    )


def _bytes(quarantine: Quarantine, held: HeldMessage) -> Iterator[bytes]:
    """All of it. Raises UserError where it left the quarantine since `held` was read: nothing must not be taken for an empty message."""
    size = 0
    for chunk in quarantine.raw(held.id):
        yield chunk
        size += len(chunk)
    if size != held.size:
        raise UserError(f"message {held.id} is no longer in quarantine", hint="`reconcile quarantine list` shows what is.")


def _check(made: ReceivedBatch, held: HeldMessage) -> None:
    words = [failure.words for failure in made.failed] + [dict(each.decision.facts).get("error", "") for each in made.given_up]
    if words:
        raise PermanentError(f"message {held.id} failed again: {words[0]}", hint="It stays in quarantine; `reconcile quarantine export`.")
