"""The identity of one declared thing: its kind and its slug."""

from __future__ import annotations

from typing import NamedTuple

API_VERSION = "reconcile/v1alpha2"

#: `metadata.name`: a word that is also a DNS label (RFC 1123, 2.1). Common part of JSON Schema's and Python's expressions.
SLUG_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

#: Kinds in dependency order: a kind may refer only to kinds before it.
KINDS: tuple[str, ...] = ("Environment", "EmailServerProfile", "Organization", "MailboxAssignment", "MailboxList", "Mailbox")

#: Kinds that become rows of a target; the others only say what those are.
APPLIED_KINDS: tuple[str, ...] = ("Environment", "EmailServerProfile", "Organization", "Mailbox")

#: Kinds that say what holds for the others: rules, their settings, what is accepted, how providers are reached. They are no resources.
POLICY_KINDS: tuple[str, ...] = ("PolicyRule", "PolicySettings", "Waiver", "MailProvider")

#: Every kind that a document can have.
DOCUMENT_KINDS: tuple[str, ...] = (*KINDS, *POLICY_KINDS)


class Key(NamedTuple):
    """`kind` as written in documents, `name` the slug in `metadata.name`.

    A tuple, because plans of large estates look keys up by the hundred thousand, and a tuple is hashed and compared in C.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """Inverse of `str`. Raises ValueError when there is no slash."""
        kind, slash, name = text.partition("/")
        if not slash or not kind or not name:
            raise ValueError(f"not a key: {text!r} (expected Kind/name)")
        return cls(kind, name)
