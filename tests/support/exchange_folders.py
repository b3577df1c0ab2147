"""What a person does in Outlook with folders of a mailbox of the sandbox's Exchange: make them below the inbox, move mail."""

from __future__ import annotations

from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.operations.move_items import carry
from reconcile.sandbox.ews.stored import Folder, Item
from reconcile.sandbox.ews.values import text_of
from support.exchange_sandbox import SALES, ExchangeSandbox

ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: contoso}
spec: {tracking: {folderTracking: true}}
"""


def make_folder(exchange: ExchangeSandbox, path: str, address: str = SALES) -> None:
    """Below the inbox, names with / between them."""
    mailbox = exchange.mailbox(address)
    with exchange.organization.lock:
        folder = mailbox.distinguished("inbox")
        assert folder is not None
        for name in path.split("/"):
            there = next((one for one in mailbox.children(folder.number) if one.name == name), None)
            folder = there or mailbox.add_folder(folder.number, name, "IPF.Note")


def move(exchange: ExchangeSandbox, subject: str, path: str, address: str = SALES, *, keep: bool = False) -> None:
    """Every message of this subject, from wherever it lies, into a folder below the inbox ("" for the inbox itself); with `keep` a copy."""
    mailbox = exchange.mailbox(address)
    with exchange.organization.lock:
        target = folder_at(mailbox, path)
        found = [item for item in mailbox.items.values() if item.kind == "Message" and text_of(mailbox, item, "Subject") == subject]
        assert found, subject
        for item in found:
            if item.folder != target.number:
                carry(mailbox, item, mailbox, target, keep=keep)


def drop(exchange: ExchangeSandbox, path: str, address: str = SALES) -> None:
    """The folder goes, with all that is in it."""
    mailbox = exchange.mailbox(address)
    with exchange.organization.lock:
        mailbox.remove_folder(folder_at(mailbox, path))


def contents(exchange: ExchangeSandbox, path: str, address: str = SALES) -> list[Item]:
    """Of a folder below the inbox."""
    mailbox = exchange.mailbox(address)
    with exchange.organization.lock:
        return list(folder_at(mailbox, path).items.values())


def folder_at(mailbox: Mailbox, path: str) -> Folder:
    """By its path below the inbox. The organization's lock is held."""
    folder = mailbox.distinguished("inbox")
    assert folder is not None
    for name in path.split("/") if path else ():
        folder = next(one for one in mailbox.children(folder.number) if one.name == name)
    return folder
