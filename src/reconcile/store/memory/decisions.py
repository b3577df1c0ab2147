"""The memory twin of what was decided about received messages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace

from reconcile.lazy_dataclass import dataclass
from reconcile.model.party import PartyRef
from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import MarkAction
from reconcile.model.tracking import Correlation, Decision, MailRef, Outcome, Tracking
from reconcile.ports.mail_store import Arrival, ReceivedBatch

#: As the other store.
MOST_IGNORED = 10_000
_Place = tuple[str, int, str]


@dataclass(slots=True)
class MemoryDecisions:
    """See `DecisionReader` and `MarkJournal`. `named` gives the oldest e-mail of a Message-ID but one, `located` the places of
    kept messages."""

    named: Callable[[str, int], int | None]
    located: Callable[[], Mapping[tuple[str, int, RemoteId], int]]
    decisions: dict[_Place, Decision] = field(default_factory=dict)
    trackings: dict[int, Tracking] = field(default_factory=dict)
    journal: dict[tuple[str, int, MarkAction], dict[RemoteId, None]] = field(default_factory=dict)

    def keep(self, mailbox_id: str, generation: int, batch: ReceivedBatch, kept: Sequence[tuple[Arrival, int]]) -> None:
        """With a batch."""
        for arrival, _ in kept:
            self.decisions.pop((mailbox_id, generation, arrival.remote_id.value), None)
        for decision in [*batch.decisions, *(each.decision for each in batch.given_up)]:
            self._put(replace(decision, generation=generation))
        for arrival, number in kept:
            if arrival.decision is not None:
                self._put(replace(arrival.decision, generation=generation, activity_id=number))
            if arrival.tracking is not None:
                self._track(number, arrival.tracking, [item.queue for item in arrival.more_queue_items])
        for action in batch.marks:
            named = [each.remote_id for each, _ in kept] if action.for_kept else [each.decision.remote_id for each in batch.given_up]
            self.journal.setdefault((mailbox_id, generation, action), {}).update(dict.fromkeys(named))
        ignored = [place for place, each in self.decisions.items() if place[0] == mailbox_id and each.outcome is Outcome.IGNORED]
        for place in ignored[:-MOST_IGNORED]:
            del self.decisions[place]

    def _put(self, decision: Decision) -> None:
        place = (decision.mailbox_id, decision.generation, decision.remote_id.value)
        self.decisions.pop(place, None)
        self.decisions[place] = decision

    def _track(self, number: int, tracking: Tracking, more: Sequence[PartyRef]) -> None:
        before = self.trackings.get(number)
        if before is not None:
            self.trackings[number] = replace(before, queue_items=tuple(dict.fromkeys((*before.queue_items, *more))))
            return
        how = tracking.correlation
        if how is not None and how.correlated.id == 0:
            tracking = replace(tracking, correlation=self._settled(how, number))
        self.trackings[number] = tracking

    def _settled(self, how: Correlation, number: int) -> Correlation | None:
        found = self.named(how.message_id, number)
        if found is None:
            return None
        mail = MailRef(kind="email", id=found)
        return replace(how, correlated=mail, parent=mail if how.parent else None)

    def waiting(self, mailbox_id: str, generation: int, action: MarkAction, *, limit: int) -> Sequence[RemoteId]:
        return list(self.journal.get((mailbox_id, generation, action), ()))[:limit]

    def done(self, mailbox_id: str, generation: int, action: MarkAction, remote_ids: Collection[RemoteId]) -> None:
        for key in [key for key in self.journal if key[0] == mailbox_id and key[1] < generation]:
            del self.journal[key]
        for remote_id in remote_ids:
            self.journal.get((mailbox_id, generation, action), {}).pop(remote_id, None)

    def counts(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for (mailbox_id, _, _), waiting in self.journal.items():
            if waiting:
                found[mailbox_id] = found.get(mailbox_id, 0) + len(waiting)
        return found

    def of_activity(self, activity_id: int) -> Sequence[Decision]:
        return [each for each in self.decisions.values() if each.activity_id == activity_id]

    def of_message_id(self, message_id: str) -> Sequence[Decision]:
        return [each for each in reversed(self.decisions.values()) if message_id and each.message_id == message_id][:100]

    def of_place(self, mailbox_id: str, remote: str) -> Sequence[Decision]:
        found = (each for place, each in self.decisions.items() if (place[0], place[2]) == (mailbox_id, remote))
        return sorted(found, key=lambda each: -each.generation)

    def placed(self, mailbox_id: str, remote: str) -> Sequence[tuple[int, RemoteId, int]]:
        found = [
            (generation, remote_id, activity)
            for (mailbox, generation, remote_id), activity in self.located().items()
            if (mailbox, remote_id.value) == (mailbox_id, remote)
        ]
        return sorted(found, key=lambda each: -each[0])

    def tracking(self, activity_id: int) -> Tracking | None:
        return self.trackings.get(activity_id)
