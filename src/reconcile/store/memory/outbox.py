"""The outbox in memory: the twin of the SQLite one, for tests."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from reconcile.errors import PreconditionFailed, ReconcileError, Throttled, UserError
from reconcile.model.feed import FeedAction, FeedKind
from reconcile.model.mail_clues import MailClues
from reconcile.model.outbox_step import Begin, GiveBack, Reserve, Step, advanced, wants_copy
from reconcile.model.outgoing import OutboxEntry, OutboxEvent, OutgoingState
from reconcile.model.sending_limits import exhausted
from reconcile.ports.outbox_store import LONGEST_LEASE, Added, AddOutcome, Move, NewMail, TokenNumbers, refuse_exhausted
from reconcile.store.memory.feed_log import FeedLog, feed_instant


class MemoryOutbox:
    """See `OutboxStore`."""

    def __init__(self, log: FeedLog | None = None) -> None:
        self._log = FeedLog() if log is None else log
        self._guard = threading.Lock()
        self._entries: dict[int, OutboxEntry] = {}
        self._contents: dict[int, bytes] = {}
        self._events: dict[int, list[OutboxEvent]] = {}
        #: By what an answer to each is recognised.
        self.clues: dict[int, MailClues] = {}
        self._leases: dict[str, datetime] = {}
        self._numbers: dict[str, list[int]] = {}
        self._handed: dict[str, list[datetime]] = {}

    def entries(
        self, *, states: Collection[OutgoingState] = (), mailbox_id: str = "", limit: int = 0, next_after: datetime | None = None
    ) -> Sequence[OutboxEntry]:
        with self._guard:
            found = [
                entry
                for entry in self._entries.values()
                if (not states or entry.state in states)
                and (not mailbox_id or entry.mailbox_id == mailbox_id)
                and (next_after is None or (entry.next_try_at is not None and entry.next_try_at > next_after))
            ]
        return found[:limit] if limit else found

    def entry(self, entry_id: int) -> OutboxEntry | None:
        with self._guard:
            return self._entries.get(entry_id)

    def keyed(self, client_keys: Collection[str]) -> Mapping[str, OutboxEntry]:
        with self._guard:
            return {entry.client_key: entry for entry in self._entries.values() if entry.client_key and entry.client_key in client_keys}

    def events(self, entry_id: int) -> Sequence[OutboxEvent]:
        with self._guard:
            return list(self._events.get(entry_id, ()))

    def content(self, entry_id: int) -> bytes:
        with self._guard:
            if entry_id not in self._contents:
                raise UserError(f"there is no mail {entry_id} in the outbox", hint="See `reconcile outbox list`.")
            return self._contents[entry_id]

    def contents(self, entry_ids: Sequence[int], *, octets: int) -> Mapping[int, bytes]:
        found: dict[int, bytes] = {}
        for number in entry_ids:
            if sum(map(len, found.values())) >= octets:
                break
            if self.entry(number) is not None:
                found[number] = self.content(number)
        return found

    def add(self, entry: OutboxEntry, content: bytes, clues: MailClues | None = None) -> Added:
        with self._guard:
            for known in self._entries.values():
                if entry.client_key and known.client_key == entry.client_key:
                    if known.request != entry.request:
                        raise UserError(
                            f"the key {entry.client_key!r} was used for another mail, {known.id}", hint="Give each mail a key of its own."
                        )
                    return Added(entry=known, existed=True)
                if known.message_id == entry.message_id:
                    raise UserError(
                        f"Message-ID {entry.message_id} is already in the outbox as mail {known.id}", hint="It would go out a second time."
                    )
            number = len(self._entries) + 1
            kept = replace(entry, id=number)
            self._entries[number] = kept
            self._contents[number] = content
            if clues is not None:
                self.clues[number] = clues
            self._log.append(FeedKind.OUTBOX, FeedAction.CREATED, number, feed_instant(kept.added_at), event=1)
            self._events[number] = [OutboxEvent(entry=number, sequence=1, at=kept.added_at, origin=None, state=kept.state, why="added")]
            return Added(entry=kept, existed=False)

    def add_all(self, mails: Sequence[NewMail]) -> Sequence[AddOutcome]:
        return [self._outcome(mail) for mail in mails]

    def _outcome(self, mail: NewMail) -> AddOutcome:
        try:
            return self.add(mail.entry, mail.content, mail.clues)
        except UserError as error:
            return error

    def due(self, *, at: datetime) -> Sequence[OutboxEntry]:
        with self._guard:
            return [
                entry
                for entry in self._entries.values()
                if entry.state is OutgoingState.PENDING and entry.due_at <= at and not self._is_live(entry.owner, at)
            ]

    def advance(self, entry_id: int, step: Step, *more: Step, at: datetime) -> OutboxEntry:
        with self._guard:
            if entry_id not in self._entries:
                raise UserError(f"there is no mail {entry_id} in the outbox", hint="See `reconcile outbox list`.")
            entry = self._entries[entry_id]
            taken: list[tuple[OutboxEntry, OutboxEntry, str | None]] = []
            for one in (step, *more):
                done = advanced(entry, one, at=at, owner_is_live=self._is_live(entry.owner, at))
                self._count(one, at)
                taken.append((entry, done.entry, done.why))
                entry = done.entry
            self._entries[entry_id] = entry
            for before, after, why in taken:
                if why is not None:
                    history = self._events[entry_id]
                    self._log.append(FeedKind.OUTBOX, FeedAction.CHANGED, entry_id, feed_instant(at), event=len(history) + 1)
                    history.append(
                        OutboxEvent(entry=entry_id, sequence=len(history) + 1, at=at, origin=before.state, state=after.state, why=why)
                    )
            return entry

    def follow(self, moves: Sequence[Move]) -> list[OutboxEntry | ReconcileError]:
        return [self._followed(move) for move in moves]

    def _followed(self, move: Move) -> OutboxEntry | ReconcileError:
        try:
            return self.advance(move.known.id, *move.steps, at=move.at)
        except (PreconditionFailed, UserError, Throttled) as error:
            return error

    def count_tokens(self, wanted: Mapping[str, int]) -> Mapping[str, TokenNumbers]:
        with self._guard:
            found = {}
            for mailbox_id, number in wanted.items():
                row = self._numbers.setdefault(mailbox_id, [len(self._numbers) + 1, 0])
                found[mailbox_id] = TokenNumbers(ordinal=row[0], first=row[1] + 1)
                row[1] += number
            return found

    def handed_over(self, account: str, number: int) -> datetime | None:
        with self._guard:
            return self._newest(account, number)

    def _newest(self, account: str, number: int) -> datetime | None:
        moments = sorted(self._handed.get(account, ()), reverse=True)
        return moments[number - 1] if len(moments) >= number else None

    def _count(self, step: Step, at: datetime) -> None:
        match step:
            case Reserve(limits=limits) | Begin(limits=limits) if limits.account:
                refuse_exhausted(exhausted(limits, partial(self._newest, limits.account), now=at), at)
                self._handed.setdefault(limits.account, []).append(at)
            case GiveBack(limits=limits, counted_at=datetime() as counted):
                then = [account for account, moments in self._handed.items() if counted in moments]
                account = limits.account if limits is not None else then[0] if len(then) == 1 else ""
                if account in then:
                    self._handed[account].remove(counted)
            case _:
                pass

    def copies_due(self, *, at: datetime) -> Sequence[OutboxEntry]:
        with self._guard:
            return [one for one in self._entries.values() if wants_copy(one) and _is_due(one.sent_folder.next_at, at)]

    def hold_lease(self, owner: str, *, until: datetime) -> None:
        with self._guard:
            self._leases[owner] = until

    def end_lease(self, owner: str) -> None:
        with self._guard:
            self._leases.pop(owner, None)

    def orphans(self, *, at: datetime) -> Sequence[OutboxEntry]:
        with self._guard:
            return [
                entry for entry in self._entries.values() if entry.state is OutgoingState.SENDING and not self._is_live(entry.owner, at)
            ]

    def _is_live(self, owner: str, at: datetime) -> bool:
        return owner in self._leases and at < self._leases[owner] <= at + LONGEST_LEASE


def _is_due(moment: datetime | None, at: datetime) -> bool:
    return moment is None or moment <= at
