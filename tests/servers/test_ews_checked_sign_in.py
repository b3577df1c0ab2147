"""Kerberos and client certificates at an Exchange server behind a front that checks them: who proves a name reads mail, nobody else does."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.sign_in.external import ExternalSignIn
from reconcile.mail.sign_in.kerberos import KerberosSignIn
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.secret import Secret
from reconcile.ports.mail import Listed
from reconcile.ports.sign_in import SignIn
from support.ews_front import Front, certified, front, negotiated
from support.exchange_sandbox import PASSWORD, SALES, SERVICE, SERVICE_PASSWORD, SUPPORT, ExchangeSandbox, exchange_sandbox
from support.kerberos import REALM, Realm, realm

pytestmark = pytest.mark.servers
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def exchange() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox((SALES, SUPPORT), now=NOW) as server:
        server.letters(3)
        yield server


def read(account: ExchangeAccount, sessions: Sessions | None = None) -> list[bytes]:
    """The whole inbox."""
    inbox, found = EwsInbox(account, sessions or Sessions()), list[bytes]()

    def accept(_: Listed, chunks: Iterator[bytes]) -> None:
        found.append(b"".join(chunks))

    try:
        inbox.look(None)
        for _ in inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=accept):
            pass
    finally:
        inbox.close()
    return found


# Kerberos


@pytest.fixture(scope="module")
def kdc() -> Iterator[Realm]:
    with realm("svc", "sales", "stranger", services=("HTTP/localhost", "imap/localhost")) as made:
        yield made


@pytest.fixture
def tickets(kdc: Realm, monkeypatch: pytest.MonkeyPatch) -> Realm:
    for name, value in {**kdc.environment, "KRB5_KTNAME": f"FILE:{kdc.keytab}", "KRB5RCACHETYPE": "none"}.items():
        monkeypatch.setenv(name, value)
    kdc.kinit("svc")
    return kdc


def by_kerberos(exchange: ExchangeSandbox) -> AbstractContextManager[Front]:
    accounts = {f"svc@{REALM}": (SERVICE, SERVICE_PASSWORD), f"sales@{REALM}": (SALES, PASSWORD)}
    return front(exchange, negotiated, accounts, challenge="Negotiate")


def with_ticket(at: Front, access: MailboxAccess, *, host: str = "localhost", sign_in: SignIn | None = None) -> ExchangeAccount:
    endpoint = Endpoint(host=host, port=at.port, tls="none", silence_timeout=5.0, connect_timeout=5.0)
    return ExchangeAccount(endpoint=endpoint, sign_in=sign_in or KerberosSignIn(f"svc@{REALM}"), address=SALES, access=access)


def test_a_ticket_of_the_service_account_reads_the_mailboxes_it_impersonates(exchange: ExchangeSandbox, tickets: Realm) -> None:
    with by_kerberos(exchange) as at:
        sessions = Sessions()
        account = with_ticket(at, MailboxAccess.IMPERSONATION)
        assert len(read(account, sessions)) == len(read(account, sessions)) == 3
        # The connection knows by then who asks: one ticket was shown for all of it.
        assert (at.connections, at.proven, at.turned_away) == (1, [f"svc@{REALM}"], 0)
        assert at.passed_on > 4


def test_a_ticket_of_the_owner_reads_its_own_mailbox(exchange: ExchangeSandbox, tickets: Realm) -> None:
    tickets.kinit("sales")
    with by_kerberos(exchange) as at:
        assert len(read(with_ticket(at, MailboxAccess.OWN))) == 3
        assert at.proven == [f"sales@{REALM}"]


def test_a_ticket_of_somebody_else_is_refused_once_and_said(exchange: ExchangeSandbox, tickets: Realm) -> None:
    tickets.kinit("stranger")
    with by_kerberos(exchange) as at:
        with pytest.raises(AuthenticationRejected, match="refused the credentials") as refused:
            read(with_ticket(at, MailboxAccess.IMPERSONATION))
        assert "klist" in refused.value.hint
        assert (at.proven, at.turned_away, at.passed_on) == ([f"stranger@{REALM}"], 1, 0)


def test_without_a_ticket_nothing_is_asked(exchange: ExchangeSandbox, tickets: Realm) -> None:
    tickets.kdestroy()
    with by_kerberos(exchange) as at:
        with pytest.raises(AuthenticationRejected, match="no Kerberos ticket") as refused:
            read(with_ticket(at, MailboxAccess.IMPERSONATION))
        assert "kinit" in refused.value.hint
        assert (at.turned_away, at.passed_on) == (0, 0)


def test_a_ticket_for_another_service_or_a_spoiled_one_proves_nobody(exchange: ExchangeSandbox, tickets: Realm) -> None:
    """The front really looks: what the key of its service did not seal is refused."""

    class Other(KerberosSignIn):
        def mechanism(self, **asked: object):  # type: ignore[no-untyped-def]
            return super().mechanism(**{**asked, "protocol": "imap"})  # type: ignore[arg-type]

    class Spoiled(KerberosSignIn):
        def mechanism(self, **asked: object):  # type: ignore[no-untyped-def]
            found = super().mechanism(**asked)  # type: ignore[arg-type]
            found._first = found._first[:-8] + bytes(8)  # type: ignore[attr-defined]
            return found

    keytab = tickets.base / "http-only"
    tickets.run("kadmin.local", "-q", f"ktadd -norandkey -k {keytab} HTTP/localhost")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KRB5_KTNAME", f"FILE:{keytab}")
        for sign_in in (Other(f"svc@{REALM}"), Spoiled(f"svc@{REALM}")):
            with by_kerberos(exchange) as at:
                with pytest.raises(AuthenticationRejected):
                    read(with_ticket(at, MailboxAccess.IMPERSONATION, sign_in=sign_in))
                assert (at.proven, at.passed_on) == ([], 0)
        with by_kerberos(exchange) as at:
            assert len(read(with_ticket(at, MailboxAccess.IMPERSONATION))) == 3


def test_who_may_sign_in_may_still_not_open_every_mailbox(exchange: ExchangeSandbox, tickets: Realm) -> None:
    """The owner of one mailbox asks to impersonate another one."""
    tickets.kinit("sales")
    with by_kerberos(exchange) as at:
        account = with_ticket(at, MailboxAccess.IMPERSONATION)
        with pytest.raises(ReconcileError, match="ErrorImpersonateUserDenied"):
            read(ExchangeAccount(endpoint=account.endpoint, sign_in=account.sign_in, address=SUPPORT, access=account.access))


# Client certificates


@pytest.fixture(scope="module")
def people() -> trustme.CA:
    """The authority of people's certificates."""
    return trustme.CA()


