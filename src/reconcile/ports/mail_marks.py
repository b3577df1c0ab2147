"""What may change at a mail server: only where it is declared, and only after what was read is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId


class MailMarks(Protocol):
    """One mailbox over one connection of its own, opened for writing. Every method may be repeated after a crash: doing again what was done
    changes nothing. Raises TransientError, PermanentError (Unsupported where the server cannot do it)."""

    def delete(self, remote_ids: Sequence[RemoteId], *, cursor: Cursor) -> Collection[RemoteId]:
        """Delete these for good, and nothing else (UID EXPUNGE, RFC 4315; DELE and QUIT); those that are gone afterwards, also if somebody
        else deleted them. Ids of another history than the cursor's are left alone and not returned."""
        ...

    def mark(self, remote_ids: Sequence[RemoteId], keyword: str, *, cursor: Cursor) -> Collection[RemoteId]:
        """Set a keyword (RFC 9051, 2.3.2); those that bear it now, or are gone."""
        ...

    def move(self, remote_ids: Sequence[RemoteId], folder: str, *, cursor: Cursor) -> Collection[RemoteId]:
        """Move to a folder beside the inbox, which is created where it lacks; those that are no longer in the inbox."""
        ...

    def sent(self, message_id: str) -> Sequence[bytes] | None:
        """The messages of this Message-ID in the folder for sent mail (SPECIAL-USE \\Sent, RFC 6154): of each at least the fields
        Message-ID, From, Date, To and Cc of its header, as they stand there. None where there is no such folder."""
        ...

    def keep_sent(self, content: bytes, *, message_id: str, at: datetime) -> bool:
        """Append a copy to the folder for sent mail unless it holds that Message-ID; False where there is no such folder."""
        ...

    def close(self) -> None:
        """Raises nothing."""
        ...
