"""What we remember of one mailbox between two looks at it."""

from __future__ import annotations

from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId

#: What to do where tracked folders are not read.
MEND_FOLDERS: Final = "Make the folder below the inbox, or change trackedFolders and apply."


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingMessage:
    """The server lists it, but its content came empty `attempts` times, or could not be kept (`failure` says why). `reported` once we
    stopped asking; until then it is asked for from `next_at` on ("" for the next look)."""

    remote_id: RemoteId
    attempts: int
    first_seen: str
    reported: bool = False
    failure: str = ""
    next_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How the last look at a mailbox ended. Instants are UTC RFC 3339.

    `error_kind` is the class of the error ("" after a success), `permanent` whether a person must act; `fingerprint` is a digest of
    the configuration and credentials that were used, so that a change of them ends a stall at once. `about` says whom the error
    concerned. The rest is as it stands after the look: `failures` that count toward ten and `counted_at`, `breaks`, `stuck_since` (see
    MailboxState); `news` whether something came. `lacking` says of tracked folders, one each, why they are not read.
    """

    mailbox_id: str
    at: str
    fingerprint: str
    server_messages: int | None = None
    error_kind: str = ""
    error: str = ""
    hint: str = ""
    permanent: bool = False
    retry_after: float = 0.0
    about: str = ""
    failures: int = 0
    counted_at: str = ""
    breaks: int = 0
    news: bool = False
    stuck_since: str = ""
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxState:
    """`generation` rises with each re-index (UIDVALIDITY changed, account moved); remote ids mean something inside one only.

    Every message that the cursor passed and that is not older than `floor` ("" for none) was kept, or stands in `missing`.

    Counts are over the mailbox's life: `tracked` e-mails it brought first, `duplicates` that were already known, `conflicting` ones
    kept although their Message-ID was known with other content, `vanished` ones that were deleted at the server before they could be
    read. Over the last whole listing and what came since: `ignored` as older than the floor, `decided` in all. `server_messages` is
    what the server said at the last success; `latest` is when the newest message was received that was kept when a look under
    processing.advancingDate had read everything, UTC RFC 3339; `looks` and `transient_failures` count over its life, `last_news` is the
    last look that found something.

    `failures` are those in a row that count toward ten (sync/decide/failures.py) and `counted_at` when it rose last; `breaks` are all
    in a row that came after the inbox was open: what is read may be what breaks. `stuck_since` is set while the server counts more than
    before and the cursor does not move. `lacking` says of tracked folders why the last look that ended well did not read them. Instants are
    UTC RFC 3339, "" for never.
    """

    mailbox_id: str
    generation: int = 0
    cursor: Cursor | None = None
    floor: str = ""
    tracked: int = 0
    duplicates: int = 0
    ignored: int = 0
    conflicting: int = 0
    vanished: int = 0
    decided: int = 0
    server_messages: int | None = None
    last_attempt: str = ""
    last_success: str = ""
    failures: int = 0
    error_kind: str = ""
    error: str = ""
    hint: str = ""
    permanent: bool = False
    retry_after: float = 0.0
    fingerprint: str = ""
    about: str = ""
    counted_at: str = ""
    breaks: int = 0
    looks: int = 0
    transient_failures: int = 0
    last_news: str = ""
    stuck_since: str = ""
    missing: tuple[MissingMessage, ...] = ()
    latest: str = ""
    lacking: tuple[str, ...] = ()


def unseen(state: MailboxState) -> int:
    """Messages that the server counts beyond those that were decided, are kept as missing, or lie in quarantine (they are decided).
    What was deleted there makes the answer too small, never too large."""
    if state.server_messages is None or state.cursor is None:
        return 0
    return max(0, state.server_messages - state.decided - len(state.missing))
