"""Mailboxes of the sandbox's Exchange as our connectors open them, and as somebody else sees them."""

from __future__ import annotations

from urllib.parse import urlsplit

from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.secret import Secret
from support.exchange_sandbox import SALES, ExchangeSandbox


def account_of(exchange: ExchangeSandbox, address: str = SALES, access: MailboxAccess = MailboxAccess.OWN) -> ExchangeAccount:
    """Its own sign-in, or the service account's."""
    parts = urlsplit(exchange.url)
    assert parts.hostname is not None
    assert parts.port is not None
    own = access is MailboxAccess.OWN
    name, password = (address, exchange.password) if own else (exchange.service, exchange.service_password)
    tls = "implicit" if parts.scheme == "https" else "none"
    endpoint = Endpoint(
        host="localhost" if tls == "implicit" else parts.hostname,
        port=parts.port,
        tls=tls,
        path=parts.path,
        authority=exchange.certificate,
        silence_timeout=5.0,
        connect_timeout=5.0,
    )
    return ExchangeAccount(endpoint=endpoint, sign_in=PasswordSignIn(name, Secret(password.encode())), address=address, access=access)


def restore(exchange: ExchangeSandbox, address: str = SALES) -> None:
    """The mailbox is as if it came from a backup: the same mail, under other ids."""
    with exchange.organization.lock:
        old = exchange.mailbox(address)
        # It keeps its place, so that its number is not given again.
        exchange.organization._mailboxes[f"gone-{old.number}"] = exchange.organization._mailboxes.pop(address.lower())
        exchange.organization._by_number[old.number] = None  # type: ignore[assignment]


def position(exchange: ExchangeSandbox, name: str, address: str = SALES) -> int:
    """Which one of the inbox it is, from 1."""
    mailbox = exchange.mailbox(address)
    with exchange.organization.lock:
        inbox = mailbox.distinguished("inbox")
        assert inbox is not None
        return [str(mailbox.item_id(item)) for item in inbox.items.values()].index(name) + 1


def bodies(exchange: ExchangeSandbox, folder: str, address: str = SALES) -> list[bytes]:
    """Raw messages of a well-known folder, or of one by its display name."""
    mailbox = exchange.mailbox(address)
    with exchange.organization.lock:
        found = mailbox.distinguished(folder) or next((one for one in mailbox.folders.values() if one.name == folder), None)
        return [] if found is None else [item.raw or b"" for item in found.items.values()]


def categories(exchange: ExchangeSandbox, address: str = SALES) -> list[list[str]]:
    """Of each message in the inbox."""
    mailbox = exchange.mailbox(address)
    with exchange.organization.lock:
        inbox = mailbox.distinguished("inbox")
        assert inbox is not None
        items = [item.properties.get("Categories") for item in inbox.items.values()]
        return [[one.text for one in item.children] if item is not None else [] for item in items]