@pytest.fixture(scope="module")
def servers() -> trustme.CA:
    """That of the server's."""
    return trustme.CA()


@contextmanager
def by_certificate(
    exchange: ExchangeSandbox, people: trustme.CA, servers: trustme.CA, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[Front]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    servers.issue_cert("localhost").configure_cert(context)
    people.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    accounts = {"svc@contoso.example": (SERVICE, SERVICE_PASSWORD), SALES: (SALES, PASSWORD)}
    with front(exchange, certified, accounts, tls=context) as at:
        yield at


def with_certificate(
    at: Front, servers: trustme.CA, client: bytes | None, access: MailboxAccess = MailboxAccess.IMPERSONATION
) -> ExchangeAccount:
    endpoint = Endpoint(
        host="localhost",
        port=at.port,
        tls="implicit",
        authority=servers.cert_pem.bytes(),
        client=None if client is None else Secret(client),
        silence_timeout=5.0,
        connect_timeout=5.0,
    )
    return ExchangeAccount(endpoint=endpoint, sign_in=ExternalSignIn(""), address=SALES, access=access)


def pem(authority: trustme.CA, name: str, *, until: datetime | None = None) -> bytes:
    begun = None if until is None else until - timedelta(days=30)
    return authority.issue_cert(name, not_before=begun, not_after=until).private_key_and_cert_chain_pem.bytes()


@pytest.mark.parametrize(
    ("name", "access"), [("svc@contoso.example", MailboxAccess.IMPERSONATION), (SALES, MailboxAccess.OWN)], ids=["service", "owner"]
)
def test_a_certificate_reads_the_mailbox(
    exchange: ExchangeSandbox, people: trustme.CA, servers: trustme.CA, name: str, access: MailboxAccess
) -> None:
    with by_certificate(exchange, people, servers) as at:
        assert len(read(with_certificate(at, servers, pem(people, name), access))) == 3
        assert (at.connections, at.proven, at.turned_away) == (1, [name], 0)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
@pytest.mark.parametrize("whose", ["nobody's", "another authority's", "expired"])
def test_a_certificate_that_does_not_hold_is_said_with_the_next_step(
    exchange: ExchangeSandbox, people: trustme.CA, servers: trustme.CA, whose: str, newest: ssl.TLSVersion
) -> None:
    """Under TLS 1.3 the server's refusal comes after the client is done with the handshake, and may come after it wrote."""
    clients = {
        "nobody's": None,
        "another authority's": pem(trustme.CA(), "svc@contoso.example"),
        "expired": pem(people, "svc@contoso.example", until=datetime.now(UTC) - timedelta(days=1)),
    }
    with by_certificate(exchange, people, servers, newest=newest) as at:
        for _ in range(5):
            with pytest.raises(PermanentError) as refused:
                read(with_certificate(at, servers, clients[whose]))
            assert "clientCertificate" in refused.value.hint, refused.value
            assert str(at.port) in refused.value.message
        assert (at.proven, at.passed_on) == ([], 0)


def test_a_certificate_of_somebody_whom_the_server_does_not_know_is_refused(
    exchange: ExchangeSandbox, people: trustme.CA, servers: trustme.CA
) -> None:
    with by_certificate(exchange, people, servers) as at:
        with pytest.raises(AuthenticationRejected, match="refused the credentials") as refused:
            read(with_certificate(at, servers, pem(people, "stranger@contoso.example")))
        assert "clientCertificate" in refused.value.hint
        assert (at.proven, at.turned_away, at.passed_on) == (["stranger@contoso.example"], 1, 0)


def test_connections_of_different_certificates_are_not_shared(exchange: ExchangeSandbox, people: trustme.CA, servers: trustme.CA) -> None:
    with by_certificate(exchange, people, servers) as at:
        sessions = Sessions()
        assert len(read(with_certificate(at, servers, pem(people, "svc@contoso.example")), sessions)) == 3
        with pytest.raises(AuthenticationRejected):
            read(with_certificate(at, servers, pem(people, "stranger@contoso.example")), sessions)
