"""TLS towards mail servers and token endpoints: the one place where a context is made, and where a failed handshake gets its words.

1.2 at least, certificate and host name checked; there is no switch. An authority of one's own replaces the host's list.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from reconcile.errors import PermanentError, ReconcileError, SettingsError, Unavailable
from reconcile.model.secret import Secret

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_TO_SERVER: Final = "Mend the server's certificate. Checks cannot be switched off."
_TO_AUTHORITY: Final = "Name the authority that signed it in caCertificate. Checks cannot be switched off."

#: X509_V_ERR_* of OpenSSL (x509_vfy.h) as people say it, and what to do.
_CERTIFICATE: Final = {
    9: ("is not valid yet", "Check the clock of this host and the server's certificate."),
    10: ("has expired", "Have the server's certificate renewed. Checks cannot be switched off."),
    18: ("is signed by nobody but itself", _TO_AUTHORITY),
    19: ("comes from an unknown authority", _TO_AUTHORITY),
    20: ("comes from an unknown authority, or the server does not send an intermediate certificate", _TO_AUTHORITY),
    21: ("comes from an unknown authority, or the server does not send an intermediate certificate", _TO_AUTHORITY),
    23: ("was revoked", _TO_SERVER),
    62: ("is for another name", "Name the server as its certificate does, or have the certificate mended."),
    64: ("is for another address", "Name the server as its certificate does, or have the certificate mended."),
}
_OLD_VERSION: Final = {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION", "UNSUPPORTED_SSL_VERSION"}
_NO_TLS: Final = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
_WANTS_CERTIFICATE: Final = {"TLSV13_ALERT_CERTIFICATE_REQUIRED", "PEER_DID_NOT_RETURN_A_CERTIFICATE"}
_DISLIKES_OURS: Final = {
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "TLSV1_ALERT_UNKNOWN_CA",
    "TLSV1_ALERT_ACCESS_DENIED",
}


@lru_cache(maxsize=64)
def tls_context(authority: bytes | None, client: Secret | None = None) -> ssl.SSLContext:
    """One for all connections that trust the same and show the same (reading the host's list costs more than a poll).

    `authority` is the PEM of what replaces the host's authorities, `client` a PEM with certificate (chain) and private key without
    a pass phrase. Raises SettingsError when one of them is not that; its text holds nothing of them.
    """
    try:
        if authority == b"":
            # ssl would take nothing for "the host's list".
            raise ValueError
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=authority.decode("ascii") if authority is not None else None)
    except (ssl.SSLError, ValueError):
        raise SettingsError("caCertificate holds no certificate in PEM form", hint="Give the CA's certificate, not its key.") from None
    # Nothing traces the keys of a session, whatever SSLKEYLOGFILE says.
    context.keylog_filename = None  # type: ignore[assignment]
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if client is not None:
        _show(context, client)
    return context


def _show(context: ssl.SSLContext, client: Secret) -> None:
    hint = "Put certificate and unencrypted private key, both in PEM form, into one file."

    def pass_phrase() -> str:
        # Without this OpenSSL asks at the terminal.
        raise SettingsError("the private key of clientCertificate is encrypted", hint=hint)

    try:
        with _as_file(client.reveal()) as path:
            context.load_cert_chain(path, password=pass_phrase)
    except (ssl.SSLError, OSError, ValueError):
        raise SettingsError("clientCertificate is no certificate with its private key", hint=hint) from None


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """OpenSSL reads keys from files only. Where the system can, this one is in memory, has no name that others could open, and
    is gone when it is closed; elsewhere it lies for a moment in a folder for its owner."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    # Loaded where it is needed: it costs every look 4 ms.
    import tempfile

    with tempfile.TemporaryDirectory() as folder:  # made with mode 700
        path = Path(folder) / "pem"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        yield str(path)


def handshake_refused(error: ssl.SSLError, where: object) -> ReconcileError:
    """What a failed handshake means, in words. `where` names the server as host:port. A certificate or a version that does not hold
    is a PermanentError, a connection that broke is Unavailable."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words, hint = _CERTIFICATE.get(error.verify_code, (f"does not hold: {_one_line(error.verify_message)}", _TO_SERVER))
        if error.verify_code in (62, 64):
            words += f": {_one_line(error.verify_message)}"
        return PermanentError(f"the certificate of {where} is not accepted: it {words}", hint=hint)
    reason = error.reason or ""
    if reason in _OLD_VERSION:
        return PermanentError(
            f"{where} speaks only an old version of TLS; 1.2 is the least that is accepted",
            hint="Have TLS 1.2 or newer switched on at the server.",
        )
    if reason in _NO_TLS:
        return PermanentError(
            f"{where} does not answer with TLS", hint="Check port and tls: implicit where TLS stands from the first byte, else starttls."
        )
    if reason in ("SSLV3_ALERT_HANDSHAKE_FAILURE", "SSL/TLS_ALERT_HANDSHAKE_FAILURE"):
        return PermanentError(
            f"{where} refuses the handshake: it wants a client certificate, or nothing that both sides can do is left",
            hint="Declare clientCertificate if it wants one; otherwise have current ciphers switched on at the server.",
        )
    if reason in _WANTS_CERTIFICATE:
        return PermanentError(f"{where} wants a client certificate", hint="Declare clientCertificate in the profile.")
    if reason in _DISLIKES_OURS:
        return PermanentError(
            f"{where} does not accept our side of the handshake ({_one_line(reason)})",
            hint="Check clientCertificate: its end date and its authority.",
        )
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or reason in ("UNEXPECTED_EOF_WHILE_READING", ""):
        return Unavailable(f"{where} ended the connection", hint="It is tried again by itself; check port and tls if it stays so.")
    return PermanentError(f"no TLS with {where}: {_one_line(reason)}", hint="Check port and tls; TLS 1.2 is the least that is accepted.")


def is_about_our_certificate(error: ssl.SSLError) -> bool:
    """Whether the server refuses it, or wants one. Under TLS 1.3 it says so when our side of the handshake is over."""
    return (error.reason or "") in _WANTS_CERTIFICATE | _DISLIKES_OURS


def _one_line(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text).strip()[:200]
