"""A mailbox at an Exchange server: where its service is, by what right it is opened, and what cannot be.

| credentials        | useImpersonation | right                                                                              |
|--------------------|------------------|------------------------------------------------------------------------------------|
| user-or-queue      | false            | its own: it signs in itself                                                        |
| user-or-queue      | true             | refused: whoever signs in as the mailbox needs nobody's part                        |
| profile            | true             | impersonation                                                                      |
| profile            | false            | delegation                                                                         |
| windows-integrated | true / false     | impersonation / delegation, by the account this process runs as                    |
| entra-oauth        | either           | impersonation where the application signs in, its own where the mailbox's owner does |

server-to-server and hybrid-modern-auth need a certificate from a key vault, which is not built; gmail-oauth and anonymous are no ways of
Exchange. (Power Platform: "Supported email service configurations"; Microsoft: "Impersonation and EWS in Exchange".)
"""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import urlsplit

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.exchange_online import END, LISTED_ONLY, is_exchange_online
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.sync.decide.row import Row

#: Addresses that are recognised and not spoken to, by a part of their path: what it is, and what to do instead.
_OTHERS: Final = {
    "/microsoft-server-activesync": "Exchange ActiveSync, a protocol for phones that shows no more than a part of a mailbox",
    "/mapi": "MAPI over HTTP, the protocol of Outlook alone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where Exchange Web Services are reached."""

    host: str
    port: int
    tls: Literal["implicit", "none"]
    path: str


def service_of(profile: Row, server: str, direction: str) -> Service:
    """From an address. Raises Refused when it is none, or one that is not spoken to now."""
    field = f"{direction}.server"
    try:
        parts = urlsplit(server)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or parts.query or parts.fragment:
        words = "Exchange Web Services are named by address: https://HOST/EWS/Exchange.asmx"
        raise profile.refuse("Ready", "NoServer", words, field)
    for part, name in _OTHERS.items():
        if parts.path.lower().startswith(part):
            raise profile.unsupported(field, f"that is the address of {name}; declare that of Exchange Web Services, or receive over IMAP")
    tls = str(profile.spec.get(f"{direction}.tls") or "implicit")
    if (tls == "none") != (parts.scheme == "http"):
        words = f"the address says {parts.scheme} and tls says {tls}: they must say the same"
        raise profile.refuse("Ready", "TlsContradicts", words, f"{direction}.tls")
    declared = profile.resource.spec.get(f"{direction}.port")
    if port is None:
        port = declared if isinstance(declared, int) else 443 if parts.scheme == "https" else 80
    _check_exchange_online(profile, host, field)
    return Service(host=host, port=port, tls="none" if tls == "none" else "implicit", path=parts.path or "/EWS/Exchange.asmx")


def _check_exchange_online(profile: Row, host: str, field: str) -> None:
    """Exchange Online answers Exchange Web Services only where the tenant still lets it, and until a day."""
    if not is_exchange_online(host):
        return
    today, spec = profile.now[:10], profile.spec
    if today >= END:
        words = f"Exchange Online answers no Exchange Web Services since {END}: receive over IMAP with OAuth there"
        raise profile.refuse("Ready", "BlockedByTenant", words, field)
    if spec.get("facts.ewsSwitch") == "off":
        words = f"the tenant has Exchange Web Services switched off (EWSEnabled is False); they end there on {END}"
        raise profile.refuse("Ready", "BlockedByTenant", words, "facts.ewsSwitch")
    if spec.get("facts.ewsAllowed") is False and today >= LISTED_ONLY:
        words = f"the application is not in the tenant's EWSAllowedAppIDs, so it is blocked since {LISTED_ONLY}; they end on {END}"
        raise profile.refuse("Ready", "BlockedByTenant", words, "facts.ewsAllowed")


def check_credentials(profile: Row, source: str, credentials: str) -> None:
    """Raises Refused for what is no way into an Exchange mailbox here. `source` is the direction whose settings count."""
    field = f"{source}.credentials"
    if credentials in ("server-to-server", "hybrid-modern-auth"):
        words = f"credentials {credentials} need a certificate from a key vault, which is not built: use entra-oauth, or profile with ntlm"
        raise profile.unsupported(field, words)
    if credentials in ("gmail-oauth", "anonymous"):
        raise profile.unsupported(field, f"credentials {credentials} are no way into an Exchange mailbox")
    if credentials == "user-or-queue" and profile.spec.get(f"{source}.useImpersonation") is True:
        words = "each mailbox signs in itself (user-or-queue), so nobody is impersonated: declare credentials: profile, or leave it out"
        raise profile.refuse("Ready", "SignInContradicts", words, f"{source}.useImpersonation")


def access_of(profile: Row, direction: str, plan: SignInPlan, host: str) -> MailboxAccess:
    """By what right the account opens the mailbox. Raises Refused where the server takes no such sign-in."""
    source = source_of(profile, direction)
    credentials = str(profile.spec.get(f"{source}.credentials") or "user-or-queue")
    if is_exchange_online(host) and plan.kind not in (SignInKind.OAUTH, SignInKind.CERTIFICATE):
        words = f"Exchange Online takes no sign-in by {plan.kind}: declare authentication: oauth with credentials entra-oauth"
        raise profile.refuse("Ready", "SignInContradicts", words, f"{direction}.authentication")
    if credentials == "entra-oauth":
        impersonates = plan.oauth is not None and plan.oauth.grant == "client-credentials"
        impersonates = impersonates or profile.spec.get(f"{source}.useImpersonation") is True
        return MailboxAccess.IMPERSONATION if impersonates else MailboxAccess.OWN
    if credentials in ("profile", "windows-integrated"):
        used: Leaf = profile.spec.get(f"{source}.useImpersonation")
        return MailboxAccess.IMPERSONATION if used is True else MailboxAccess.DELEGATION
    return MailboxAccess.OWN


def source_of(profile: Row, direction: str) -> str:
    """The direction whose credentials and impersonation count."""
    return "outgoing" if direction == "outgoing" and profile.spec.get("useSameSettingsForOutgoing") is False else "incoming"
