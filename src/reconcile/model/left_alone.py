"""What `run` does not ask for a while: a server that is away or asked for a pause, an account whose server asked for one, or that is not
to be locked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model.mailbox_status import MailboxStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """`kind` is server or account, `name` host:port, or the account as it is counted. `since` ("" where it is not known) is UTC RFC 3339.
    `again_at` is when it is asked again, aware; once that is past, it is asked."""

    kind: str
    name: str
    why: str
    hint: str
    since: str
    again_at: datetime


def still_away(found: Sequence[LeftAlone], statuses: Iterable[MailboxStatus]) -> list[LeftAlone]:
    """Without servers that answered a mailbox after their outage began: another process asked, and `run` has not read it yet."""
    latest: dict[str, str] = {}
    for status in statuses:
        server = status.server.lower()
        latest[server] = max(latest.get(server, ""), status.state.last_success)
    return [one for one in found if not (one.kind == "server" and one.since and _later(latest.get(one.name.lower(), ""), one.since))]


def _later(success: str, since: str) -> bool:
    return bool(success) and datetime.fromisoformat(success) > datetime.fromisoformat(since)
