"""A certificate authority that lives as long as one sandbox."""

from __future__ import annotations

import ssl

from reconcile.lazy_dataclass import dataclass

#: Names the sandbox's servers answer to.
HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """`authority` is the CA in PEM, for clients; `context` serves a certificate for HOSTS signed by it."""

    authority: bytes
    context: ssl.SSLContext


def issue() -> Certificates:
    """Make a fresh authority and one server certificate."""
    import trustme  # loads cryptography; not for commands that only print their help

    authority = trustme.CA(organization_name="reconcile sandbox")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert(*HOSTS).configure_cert(context)
    return Certificates(authority=authority.cert_pem.bytes(), context=context)
