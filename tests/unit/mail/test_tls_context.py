"""Contexts for TLS: what they trust, what they show, and what a wrong PEM says."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from reconcile.errors import SettingsError
from reconcile.mail.tls import tls_context
from reconcile.model.secret import Secret

AUTHORITY = trustme.CA()
CLIENT = AUTHORITY.issue_cert("sales@contoso.example")
PEM = CLIENT.private_key_and_cert_chain_pem.bytes()


def test_one_context_for_all_that_trust_and_show_the_same() -> None:
    one = tls_context(AUTHORITY.cert_pem.bytes())
    assert one is tls_context(AUTHORITY.cert_pem.bytes())
    assert one is not tls_context(AUTHORITY.cert_pem.bytes(), Secret(PEM))
    assert tls_context(None, Secret(PEM)) is tls_context(None, Secret(bytes(PEM)))
    assert (one.minimum_version, one.verify_mode, one.check_hostname) == (ssl.TLSVersion.TLSv1_2, ssl.CERT_REQUIRED, True)
    assert [dict(part[0] for part in ca["subject"])["organizationName"] for ca in one.get_ca_certs()] != []
    assert len(one.get_ca_certs()) == 1, "an authority of one's own replaces the host's"


def test_no_keys_of_sessions_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert tls_context(trustme.CA().cert_pem.bytes()).keylog_filename is None


@pytest.mark.parametrize("pem", [b"", b"no pem", b"\xff\xfe", AUTHORITY.private_key_pem.bytes()])
def test_an_authority_that_is_none(pem: bytes) -> None:
    with pytest.raises(SettingsError, match="caCertificate holds no certificate in PEM form") as refused:
        tls_context(pem)
    assert refused.value.hint
    assert refused.value.__cause__ is None


def _encrypted() -> bytes:
    key = serialization.load_pem_private_key(CLIENT.private_key_pem.bytes(), None)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"canary")
    )
    return secret + CLIENT.cert_chain_pems[0].bytes()


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (b"", "no certificate with its private key"),
        (b"canary", "no certificate with its private key"),
        (CLIENT.cert_chain_pems[0].bytes(), "no certificate with its private key"),
        (CLIENT.private_key_pem.bytes(), "no certificate with its private key"),
        (
            AUTHORITY.issue_cert("b.example").private_key_pem.bytes() + CLIENT.cert_chain_pems[0].bytes(),
            "no certificate with its private key",
        ),
        (_encrypted(), "is encrypted"),
    ],
    ids=["empty", "text", "without key", "without certificate", "another key", "encrypted"],
)
def test_a_client_certificate_that_is_none_says_so_and_shows_nothing(pem: bytes, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        tls_context(None, Secret(pem))
    assert "canary" not in f"{refused.value!r}{refused.value.hint}{refused.value.__cause__!r}"
    assert "PRIVATE KEY" not in f"{refused.value!r}"


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_key_lies_nowhere_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    if not in_memory:
        monkeypatch.delattr("os.memfd_create")
    authority = trustme.CA()
    tls_context(authority.cert_pem.bytes(), Secret(authority.issue_cert("a.example").private_key_and_cert_chain_pem.bytes()))
    assert [*tmp_path.rglob("*")] == []
