"""Which mailbox is meant, at which server, and who asks."""

from __future__ import annotations

from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.mail.endpoint import Endpoint
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.ports.sign_in import SignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeAccount:
    """`address` is the mailbox's primary address. Without `sign_in` nobody signs in (a client certificate may do)."""

    endpoint: Endpoint
    sign_in: SignIn | None = field(repr=False)
    address: str
    access: MailboxAccess = MailboxAccess.OWN

    @property
    def url(self) -> str:
        """Of the service."""
        scheme = "http" if self.endpoint.tls == "none" else "https"
        host = f"[{self.endpoint.host}]" if ":" in self.endpoint.host else self.endpoint.host
        return f"{scheme}://{host}:{self.endpoint.port}{self.endpoint.path or '/EWS/Exchange.asmx'}"

    def __str__(self) -> str:
        return f"{self.endpoint} ({self.address})"
