"""How full a mailbox is, where its server tells (RFC 9208, QUOTA)."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.faults import translated
from reconcile.mail.imap.login import open_stream
from reconcile.mail.imap.replies import number
from reconcile.ports.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class Quota:
    """One resource: STORAGE in units of 1,024 octets, MESSAGE in messages (RFC 9208, section 5)."""

    resource: str
    used: int
    limit: int

    def __str__(self) -> str:
        share = f"{100 * self.used // self.limit} % of " if self.limit else ""
        if self.resource == "STORAGE":
            return f"{share}{self.limit / 1024:,.0f} MB used"
        return f"{share}{self.limit:,} {'messages' if self.resource == 'MESSAGE' else self.resource.lower()} used"


def quota(endpoint: Endpoint, sign_in: SignIn) -> tuple[Quota, ...] | None:
    """Of the inbox; None where the server does not tell. Raises TransientError, PermanentError."""
    stream = open_stream(endpoint, sign_in)
    try:
        with translated(str(endpoint)):
            if b"QUOTA" not in stream.capabilities():
                return None
            found: list[Quota] = []
            for line in stream.gathered(b"GETQUOTAROOT INBOX", b"QUOTA"):
                resources = line[-1] if line and isinstance(line[-1], list) else []
                for name, first, second in zip(resources[::3], resources[1::3], resources[2::3], strict=False):
                    used, limit = number(first), number(second)
                    if isinstance(name, bytes) and used is not None and limit is not None:
                        found.append(Quota(name.decode("ascii", "replace").upper()[:40], used, limit))
            return tuple(found)
    finally:
        stream.close()
