"""Doing at a mail server what was journalled when mail was kept: deleting, marking, moving. In a connection of its own, after the commit.

If the process dies anywhere here, the journal still names what is not known to be done, and the next run does it again, which changes
nothing where it was done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.removal import KEYWORDS, UNDELIVERABLE_FOLDER, MarkAction
from reconcile.ports.mail_marks import MailMarks
from reconcile.ports.mark_journal import MarkJournal
from reconcile.sync.decide.eligible import ReceivingMailbox

#: Messages that are changed and confirmed at a time.
_AT_ONCE: Final = 500
#: What must be done before a message goes away comes first.
_ORDER: Final = (MarkAction.TRACKED, MarkAction.UNDELIVERABLE, MarkAction.MOVE, MarkAction.DELETE)


def carry_out_marks(
    journal: MarkJournal,
    state: MailboxState,
    connect: Callable[[], MailMarks],
    *,
    allowed: frozenset[MarkAction],
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Everything that waits for this mailbox and is still asked for (`allowed`); how many messages were changed. Connects only where
    something waits. Raises TransientError, PermanentError."""
    cursor, changed = state.cursor, 0
    marks: MailMarks | None = None
    try:
        for action in _ORDER:
            while cursor is not None and not stopping():
                waiting = journal.waiting(state.mailbox_id, state.generation, action, limit=_AT_ONCE)
                if not waiting:
                    break
                if action not in allowed:
                    # Not asked for any more: it stays at the server as it is.
                    journal.done(state.mailbox_id, state.generation, action, waiting)
                    continue
                marks = marks or connect()
                match action:
                    case MarkAction.DELETE:
                        done = marks.delete(waiting, cursor=cursor)
                    case MarkAction.MOVE:
                        done = marks.move(waiting, UNDELIVERABLE_FOLDER, cursor=cursor)
                    case _:
                        done = marks.mark(waiting, KEYWORDS[action], cursor=cursor)
                journal.done(state.mailbox_id, state.generation, action, done)
                changed += len(done)
                if not done:
                    # The server did not do it, or numbers its messages anew: the next look will know.
                    break
    finally:
        if marks is not None:
            marks.close()
    return changed


@dataclass(slots=True, kw_only=True)
class Marker:
    """Does what waits for a mailbox after it was looked at. `connect` makes a connection for writing."""

    journal: MarkJournal
    connect: Callable[[ReceivingMailbox], MailMarks]
    _left: Mapping[str, int] | None = None

    def __call__(self, mailbox: ReceivingMailbox, state: MailboxState, stopping: Callable[[], bool]) -> int:
        """How many messages were changed. Raises TransientError, PermanentError."""
        if self._left is None:
            self._left = self.journal.counts()
        if not mailbox.marks and mailbox.mailbox_id not in self._left:
            return 0
        return carry_out_marks(self.journal, state, lambda: self.connect(mailbox), allowed=mailbox.marks, stopping=stopping)
