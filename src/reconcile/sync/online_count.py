"""`plan --online`: how much mail a change would bring, asked of the mail server. Read-only; a number that cannot be had is unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from reconcile.errors import ReconcileError
from reconcile.ports.applied import AppliedState
from reconcile.ports.clock import Clock
from reconcile.ports.mail import MessageCounter
from reconcile.ports.target import AppliedResource
from reconcile.report.counted import several
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.decide.reachable import reachable

#: Seconds without a byte, or until a connection stands.
PER_MAILBOX = 10.0
#: Seconds for a whole plan; what was not asked by then stays unknown.
WHOLE = 120.0


class OnlineCount:
    """Called with (external id, from when, until when; "" leaves an end open). Each question is asked once. `notes` say why numbers
    are unknown, for people."""

    def __init__(
        self,
        applied: AppliedState,
        connect: Callable[[ReceivingMailbox], MessageCounter] | None,
        clock: Clock,
        *,
        whole: float = WHOLE,
    ) -> None:
        self._applied = applied
        self._connect = connect
        self._clock = clock
        self._until = clock.monotonic() + whole
        self._whole = whole
        self._resources: Sequence[AppliedResource] | None = None
        self._known: dict[tuple[str, str, str], int | None] = {}
        self._late = 0
        #: Names of mailboxes by why they could not be asked.
        self._failed: dict[str, list[str]] = {}

    def __call__(self, external_id: str, since: str, before: str) -> int | None:
        question = external_id, since, before
        if question not in self._known:
            self._known[question] = self._ask(*question)
        return self._known[question]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences, in the order of asking; one reason is one sentence."""
        failed = [
            f"messages of {f'Mailbox/{names[0]}' if len(names) == 1 else f'{len(names):,} mailboxes ({several(names)})'}"
            f" were not counted: {why}"
            for why, names in self._failed.items()
        ]
        late = (
            (f"{self._late:,} mailboxes were not asked for their messages: the {self._whole:g} s for that were over",) if self._late else ()
        )
        return (*failed, *late)

    def _ask(self, external_id: str, since: str, before: str) -> int | None:
        if self._resources is None:
            self._resources = self._applied.resources()
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        mailbox = reachable(self._resources, external_id, now=now)
        if mailbox is None or self._connect is None:
            return None
        if not isinstance(mailbox, ReceivingMailbox):
            self._fails(mailbox.name, mailbox.conditions[0].message)
            return None
        if self._clock.monotonic() >= self._until:
            self._late += 1
            return None
        try:
            return self._connect(mailbox).count(_moment(since), _moment(before))
        except ReconcileError as error:
            self._fails(mailbox.name, error.message)
            return None

    def _fails(self, name: str, why: str) -> None:
        names = self._failed.setdefault(why, [])
        if name not in names:
            names.append(name)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
