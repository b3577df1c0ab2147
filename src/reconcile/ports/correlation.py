"""Finding the e-mail that a message belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from reconcile.model.activity_details import Regarding
from reconcile.model.tracking import MailRef


class CorrelationLookup(Protocol):
    """Over tracked e-mail and outgoing mail. A missing store reads as empty."""

    def by_message_id(self, message_ids: Collection[str]) -> Mapping[str, MailRef]:
        """Of several with one Message-ID the newest."""
        ...

    def by_token(self, token: str) -> MailRef | None:
        """The mail that carries this tracking token (compared without case); of several the newest."""
        ...

    def by_conversation(self, root: str) -> Sequence[tuple[str, MailRef]]:
        """(conversation index, mail) of the mails of one conversation, by the hexadecimal first 22 octets of their conversation index
        ([MS-OXOMSG] 2.2.1.3), longest index first, at most a hundred."""
        ...

    def by_hashes(
        self, words: Collection[int], people: Collection[int], *, since: str, limit: int
    ) -> Sequence[tuple[MailRef, frozenset[int], frozenset[int]]]:
        """(mail, hashes of its subject's words, hashes of its people) of mails from `since` (UTC RFC 3339) that share at least one of
        each, newest first."""
        ...

    def details(self, mail: MailRef) -> tuple[Regarding | None, str]:
        """What it is about, and its owner ("" for none)."""
        ...
