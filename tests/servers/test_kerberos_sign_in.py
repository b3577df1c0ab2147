"""Signing in with the tickets of this host, at a real Dovecot in a realm of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.errors import AuthenticationRejected, Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.login import open_stream
from reconcile.mail.sign_in.kerberos import KerberosSignIn
from support.dovecot import PASSWORD, Dovecot, free_port, running
from support.kerberos import REALM, Realm, realm
from support.servers import require

pytestmark = pytest.mark.servers
SALES = f"sales@{REALM}"
_EXTRA = """
auth_mechanisms = plain gssapi
auth_krb5_keytab = {keytab}
auth_gssapi_hostname = localhost
import_environment = TZ PATH KRB5_CONFIG={config}
"""


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Realm, Dovecot]]:
    require("dovecot-gssapi")
    with realm("sales", "info") as made:
        extra = _EXTRA.format(keytab=made.keytab, config=made.base / "krb5.conf")
        with running(users={SALES.lower(): PASSWORD}, extra=extra) as dovecot:
            dovecot.deliver_all(SALES.lower(), [])
            yield made, dovecot


@pytest.fixture
def ticket(world: tuple[Realm, Dovecot], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Realm:
    made, _ = world
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.kinit("sales")
    return made


def endpoint(dovecot: Dovecot) -> Endpoint:
    return Endpoint(host="localhost", port=dovecot.imaps, tls="implicit", authority=dovecot.authority)


def test_a_ticket_opens_the_mailbox(world: tuple[Realm, Dovecot], ticket: Realm) -> None:
    stream = open_stream(endpoint(world[1]), KerberosSignIn(SALES))
    stream.examine()
    assert stream.exists == 0
    stream.close()


def test_a_ticket_of_somebody_else_does_not(world: tuple[Realm, Dovecot], ticket: Realm) -> None:
    ticket.kinit("info")
    with pytest.raises(AuthenticationRejected):
        open_stream(endpoint(world[1]), KerberosSignIn(SALES))


def test_without_a_ticket_it_says_what_to_do(world: tuple[Realm, Dovecot], ticket: Realm) -> None:
    ticket.kdestroy()
    with pytest.raises(AuthenticationRejected, match="no Kerberos ticket") as refused:
        open_stream(endpoint(world[1]), KerberosSignIn(SALES))
    assert "kinit" in refused.value.hint


def test_a_realm_that_does_not_answer_is_tried_again(
    world: tuple[Realm, Dovecot], ticket: Realm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (ticket.base / "krb5.conf").read_text()
    dead = tmp_path / "krb5.conf"
    dead.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{free_port()}", text))
    monkeypatch.setenv("KRB5_CONFIG", str(dead))
    with pytest.raises(Unavailable, match="no Kerberos ticket"):
        open_stream(endpoint(world[1]), KerberosSignIn(SALES))


def test_a_password_is_never_tried_instead(world: tuple[Realm, Dovecot], ticket: Realm) -> None:
    with (
        running(users={SALES.lower(): PASSWORD}) as plain,
        pytest.raises(AuthenticationRejected, match="offers only LOGIN, PLAIN here, not GSSAPI"),
    ):
        open_stream(endpoint(plain), KerberosSignIn(SALES))
