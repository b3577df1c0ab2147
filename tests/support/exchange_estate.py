"""An estate at the sandbox's Exchange: one profile whose account impersonates every mailbox, or mailboxes that sign in themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.exchange_sandbox import PASSWORD, SERVICE, SERVICE_PASSWORD, ExchangeSandbox, exchange_sandbox
from support.mail_estate import ENVIRONMENT, MailEstate

PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: contoso}
spec:
  displayName: Contoso
  serverType: exchange-server
  minPollingInterval: 0m
  moveUndeliveredEmails: true
  incoming:
    server: URL
    caCertificate: "file:ca.pem"
    keywords: true
CREDENTIALS
  outgoing:
    server: URL
    caCertificate: "file:ca.pem"
"""
BY_PROFILE = """\
    credentials: profile
    useImpersonation: IMPERSONATES
    username: SERVICE
    password: {ref: "file:password", generation: 1}
"""
BY_MAILBOX = "    credentials: user-or-queue\n"
MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec:
  emailAddress: NAME@contoso.example
  profile: contoso
  incoming: server-side
  outgoing: server-side
  filter: all
OWN
"""
OWN = '  credentials: {allowUse: true, username: NAME@contoso.example, password: {ref: "file:password", generation: 1}}'


@dataclass(slots=True, kw_only=True)
class ExchangeEstate(MailEstate):
    """`impersonates` None: each mailbox signs in itself; False: delegation. `credentials` are lines of incoming that stand in their place."""

    url: str = ""
    impersonates: bool | None = True
    more: str = ""
    credentials: str = ""

    def write(self) -> None:
        for old in self.estate.glob("*.yaml"):
            old.unlink()
        (self.estate / "environment.yaml").write_text(ENVIRONMENT.replace("ALLOWED", self.allowed))
        by_profile = BY_PROFILE.replace("IMPERSONATES", str(self.impersonates).lower()).replace("SERVICE", SERVICE)
        credentials = self.credentials or (BY_MAILBOX if self.impersonates is None else by_profile)
        profile = PROFILE.replace("URL", self.url).replace("CREDENTIALS", credentials.rstrip("\n")) + self.more
        (self.estate / "profile.yaml").write_text(profile)
        for name in self.names:
            mailbox = MAILBOX.replace("OWN", OWN if self.impersonates is None else "").replace("NAME", name)
            (self.estate / f"{name}.yaml").write_text(mailbox)


@contextmanager
def exchange_estate(
    folder: Path, *, names: tuple[str, ...] = ("sales",), impersonates: bool | None = True, more: str = ""
) -> Iterator[tuple[ExchangeSandbox, ExchangeEstate]]:
    """Applied, over TLS."""
    addresses = [f"{name}@contoso.example" for name in (*names, "office")]
    with exchange_sandbox(addresses, tls=True) as exchange:
        assert exchange.certificate is not None
        estate = ExchangeEstate(
            folder=folder,
            imap=0,
            authority=exchange.certificate,
            password=PASSWORD if impersonates is None else SERVICE_PASSWORD,
            names=names,
            url=exchange.url.replace("127.0.0.1", "localhost"),
            impersonates=impersonates,
            more=more,
        )
        estate("apply", "--yes")
        yield exchange, estate
