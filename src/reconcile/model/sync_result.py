"""What one synchronisation did for one mailbox."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """Counts of messages. `at_server` is the server's count, None when it could not be asked;
    `ignored` were older than the floor, or (`refused`) not taken by filter and rules; `duplicates` were kept already;
    `missing` came without content; `failed` are tried again, `given_up` lie in quarantine. `marked` were deleted, marked or moved at
    the server, `marking_error` says why others were not; `lacking` says of tracked folders why they are not read. `skipped` says who
    else works on the mailbox. `error_kind` is "" after a success. One that was not `tried` has a server that is away: its error is that of
    the server, and it failed at nothing."""

    mailbox: str
    address: str
    at_server: int | None = None
    read: int = 0
    tracked: int = 0
    duplicates: int = 0
    conflicting: int = 0
    ignored: int = 0
    missing: int = 0
    reindexed: bool = False
    error_kind: str = ""
    error: str = ""
    hint: str = ""
    skipped: str = ""
    refused: int = 0
    failed: int = 0
    given_up: int = 0
    marked: int = 0
    marking_error: str = ""
    lacking: tuple[str, ...] = ()
    tried: bool = True
