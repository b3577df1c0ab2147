"""Who is there: mailboxes, accounts that sign in, tokens, and who may act for whom."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterable
from dataclasses import field
from datetime import UTC, datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.accounts import Outside, PostOffice
from reconcile.sandbox.ews.absence import automatic_answer
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.subscriptions import Subscriptions

EVERYBODY = "*"


@dataclass(slots=True, kw_only=True)
class ServiceAccount:
    """An account without a mailbox. `impersonates` and `full_access` are addresses in lower case, or EVERYBODY."""

    username: str
    password: str = field(repr=False)
    impersonates: set[str] = field(default_factory=set)
    full_access: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who signed in. `address` is their mailbox, "" for an account without one."""

    username: str
    address: str


class Organization:
    """All of one sandbox's Exchange. Its mailboxes are the post office's accounts. Callers hold `lock` while they touch mailboxes."""

    def __init__(self, post_office: PostOffice, now: Callable[[], datetime]) -> None:
        self.post_office = post_office
        self._now = now
        self.lock = threading.RLock()
        self.subscriptions = Subscriptions()
        self.names: dict[str, str] = {}
        self._services: dict[str, ServiceAccount] = {}
        self._tokens: dict[str, str] = {}
        self._mailboxes: dict[str, Mailbox] = {}
        self._by_number: dict[int, Mailbox] = {}

    def now(self) -> datetime:
        """The server's clock: aware, in whole seconds."""
        return self._now().astimezone(UTC).replace(microsecond=0)

    def add_service(
        self, username: str, password: str, *, impersonates: Iterable[str] = (), full_access: Iterable[str] = ()
    ) -> ServiceAccount:
        """An account that acts for mailboxes of others, named by address or EVERYBODY."""
        service = ServiceAccount(
            username=username,
            password=password,
            impersonates={address.lower() for address in impersonates},
            full_access={address.lower() for address in full_access},
        )
        self._services[username.lower()] = service
        return service

    def accept_token(self, token: str, username: str) -> None:
        """From now on that bearer token signs in as that account (a mailbox's address or a service account)."""
        self._tokens[token] = username.lower()

    def revoke_token(self, token: str) -> None:
        """The token is refused from now on."""
        self._tokens.pop(token, None)

    def sign_in(self, username: str, password: str) -> Caller | None:
        """Basic authentication. A domain in front ("CONTOSO\\sales@…") is left out of account."""
        username = username.rpartition("\\")[2]
        service = self._services.get(username.lower())
        if service is not None:
            same = hmac.compare_digest(service.password.encode(), password.encode("utf-8", "surrogateescape"))
            return Caller(username=service.username, address="") if same else None
        address = self.post_office.authenticate(username, password)
        return Caller(username=address, address=address) if address else None

    def sign_in_with(self, token: str) -> Caller | None:
        """OAuth 2.0 bearer."""
        username = self._tokens.get(token)
        if username is None:
            return None
        if (service := self._services.get(username)) is not None:
            return Caller(username=service.username, address="")
        return Caller(username=username, address=username) if self.post_office.knows(username) else None

    def addresses(self) -> tuple[str, ...]:
        """Addresses of all mailboxes."""
        return self.post_office.addresses()

    def mailbox(self, address: str) -> Mailbox | None:
        """The mailbox of an address, with what came by IMAP and SMTP; None for an address that is not ours."""
        if not self.post_office.knows(address):
            return None
        found = self._mailboxes.get(address.lower())
        if found is None:
            number = len(self._mailboxes) + 1
            name = self.names.get(address.lower()) or address.partition("@")[0].replace(".", " ").title()
            found = Mailbox(number, address, name, self.post_office, self.now)
            self._mailboxes[address.lower()] = found
            self._by_number[number] = found
        found.take_in()
        return found

    def mailbox_number(self, number: int) -> Mailbox | None:
        """The mailbox an id speaks of."""
        found = self._by_number.get(number)
        if found is not None:
            found.take_in()
        return found

    def deliver(self, sender: str, to: Iterable[str], octets: bytes) -> None:
        """Hand a mail to the sandbox's mailboxes, and hold what would leave it. `sender` is the envelope's, "" for none."""
        outside = []
        for address in to:
            if self.post_office.knows(address):
                self.post_office.deliver(address, octets, self.now())
                self.mailbox(address)  # so that subscribers hear of it
                self.received(sender, address, octets)
            else:
                outside.append(address)
        if outside:
            self.post_office.hold_outside(Outside(sender=sender, recipients=tuple(outside), raw=octets))

    def received(self, sender: str, address: str, octets: bytes) -> None:
        """A mail was put into the mailbox of an address of ours: whoever is absent answers the sender."""
        with self.lock:
            mailbox = self._mailboxes.get(address.lower())  # one that nobody opened has no absence set
            answer = mailbox and automatic_answer(mailbox, sender, octets, internal=self.post_office.knows(sender))
            if answer:
                self.deliver("", [sender], answer)

    def impersonated(self, caller: Caller, address: str) -> str:
        """The address the caller now acts as. Raises EwsError ErrorImpersonateUserDenied, ErrorNonExistentMailbox."""
        service = self._services.get(caller.username.lower())
        allowed = service.impersonates if service else set()
        known = self.post_office.knows(address)
        if not known and allowed:
            raise EwsError("ErrorNonExistentMailbox", values={"SmtpAddress": address})
        if not known or (EVERYBODY not in allowed and address.lower() not in allowed and caller.address.lower() != address.lower()):
            raise EwsError("ErrorImpersonateUserDenied")
        return address

    def has_full_access(self, username: str, address: str) -> bool:
        """Whether that account opens the other's mailbox without impersonating."""
        service = self._services.get(username.lower())
        return service is not None and bool({EVERYBODY, address.lower()} & service.full_access)
