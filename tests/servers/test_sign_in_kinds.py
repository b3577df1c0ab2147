"""Client certificates at a real Dovecot, and that no kind ever gives way to a weaker one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from reconcile.errors import AuthenticationRejected, ReconcileError
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.login import open_stream
from reconcile.mail.sign_in.external import ExternalSignIn
from reconcile.mail.sign_in.ntlm import NtlmSignIn
from reconcile.model.secret import Secret
from reconcile.ports.sign_in import SignIn
from support.dovecot import PASSWORD, Dovecot, running

pytestmark = pytest.mark.servers
SALES = "sales@contoso.example"
_CERTIFICATES = """
auth_mechanisms = external
ssl_ca = <{ca}
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = yes
auth_ssl_username_from_cert = yes
ssl_cert_username_field = commonName
ssl_require_crl = no
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
"""


@pytest.fixture(scope="module")
def people() -> trustme.CA:
    """The authority of people's certificates."""
    return trustme.CA()


@pytest.fixture(scope="module")
def by_certificate(people: trustme.CA) -> Iterator[Dovecot]:
    with tempfile.TemporaryDirectory(prefix="reconcile-dovecot-") as folder:
        Path(folder).chmod(0o755)
        people.cert_pem.write_to_path(f"{folder}/people.pem")
        with running(users={SALES: PASSWORD}, extra=_CERTIFICATES.format(ca=f"{folder}/people.pem")) as dovecot:
            dovecot.deliver_all(SALES, [])
            yield dovecot


def opened(dovecot: Dovecot, sign_in: SignIn, client: Secret | None = None) -> int:
    """How many messages there are."""
    at = Endpoint(host="localhost", port=dovecot.imaps, tls="implicit", authority=dovecot.authority, client=client)
    stream = open_stream(at, sign_in)
    stream.examine()
    stream.close()
    return stream.exists


def pem(authority: trustme.CA, name: str) -> Secret:
    return Secret(authority.issue_cert(name, common_name=name).private_key_and_cert_chain_pem.bytes())


def test_a_certificate_opens_the_mailbox(by_certificate: Dovecot, people: trustme.CA) -> None:
    assert opened(by_certificate, ExternalSignIn(SALES), pem(people, SALES)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["nobody", "a stranger"])
def test_without_a_certificate_of_the_right_authority_it_stays_closed(by_certificate: Dovecot, whose: str) -> None:
    client = None if whose == "nobody" else pem(trustme.CA(), SALES)
    with pytest.raises(ReconcileError):
        opened(by_certificate, ExternalSignIn(SALES), client)


@pytest.mark.parametrize("sign_in", [NtlmSignIn(SALES, Secret(PASSWORD.encode())), ExternalSignIn(SALES)], ids=lambda one: str(one.kind))
def test_nothing_weaker_is_tried(sign_in: SignIn) -> None:
    """The server would take the password, and the account has it."""
    with running(users={SALES: PASSWORD}) as plain:
        with pytest.raises(AuthenticationRejected, match="offers only LOGIN, PLAIN here"):
            opened(plain, sign_in)
        log = (plain.base / "dovecot.log").read_text()
    assert "no auth attempts" in log
