"""What the sandbox's servers hold, in memory: accounts, their folders, the messages in them.

IMAP and SMTP are two doors to one `PostOffice`. Every method takes the one lock, so a session never sees half a delivery.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from datetime import datetime

from reconcile.lazy_dataclass import dataclass

INBOX = "INBOX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as a server keeps it. `internal_date` is aware; flags are IMAP's, in the case they were set."""

    uid: int
    raw: bytes
    internal_date: datetime
    flags: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Folder:
    """A folder and its counters. UIDs rise strictly within one UIDVALIDITY (RFC 3501, section 2.3.1.1)."""

    name: str
    uid_validity: int
    uid_next: int = 1
    messages: dict[int, Message] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Account:
    """One mailbox of the sandbox; the address is also the user name. The password never shows in a repr.

    `changes` rises whenever a folder or message came, went or changed, so that another door need not compare to know.
    """

    address: str
    password: str = field(repr=False)
    folders: dict[str, Folder]
    changes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """A mail to somebody who is not one of ours: kept here, never relayed."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes


class PostOffice:
    """All accounts of one sandbox, and what would have left it."""

    def __init__(self, *, uid_validity: int = 1_700_000_001) -> None:
        self._lock = threading.RLock()
        self._accounts: dict[str, Account] = {}
        self._outside: list[Outside] = []
        self._next_validity = uid_validity

    def open_account(self, address: str, password: str, folders: Iterable[str] = (INBOX,)) -> None:
        """Make an empty account."""
        with self._lock:
            self._accounts[address.lower()] = Account(
                address=address, password=password, folders={name: self._new_folder(name) for name in folders}
            )

    def addresses(self) -> tuple[str, ...]:
        """All addresses that are ours, in the order they were opened."""
        with self._lock:
            return tuple(account.address for account in self._accounts.values())

    def knows(self, address: str) -> bool:
        """Whether mail to that address is delivered here."""
        with self._lock:
            return address.lower() in self._accounts

    def authenticate(self, username: str, password: str) -> str | None:
        """The account's address when user name and password belong together."""
        with self._lock:
            account = self._accounts.get(username.lower())
            expected = account.password if account else ""
        same = hmac.compare_digest(expected.encode(), password.encode("utf-8", "surrogateescape"))
        return account.address if account and same else None

    def folder_names(self, address: str) -> tuple[str, ...]:
        """Names of the account's folders, INBOX first."""
        with self._lock:
            return tuple(sorted(self._account(address).folders, key=lambda name: (name != INBOX, name)))

    def create_folder(self, address: str, name: str) -> bool:
        """False when it exists."""
        with self._lock:
            folders = self._account(address).folders
            if _canonical(name) in folders:
                return False
            folders[name] = self._new_folder(name)
            self._account(address).changes += 1
            return True

    def changes(self, address: str) -> int:
        """A number that is the same as long as nothing in the account changed."""
        with self._lock:
            return self._account(address).changes

    def folder(self, address: str, name: str) -> Folder | None:
        """A copy of the folder at this moment, or None."""
        with self._lock:
            folder = self._account(address).folders.get(_canonical(name))
            return None if folder is None else replace(folder, messages=dict(folder.messages))

    def message(self, address: str, folder: str, uid: int) -> Message | None:
        """One message as it is now, or None when it is gone."""
        with self._lock:
            found = self._account(address).folders.get(_canonical(folder))
            return found.messages.get(uid) if found else None

    def deliver(self, address: str, raw: bytes, internal_date: datetime, *, folder: str = INBOX, flags: Iterable[str] = ()) -> int:
        """Put a message into a folder; answers its UID. Raises KeyError when account or folder do not exist."""
        with self._lock:
            target = self._account(address).folders[_canonical(folder)]
            uid = target.uid_next
            target.messages[uid] = Message(uid=uid, raw=raw, internal_date=internal_date, flags=frozenset(flags))
            target.uid_next = uid + 1
            self._account(address).changes += 1
            return uid

    def set_flags(self, address: str, folder: str, uid: int, flags: Iterable[str]) -> None:
        """Replace the flags of one message; nothing happens when it is gone."""
        with self._lock:
            found = self._account(address).folders[_canonical(folder)]
            if uid in found.messages:
                found.messages[uid] = replace(found.messages[uid], flags=frozenset(flags))
                self._account(address).changes += 1

    def remove(self, address: str, uids: Sequence[int], *, folder: str = INBOX) -> None:
        """Take messages away, as another client's EXPUNGE does."""
        with self._lock:
            found = self._account(address).folders[_canonical(folder)]
            for uid in uids:
                found.messages.pop(uid, None)
            self._account(address).changes += 1

    def renumber(self, address: str, *, folder: str = INBOX) -> int:
        """A new UIDVALIDITY: the same messages under new UIDs, as after a restore from backup. Answers the new value."""
        with self._lock:
            found = self._account(address).folders[_canonical(folder)]
            kept = list(found.messages.values())
            found.uid_validity = self._take_validity()
            found.messages = {uid: replace(message, uid=uid) for uid, message in enumerate(kept, start=1)}
            found.uid_next = len(kept) + 1
            self._account(address).changes += 1
            return found.uid_validity

    def change_password(self, address: str, password: str) -> None:
        """From now on the old one is refused."""
        with self._lock:
            self._account(address).password = password

    def hold_outside(self, mail: Outside) -> None:
        """Keep what would have left the sandbox."""
        with self._lock:
            self._outside.append(mail)

    def outside(self) -> tuple[Outside, ...]:
        """Everything that was addressed to others, oldest first."""
        with self._lock:
            return tuple(self._outside)

    def _account(self, address: str) -> Account:
        return self._accounts[address.lower()]

    def _new_folder(self, name: str) -> Folder:
        return Folder(name=name, uid_validity=self._take_validity())

    def _take_validity(self) -> int:
        self._next_validity += 1
        return self._next_validity


def _canonical(name: str) -> str:
    """INBOX is spelled in any case (RFC 3501, section 5.1)."""
    return INBOX if name.upper() == INBOX else name
