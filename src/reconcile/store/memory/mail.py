"""The memory twin of the mail store. `interrupt` is called at every step that a crash may separate from the next."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import datetime

from reconcile.errors import Locked, PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity import Activity
from reconcile.model.activity_details import UNEDITED, ActivityDetails, ActivityState
from reconcile.model.activity_edit import Edit, decided
from reconcile.model.content_digest import content_digest
from reconcile.model.feed import FeedAction, FeedKind
from reconcile.model.mail_clues import MailClues
from reconcile.model.mailbox_state import Attempt, MailboxState
from reconcile.model.message import MessageText
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, Kept, Place, ReceivedBatch
from reconcile.store.batch_failures import missing_after
from reconcile.store.memory.decisions import MemoryDecisions
from reconcile.store.memory.feed_log import FeedLog
from reconcile.store.memory.parties import MemoryParties
from reconcile.store.memory.queue_items import MemoryQueueItems


@dataclass(slots=True)
class _Location:
    activity: int
    raw: bytes
    received: str
    nameless: bool


@dataclass(slots=True)
class MemoryMailStore:
    """Empty when made. Commits are atomic; bodies that no commit named are forgotten when the mailbox is let go."""

    interrupt: Callable[[str], None] = lambda _: None
    log: FeedLog = field(default_factory=FeedLog)
    details: dict[int, ActivityDetails] = field(default_factory=dict)
    clues: dict[int, MailClues] = field(default_factory=dict)
    _activities: dict[int, tuple[Activity, bytes, Place]] = field(default_factory=dict)
    _locations: dict[tuple[str, int, RemoteId], _Location] = field(default_factory=dict)
    _states: dict[str, MailboxState] = field(default_factory=dict)
    _texts: dict[int, MessageText] = field(default_factory=dict)
    _bodies: dict[int, bytes] = field(default_factory=dict)
    #: How many bodies were ever ended, by all who receive.
    _ended: int = 0
    _held: set[str] = field(default_factory=set)
    _guard: threading.RLock = field(default_factory=threading.RLock)
    #: The tracked folder of a mailbox that held an activity last, by both.
    _filed: dict[tuple[int, str], str] = field(default_factory=dict)
    queue_items: MemoryQueueItems = field(default_factory=MemoryQueueItems)
    parties: MemoryParties = field(default_factory=MemoryParties)
    decisions: MemoryDecisions = field(init=False)

    def __post_init__(self) -> None:
        self.decisions = MemoryDecisions(
            named=self._named, located=lambda: {key: location.activity for key, location in self._locations.items()}
        )

    def _named(self, message_id: str, but: int) -> int | None:
        found = (number for number, (activity, _, _) in self._activities.items() if activity.header.message_id == message_id)
        return next((number for number in found if message_id and number != but), None)

    def close(self) -> None:
        """Nothing to close."""

    @contextmanager
    def receive(self, mailbox_id: str) -> Iterator[_Receiving]:
        with self._guard:
            if mailbox_id in self._held:
                raise Locked("this mailbox is being synchronised by another thread", hint="Wait for it.")
            self._held.add(mailbox_id)
        try:
            yield _Receiving(self, mailbox_id)
        finally:
            with self._guard:
                self._held.discard(mailbox_id)

    def record(self, attempts: Sequence[Attempt]) -> None:
        with self._guard:
            for attempt in attempts:
                state = self._states.get(attempt.mailbox_id, MailboxState(mailbox_id=attempt.mailbox_id))
                failed = bool(attempt.error_kind)
                self._states[attempt.mailbox_id] = replace(
                    state,
                    last_attempt=attempt.at,
                    last_success=state.last_success if failed else attempt.at,
                    fingerprint=attempt.fingerprint,
                    server_messages=state.server_messages if attempt.server_messages is None else attempt.server_messages,
                    about=attempt.about,
                    failures=attempt.failures,
                    counted_at=attempt.counted_at,
                    breaks=attempt.breaks,
                    looks=state.looks + 1,
                    transient_failures=state.transient_failures + (failed and not attempt.permanent),
                    last_news=attempt.at if attempt.news else state.last_news,
                    stuck_since=attempt.stuck_since,
                    lacking=state.lacking if failed else attempt.lacking,
                    error_kind=attempt.error_kind,
                    error=attempt.error,
                    hint=attempt.hint,
                    permanent=attempt.permanent,
                    retry_after=attempt.retry_after,
                )

    def states(self) -> Mapping[str, MailboxState]:
        with self._guard:
            return dict(self._states)

    def holders(self, mailbox_ids: Iterable[str]) -> Mapping[str, str]:
        with self._guard:
            return {mailbox_id: "another thread" for mailbox_id in mailbox_ids if mailbox_id in self._held}

    def activities(
        self,
        *,
        mailbox_id: str | None,
        since: datetime | None,
        limit: int | None,
        state: ActivityState | None = None,
        regarding: tuple[str, str] | None = None,
        before: tuple[str, int] | None = None,
        queue: str | None = None,
    ) -> Iterator[Activity]:
        lowest = since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else ""
        with self._guard:
            found = [self._with_mailboxes(each) for each, _, _ in self._activities.values() if each.received >= lowest]
        found = [each for each in found if mailbox_id is None or mailbox_id in each.mailboxes]
        found = [each for each in found if state is None or each.details.state is state]
        found = [each for each in found if before is None or (each.received, each.id) < before]
        found = [each for each in found if queue is None or any(queue in (item.queue.id, item.queue.name) for item in each.queue_items)]
        if regarding is not None:
            found = [each for each in found if (about := each.details.regarding) and (about.type, about.id) == regarding]
        yield from sorted(found, key=lambda each: (each.received, each.id), reverse=True)[:limit]

    def _with_mailboxes(self, activity: Activity) -> Activity:
        holding = sorted({key[0] for key, location in self._locations.items() if location.activity == activity.id})
        items = self.queue_items.of_activities([activity.id]).get(activity.id, ())
        return replace(
            activity,
            mailboxes=tuple(holding),
            details=self.details.get(activity.id, UNEDITED),
            queue_items=tuple(items),
            tracking=self.decisions.tracking(activity.id),
        )

    def activity(self, activity_id: int) -> Activity | None:
        with self._guard:
            return self._with_mailboxes(self._activities[activity_id][0]) if activity_id in self._activities else None

    def raw(self, activity_id: int) -> Iterator[bytes]:
        with self._guard:
            found = self._activities.get(activity_id)
        if found is not None:
            body = self._bodies[found[2].offset]
            if hashlib.sha256(body).hexdigest() != found[0].raw_digest:
                raise PermanentError(f"the bytes of activity {activity_id} are damaged", hint="Restore the packs from a backup.")
            if body:
                yield body

    def text(self, activity_id: int) -> MessageText | None:
        return self._texts.get(activity_id)

    def keep_text(self, activity_id: int, text: MessageText) -> None:
        self._texts[activity_id] = text

    def _commit(self, before: MailboxState, batch: ReceivedBatch) -> tuple[Kept, MailboxState]:
        generation = before.generation + 1 if batch.restart else before.generation
        kept = [self._keep(before.mailbox_id, generation, arrival, batch.at) for arrival in batch.arrivals]
        missing = {} if batch.restart else {message.remote_id: message for message in before.missing}
        found = {*(arrival.remote_id for arrival in batch.arrivals), *batch.vanished, *batch.settled}
        found |= {unprocessed.decision.remote_id for unprocessed in batch.given_up}
        places = [(arrival, self._locations[before.mailbox_id, generation, arrival.remote_id].activity) for arrival in batch.arrivals]
        self.decisions.keep(before.mailbox_id, generation, batch, places)
        self.clues.update({number: arrival.clues for arrival, number in places if arrival.clues is not None})
        for word, (arrival, number) in zip(kept, places, strict=True):
            twice = word == "duplicate"
            new = self.queue_items.add(number, arrival.more_queue_items if twice else arrival.queue_items, batch.at)
            for _ in range(new if twice else 0):
                self.log.append(FeedKind.EMAIL, FeedAction.CHANGED, number, batch.at)
        self.parties.add_from_mail((arrival.contact for arrival in batch.arrivals if arrival.contact is not None), at=batch.at)
        counts = Kept(
            tracked=kept.count("tracked") + kept.count("conflicting"),
            duplicates=kept.count("duplicate"),
            conflicting=kept.count("conflicting"),
            failed=len(batch.failed),
            given_up=len(batch.given_up),
        )
        known = self._states.get(before.mailbox_id, before)
        after = replace(
            known,
            generation=generation,
            cursor=batch.cursor,
            tracked=before.tracked + counts.tracked,
            duplicates=before.duplicates + counts.duplicates,
            conflicting=before.conflicting + counts.conflicting,
            floor=batch.floor,
            ignored=(0 if batch.recount else before.ignored) + batch.declined - batch.kept_before,
            vanished=before.vanished + len(batch.vanished),
            decided=(0 if batch.recount else before.decided) + len(batch.arrivals) + batch.declined + len(batch.given_up),
            server_messages=batch.messages,
            missing=missing_after(missing, batch, found),
            latest=batch.latest or before.latest,
        )
        self._states[before.mailbox_id] = after
        return counts, after

    def _keep(self, mailbox_id: str, generation: int, arrival: Arrival, at: str) -> str:
        name = arrival.header.message_id
        if not arrival.content and arrival.place is not None:
            arrival = replace(arrival, content=content_digest([self._bodies[arrival.place.offset]], arrival.header_length))
        existing = self._same(name, arrival.content) if name else self._nameless(mailbox_id, generation, arrival)
        word = "duplicate"
        if existing is None:
            if arrival.place is None:
                raise RuntimeError("an arrival was called known, but nothing of it is kept")
            conflicting = bool(name) and any(activity.header.message_id == name for activity, _, _ in self._activities.values())
            word = "conflicting" if conflicting else "tracked"
            existing = len(self._activities) + 1
            activity = Activity(
                id=existing,
                mailbox_id=mailbox_id,
                mailboxes=(),
                received=arrival.received,
                tracked_at=at,
                size=arrival.size,
                raw_digest=arrival.raw.hex(),
                header=replace(arrival.header, thread_index="", forwards=False, loops=()),
                conflicting=conflicting,
            )
            self._activities[existing] = (activity, arrival.content, arrival.place)
            self.log.append(FeedKind.EMAIL, FeedAction.CREATED, existing, at)
        elif not any(held.activity == existing for place, held in self._locations.items() if place[0] == mailbox_id):
            self.log.append(FeedKind.EMAIL, FeedAction.CHANGED, existing, at)
        key = (mailbox_id, generation, arrival.remote_id)
        self._locations.setdefault(key, _Location(existing, arrival.raw, arrival.received, not name))
        if arrival.held_for:
            there = (arrival.held_for, 0, RemoteId(arrival.remote_id.protocol, f"{mailbox_id}:{generation}:{arrival.remote_id.value}"))
            self._locations.setdefault(there, _Location(existing, arrival.raw, arrival.received, nameless=False))
        self._file(mailbox_id, generation, arrival, existing, at)
        return word

    def _file(self, mailbox_id: str, generation: int, arrival: Arrival, number: int, at: str) -> None:
        held = self._filed.get((number, mailbox_id))
        if not arrival.folder or held == arrival.folder:
            return
        before_that = (self._locations.get((mailbox_id, old, arrival.remote_id)) for old in range(generation))
        if held is not None and any(one is not None and one.activity == number for one in before_that):
            return
        self._filed[number, mailbox_id] = arrival.folder
        if arrival.regarding is not None:
            edit, before = Edit(activity_id=number, regarding=arrival.regarding), self.details.get(number, UNEDITED)
            _, after = decided(edit, before, None, at=at, by=f"folder {arrival.folder}")
            if after is not None:
                self.details[number] = after
                self.log.append(FeedKind.EMAIL, FeedAction.EDITED, number, at)

    def _same(self, name: str, content: bytes) -> int | None:
        found = (each.id for each, kept, _ in self._activities.values() if each.header.message_id == name and kept == content)
        return next(found, None)

    def _nameless(self, mailbox_id: str, generation: int, arrival: Arrival) -> int | None:
        taken = {location.activity for key, location in self._locations.items() if key[:2] == (mailbox_id, generation)}
        candidates = sorted(
            location.activity
            for key, location in self._locations.items()
            if key[0] == mailbox_id
            and key[1] < generation
            and location.nameless
            and (location.raw, location.received) == (arrival.raw, arrival.received)
            and location.activity not in taken
        )
        return next(iter(candidates), None) or self._moved(mailbox_id, generation, arrival)

    def _moved(self, mailbox_id: str, generation: int, arrival: Arrival) -> int | None:
        """From another folder of the mailbox."""
        for key, location in sorted(self._locations.items(), key=lambda one: one[1].activity):
            filed = self._filed.get((location.activity, mailbox_id), "")
            elsewhere = filed != arrival.folder
            alike = location.nameless and (location.raw, location.received) == (arrival.raw, arrival.received)
            if key[:2] == (mailbox_id, generation) and alike and elsewhere:
                return location.activity
        return None


class _Receiving:
    def __init__(self, store: MemoryMailStore, mailbox_id: str) -> None:
        self._store = store
        self._state = store._states.get(mailbox_id, MailboxState(mailbox_id=mailbox_id))
        self.lift_purged = False
        self._chunks: list[bytes] = []
        self._ended: dict[int, bytes] = {}

    @property
    def state(self) -> MailboxState:
        return self._state

    def met(self, message_ids: Collection[str]) -> Set[str]:
        with self._store._guard:
            return {*message_ids} & {activity.header.message_id for activity, _, _ in self._store._activities.values()} - {""}

    def known(self, messages: Sequence[tuple[str, bytes]]) -> Set[tuple[str, bytes]]:
        with self._store._guard:
            return {message for message in messages if message[0] and self._store._same(*message) is not None}

    def kept(self, remote_ids: Collection[RemoteId]) -> Set[RemoteId]:
        with self._store._guard:
            return {each for each in remote_ids if (self._state.mailbox_id, self._state.generation, each) in self._store._locations}

    def begin(self) -> None:
        self._chunks = []

    def write(self, chunk: bytes) -> None:
        self._store.interrupt("write")
        self._chunks.append(chunk)

    def end(self) -> Place:
        body = b"".join(self._chunks)
        with self._store._guard:
            self._store._ended += 1
            number = self._store._ended
        self._ended[number] = body
        return Place(0, number, len(body))

    def discard(self) -> None:
        self._chunks = []

    def commit(self, batch: ReceivedBatch) -> Kept:
        self._store.interrupt("before commit")
        with self._store._guard:
            for place in (*(each.place for each in batch.arrivals), *(each.place for each in batch.given_up)):
                if place is not None:
                    self._store._bodies[place.offset] = self._ended.pop(place.offset)
            kept, self._state = self._store._commit(self._state, batch)
        self._store.interrupt("after commit")
        return kept
