"""Contacts as vCard 3.0 (RFC 2426): what MimeContent of one is."""

from __future__ import annotations

from reconcile.sandbox.ews.contact_values import display_name
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.stored import Item


def card_of(item: Item) -> bytes:
    """Names, company, addresses for mail, telephone numbers."""
    names = ";".join(_text(item.text(name)) for name in ("Surname", "GivenName", "MiddleName"))
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:{names};;", f"FN:{_text(display_name(item))}"]
    for name, element in (("ORG", "CompanyName"), ("TITLE", "JobTitle"), ("NICKNAME", "Nickname")):
        if item.text(element):
            lines.append(f"{name}:{_text(item.text(element))}")
    for name, element in (("EMAIL;TYPE=INTERNET", "EmailAddresses"), ("TEL", "PhoneNumbers")):
        lines += [f"{name}:{_text(entry.text)}" for entry in item.properties.get(element, Node("")).children if entry.text]
    return ("\r\n".join([*lines, "END:VCARD"]) + "\r\n").encode()


def _text(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\r", "").replace("\n", "\\n")
