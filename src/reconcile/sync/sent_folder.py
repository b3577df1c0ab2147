"""The folder for sent mail: copies that are owed are put there, mails that are uncertain are looked for there.

If the process dies between the append and its line in the journal, the next pass finds the Message-ID there and appends nothing. What
goes wrong here never changes what became of a mail, and an uncertain mail that is not found stays uncertain.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing, suppress

from reconcile.errors import PermanentError, PreconditionFailed, SettingsError, TransientError, Unsupported
from reconcile.model.outbox_step import Copied, Found, Looked
from reconcile.model.outgoing import OutboxEntry, OutgoingState
from reconcile.model.sent_folder import CopyState
from reconcile.ports.mail_marks import MailMarks
from reconcile.sync.decide.outgoing import after_copy, after_look, look_is_due
from reconcile.sync.decide.sent_copy import difference
from reconcile.sync.sending import Outgoing


def tend_sent_folders(outgoing: Outgoing, *, mailboxes: Collection[str] | None = None) -> None:
    """One connection a mailbox that has something to do; none where nothing is owed and nothing uncertain. Raises what the store raises."""
    if outgoing.marks is None:
        return
    now = outgoing.clock.now()
    todo: dict[str, list[OutboxEntry]] = {}
    uncertain = outgoing.outbox.entries(states=(OutgoingState.UNCERTAIN,))
    for entry in (*outgoing.outbox.copies_due(at=now), *(one for one in uncertain if look_is_due(one, now=now))):
        if mailboxes is None or entry.mailbox_id in mailboxes:
            todo.setdefault(entry.mailbox_id, []).append(entry)
    for mailbox_id, entries in todo.items():
        if outgoing.stop():
            return
        # What fails ends the turn of whatever is left: a copy may do so for its size, each time; looking for a mail does not.
        _tend(outgoing, mailbox_id, sorted(entries, key=lambda entry: (entry.state is not OutgoingState.UNCERTAIN, entry.size)))


def _tend(outgoing: Outgoing, mailbox_id: str, entries: Sequence[OutboxEntry]) -> None:
    assert outgoing.marks is not None
    left = list(entries)
    try:
        with closing(outgoing.marks(mailbox_id)) as marks:
            while left and not outgoing.stop():
                _one(outgoing, marks, left[0])
                left.pop(0)
    except (PermanentError, SettingsError, TransientError) as error:
        for entry in left:
            _note(outgoing, entry, error.message, final=isinstance(error, Unsupported))


def _one(outgoing: Outgoing, marks: MailMarks, entry: OutboxEntry) -> None:
    if entry.state is OutgoingState.UNCERTAIN:
        found = marks.sent(entry.message_id)
        mail = outgoing.outbox.content(entry.id) if found else b""
        others = [difference(mail, one) for one in found or ()]
        if "" in others:
            _advance(outgoing, entry, Found(where=_folder(entry)))
        else:
            at = f"{outgoing.clock.now():%Y-%m-%d %H:%MZ}"
            words = f"{entry.sender} has no folder for sent mail to look in" if found is None else f"not found in {_folder(entry)}"
            if others:
                words = f"{words} (a message there has its Message-ID, but {others[0]})"
            _advance(outgoing, entry, after_look(entry, f"{words}, last looked {at}", now=outgoing.clock.now()))
        return
    if marks.keep_sent(outgoing.outbox.content(entry.id), message_id=entry.message_id, at=outgoing.clock.now()):
        _advance(outgoing, entry, Copied(state=CopyState.KEPT, note=f"a copy is in {_folder(entry)}"))
    else:
        _note(outgoing, entry, f"{entry.sender} has no folder for sent mail", final=True)


def _note(outgoing: Outgoing, entry: OutboxEntry, why: str, *, final: bool) -> None:
    now = outgoing.clock.now()
    if entry.state is OutgoingState.UNCERTAIN:
        _advance(outgoing, entry, after_look(entry, f"could not be looked for in {_folder(entry)}: {why}", now=now))
    else:
        _advance(outgoing, entry, after_copy(entry, f"no copy in {_folder(entry)}: {why}", now=now, policy=outgoing.policy, final=final))


def _advance(outgoing: Outgoing, entry: OutboxEntry, step: Found | Looked | Copied) -> None:
    # Where a person or another process was quicker, theirs counts.
    with suppress(PreconditionFailed):
        outgoing.outbox.advance(entry.id, step, at=outgoing.clock.now())


def _folder(entry: OutboxEntry) -> str:
    return f"the folder for sent mail of {entry.sender}"
