"""How many messages an inbox holds between two moments: EXAMINE, SEARCH, and dates only where a search cannot decide."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.faults import translated
from reconcile.mail.imap.listing import Found, search_day, uid_set
from reconcile.mail.imap.login import open_stream
from reconcile.mail.imap.stream import Stream
from reconcile.ports.sign_in import SignIn

#: SEARCH compares days and disregards time and zone (RFC 3501 6.4.4): within so much of a bound the date itself decides.
_MARGIN = timedelta(days=2)
#: UIDs a command.
_CHUNK = 1000


class ImapCounter:
    """One connection for one question. Nothing at the server changes."""

    def __init__(self, endpoint: Endpoint, sign_in: SignIn) -> None:
        self._endpoint = endpoint
        self._sign_in = sign_in

    def count(self, since: datetime | None, before: datetime | None) -> int:
        """Messages received from `since` (included) to `before` (excluded), by INTERNALDATE. Raises TransientError, PermanentError."""
        stream = open_stream(self._endpoint, self._sign_in)
        try:
            with translated(str(self._endpoint)):
                stream.examine()
                if since is None and before is None:
                    return stream.exists
                return _between(stream, since, before)
        finally:
            stream.close()


def _between(stream: Stream, since: datetime | None, before: datetime | None) -> int:
    wide = _search(stream, _shifted(since, -_MARGIN), _shifted(before, _MARGIN))
    sure = _search(stream, _shifted(since, _MARGIN), _shifted(before, -_MARGIN)) & wide
    open_ones = sorted(wide - sure)
    inside = len(sure)
    for start in range(0, len(open_ones), _CHUNK):
        uids = open_ones[start : start + _CHUNK]
        found = Found()
        stream.finish(stream.ask(b"UID FETCH %s (UID INTERNALDATE)" % uid_set(uids), found.taking(set(uids))))
        moments = (listed.received for listed in found.listed.values())
        inside += sum(1 for at in moments if at is not None and (since is None or at >= since) and (before is None or at < before))
    return inside


def _search(stream: Stream, since: datetime | None, before: datetime | None) -> set[int]:
    if since is not None and before is not None and since >= before:
        return set()
    criteria = [b"SINCE " + search_day(since)] if since is not None else []
    criteria += [b"BEFORE " + search_day(before)] if before is not None else []
    return {*stream.found(stream.ask_search(b" ".join(criteria) or b"ALL"))}


def _shifted(moment: datetime | None, by: timedelta) -> datetime | None:
    try:
        return None if moment is None else moment + by
    except OverflowError:
        return moment
