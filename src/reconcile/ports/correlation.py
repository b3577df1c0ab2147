"""Finding the e-mail that a message belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import Regarding
from reconcile.model.tracking import MailRef

#: Mails that are handed out for one clue at most.
MOST_CANDIDATES = 20
#: Mails of one conversation that are handed out at most.
MOST_OF_A_CONVERSATION = 100
#: Mails of one key of likeness that are handed out at most.
MOST_ALIKE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFacts:
    """What counts once a mail is found. `people` are its sender and recipients as `mail_address.comparable` writes them; `owner` is ""
    where nobody set one, `at` when it came or was handed to us (UTC RFC 3339)."""

    people: frozenset[str]
    message_id: str = ""
    at: str = ""
    regarding: Regarding | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Hashes:
    """Of the words of a subject, and of the people a mail goes between."""

    words: frozenset[int]
    people: frozenset[int]


class CorrelationLookup(Protocol):
    """Over tracked e-mail and outgoing mail. A missing store reads as empty. Each call is one look for a whole batch; what nothing is
    found for is left out of the answer."""

    def by_message_id(self, message_ids: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        """Outgoing mail first, then tracked e-mail, newest first."""
        ...

    def by_token(self, tokens: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        """Outgoing mail that carries the token, newest first. Tokens are in the form of `comparable_token`."""
        ...

    def by_conversation(self, roots: Collection[bytes]) -> Mapping[bytes, Sequence[tuple[bytes, MailRef]]]:
        """(conversation index, mail) by the first 22 octets of the index, the longest index first, of several alike the newest first."""
        ...

    def by_likeness(self, keys: Collection[int], *, since: str) -> Mapping[int, Sequence[MailRef]]:
        """Mails from `since` (UTC RFC 3339) that were kept under a key, newest first."""
        ...

    def hashes(self, mails: Collection[MailRef]) -> Mapping[MailRef, Hashes]:
        """For those that have some."""
        ...

    def facts(self, mails: Collection[MailRef]) -> Mapping[MailRef, MailFacts]:
        """Those that are still there."""
        ...
