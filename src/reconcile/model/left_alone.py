"""What `run` does not ask for a while: a server that is away or asked for a pause, an account whose server asked for one."""

from __future__ import annotations

from datetime import datetime

from reconcile.lazy_dataclass import dataclass


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
