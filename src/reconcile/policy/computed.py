"""Variables that no document says, but that follow from what it says: the domain of an address, the host of a server. Pure.

To add one: a line in `_ALL` with the fields it is made from and how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from reconcile.lazy_dataclass import dataclass
from reconcile.policy.variable import PREFIXES, Type, Variable


@dataclass(frozen=True, slots=True)
class Computed:
    """`sources` are paths of the kind's spec; `make` takes their values in that order. `partly`: of what belongs to somebody else, those
    that are known are enough where they give a value; None stands for the others."""

    kind: str
    variable: Variable
    sources: tuple[str, ...]
    make: Callable[..., Any]
    partly: bool = False


def domain(address: str | None) -> str | None:
    """What follows the last @, in lower case."""
    return address.rpartition("@")[2].lower() if address else None


def local_part(address: str | None) -> str | None:
    """What stands before the last @."""
    return address.rpartition("@")[0] if address else None


def host(server: str | None) -> str | None:
    """The host of an https address, or the server itself; in lower case."""
    if not server:
        return None
    try:
        named = urlsplit(server).hostname if "://" in server else server
    except ValueError:
        return None
    return (named or "").rstrip(".").lower() or None


def sending(same: bool | None, of_incoming: Any, own: Any) -> Any:
    """What counts for sending: that of incoming where one setting counts for both."""
    return of_incoming if same else own


def _text(
    name: str, description: str, *, kind: str, sources: tuple[str, ...], make: Callable[..., Any], partly: bool = False, **more: Any
) -> Computed:
    full = f"{PREFIXES[kind]}.{name}"
    variable = Variable(**{"name": full, "type": Type.TEXT, "nullable": True, "description": description, **more})
    return Computed(kind, variable, sources, make, partly)


def system(server_type: str | None, version: str | None, server: str | None, credentials: str | None) -> str | None:
    """What stands behind a profile; None where nothing tells. The version that is declared outweighs the server's name, the name outweighs
    the sign-in."""
    named = host(server)
    match server_type:
        case "pop3-smtp" | "imap-smtp":
            return "pop3-or-imap"
        case "exchange-online-hybrid":
            return "exchange-online"
        case None:
            return None
        case _ if version is not None:
            return "exchange-online" if version == "exchange-online" else "exchange-server"
        case _ if named is not None:
            return "exchange-online" if named in _EXCHANGE_ONLINE_HOSTS else "exchange-server"
        case _ if credentials in ("server-to-server", "entra-oauth"):
            return "exchange-online"
        case "exchange-server-hybrid":
            return "exchange-server"
        case _:
            return None


#: Where Exchange Online answers Exchange Web Services: the public cloud, the clouds of the US government, and China.
_EXCHANGE_ONLINE_HOSTS: Final = frozenset(
    {
        "outlook.office365.com",
        "outlook.office.com",
        "outlook.office365.us",
        "outlook-dod.office365.us",
        "webmail.apps.mil",
        "partner.outlook.cn",
    }
)
_PROFILE: Final = "EmailServerProfile"
#: The model's words (a test compares them; the model takes milliseconds to make).
_CREDENTIALS: Final = (
    "user-or-queue",
    "profile",
    "server-to-server",
    "windows-integrated",
    "anonymous",
    "gmail-oauth",
    "hybrid-modern-auth",
    "entra-oauth",
)
_SAME: Final = "useSameSettingsForOutgoing"
_ALL: Final[tuple[Computed, ...]] = (
    _text("domain", "Domain of emailAddress, in lower case.", kind="Mailbox", sources=("emailAddress",), make=domain, nullable=False),
    _text(
        "localPart", "What stands before the @ of emailAddress.", kind="Mailbox", sources=("emailAddress",), make=local_part, nullable=False
    ),
    _text("incoming.host", "Host of incoming.server, in lower case.", kind=_PROFILE, sources=("incoming.server",), make=host),
    _text("outgoing.host", "Host of outgoing.server, in lower case.", kind=_PROFILE, sources=("outgoing.server",), make=host),
    _text(
        "system",
        "What stands behind the profile: Exchange Online, an Exchange server, or a server for POP3 or IMAP; null where nothing tells. By "
        "facts.serverVersion, else by the host, else by the sign-in.",
        kind=_PROFILE,
        sources=("serverType", "facts.serverVersion", "incoming.server", "incoming.credentials"),
        make=system,
        partly=True,
        values=("exchange-online", "exchange-server", "pop3-or-imap"),
    ),
    _text(
        "sending.credentials",
        "Where the credentials for sending come from: outgoing.credentials, or incoming.credentials with useSameSettingsForOutgoing.",
        kind=_PROFILE,
        sources=(_SAME, "incoming.credentials", "outgoing.credentials"),
        make=sending,
        values=_CREDENTIALS,
        nullable=False,
    ),
    _text(
        "sending.username",
        "The account that sends: outgoing.username, or incoming.username with useSameSettingsForOutgoing.",
        kind=_PROFILE,
        sources=(_SAME, "incoming.username", "outgoing.username"),
        make=sending,
    ),
    _text(
        "sending.useImpersonation",
        "Whether sending impersonates: of outgoing, or of incoming with useSameSettingsForOutgoing.",
        kind=_PROFILE,
        sources=(_SAME, "incoming.useImpersonation", "outgoing.useImpersonation"),
        make=sending,
        type=Type.TRUTH,
        nullable=False,
    ),
)

#: Kind → its computed variables by key.
COMPUTED: Final[Mapping[str, Mapping[str, Computed]]] = MappingProxyType(
    {kind: {one.variable.key: one for one in _ALL if one.kind == kind} for kind in PREFIXES}
)
