"""The sandbox: an IMAP, an SMTP and an Exchange server on loopback that share one post office, and the files a client needs.

Mail lives in memory and ends with the process. In `directory` it writes world.json (ports, users, where the rest is); in
`secrets_directory` the CA and one password file a mailbox, so that an estate refers to them as `file:sandbox-ca.pem` and
`file:mailboxes/sales.password`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from types import TracebackType

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.accounts import INBOX, Message, Outside, PostOffice
from reconcile.sandbox.certificates import issue
from reconcile.sandbox.corpus.assemble import messages as corpus
from reconcile.sandbox.ews.exchange import ExchangeServer
from reconcile.sandbox.ews.organization import EVERYBODY
from reconcile.sandbox.faults import DropAfterData, Faults
from reconcile.sandbox.imap.server import ImapServer
from reconcile.sandbox.imap.session import Services
from reconcile.sandbox.smtp import SmtpServer

HOST = "127.0.0.1"
AUTHORITY_FILE = "sandbox-ca.pem"
WORLD_FILE = "world.json"
FOLDERS = (INBOX, "Sent")
#: The account that may impersonate every mailbox of the sandbox's Exchange; its password lies beside those of the mailboxes.
SERVICE = "sandbox-service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """0 takes a free one. `imaps` and `ews` speak TLS from the first octet, `imap` and `submission` after STARTTLS."""

    imaps: int = 0
    imap: int = 0
    submission: int = 0
    ews: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the sandbox writes. Nothing is written elsewhere."""

    directory: Path
    secrets_directory: Path


@dataclass(slots=True)
class World:
    """`mailboxes` maps slugs to addresses; `now` is the servers' clock (aware).

    Each start has its own UIDVALIDITY, as mail lives in memory. `seeded_at` is the moment the corpus was made for; a later
    start in the same directory takes it over, so that a store sees the same messages again and not others with their ids.

    Use as a context manager, or `start` and `stop`. The methods below `stop` are for tests and for people at a prompt.
    """

    place: Place
    mailboxes: Mapping[str, str]
    now: Callable[[], datetime]
    wanted: Ports = field(default_factory=Ports)
    ports: Ports = field(default_factory=Ports)
    faults: Faults = field(default_factory=Faults)
    post_office: PostOffice = field(init=False)
    exchange: ExchangeServer = field(init=False)
    seeded_at: datetime = field(init=False)
    _servers: list[ImapServer | SmtpServer | ExchangeServer] = field(default_factory=list)

    def __post_init__(self) -> None:
        started = self.now()
        self.post_office = PostOffice(uid_validity=int(started.timestamp()))
        self.exchange = ExchangeServer(self.post_office, self.now)
        self.seeded_at = _seeded_before(self.place.directory / WORLD_FILE) or started

    def start(self) -> None:
        """Open the accounts, listen, write the files. Raises SettingsError when a port is taken or the folder cannot be written."""
        try:
            self._start()
        except OSError as error:
            self.stop()
            what = error.strerror or str(error)
            raise SettingsError(
                f"the sandbox cannot start: {what}{f' ({error.filename})' if error.filename else ''}",
                hint="Name other ports (0 takes a free one) or another directory.",
            ) from error

    def _start(self) -> None:
        certificates = issue()
        self.place.directory.mkdir(parents=True, exist_ok=True)
        for folder in (self.place.secrets_directory, self.place.secrets_directory / "mailboxes"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for slug, address in self.mailboxes.items():
            self.post_office.open_account(address, self._password(slug), FOLDERS)
        self.authority_file.write_bytes(certificates.authority)
        services = Services(post_office=self.post_office, faults=self.faults, now=self.now)
        imaps = ImapServer(services, certificates.context, implicit_tls=True)
        imap = ImapServer(services, certificates.context, implicit_tls=False)
        submission = SmtpServer(self.post_office, self.faults, self.now, certificates.context, self.exchange.organization.received)
        chosen = []
        for server, port in ((imaps, self.wanted.imaps), (imap, self.wanted.imap), (submission, self.wanted.submission)):
            chosen.append(server.start(HOST, port))
            self._servers.append(server)
        self.exchange.organization.add_service(SERVICE, self._password(SERVICE), impersonates=[EVERYBODY])
        ews = self.exchange.start(HOST, self.wanted.ews, certificates.context)
        self._servers.append(self.exchange)
        self.ports = Ports(imaps=chosen[0], imap=chosen[1], submission=chosen[2], ews=ews)
        text = json.dumps(self.description(), indent=2) + "\n"
        (self.place.directory / WORLD_FILE).write_text(text, encoding="utf-8")

    def stop(self) -> None:
        """Close all connections and ports; mail is gone, files stay."""
        while self._servers:
            self._servers.pop().stop()

    def __enter__(self) -> World:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def authority_file(self) -> Path:
        """The CA in PEM."""
        return self.place.secrets_directory / AUTHORITY_FILE

    def password_file(self, slug: str) -> Path:
        """The password of one mailbox, without a line break."""
        return self.place.secrets_directory / "mailboxes" / f"{slug}.password"

    def description(self) -> dict[str, object]:
        """What world.json holds: ports, users, paths; no passwords."""
        return {
            "seededAt": self.seeded_at.isoformat(),
            "host": HOST,
            "ports": {"imaps": self.ports.imaps, "imap": self.ports.imap, "submission": self.ports.submission, "ews": self.ports.ews},
            "exchange": {
                "url": self.exchange.url,
                "serviceAccount": SERVICE,
                "passwordFile": str(self.password_file(SERVICE)),
            },
            "caCertificate": str(self.authority_file),
            "secretsDirectory": str(self.place.secrets_directory),
            "mailboxes": [
                {"name": slug, "address": address, "username": address, "passwordFile": str(self.password_file(slug))}
                for slug, address in self.mailboxes.items()
            ],
        }

    def fill(self, others: Iterable[str] = ()) -> int:
        """Deliver the corpus, also a few messages to each of the `others` (addresses); answers how many messages lie in inboxes."""
        known = {address.lower() for address in self.mailboxes.values()}
        seeds = [seed for seed in corpus(self.seeded_at, others=others) if seed.mailbox.lower() in known]
        for seed in seeds:
            self.post_office.deliver(seed.mailbox, seed.raw, seed.internal_date, folder=seed.folder, flags=seed.flags)
        return sum(seed.folder == INBOX for seed in seeds)

    def deliver(self, address: str, raw: bytes, *, internal_date: datetime | None = None) -> int:
        """A message arrives; answers its UID."""
        return self.post_office.deliver(address, raw, internal_date or self.now())

    def messages(self, address: str, *, folder: str = INBOX) -> tuple[Message, ...]:
        """What the server holds, by UID: the truth a test compares a store with."""
        found = self.post_office.folder(address, folder)
        return tuple(found.messages[uid] for uid in sorted(found.messages)) if found else ()

    def outside(self) -> tuple[Outside, ...]:
        """What was addressed to others and stayed here."""
        return self.post_office.outside()

    def drop_imap_after(self, octets: int, *, times: int | None = 1) -> None:
        """The next IMAP connections break after sending that many octets (greeting and TLS handshake not counted in)."""
        self.faults.drop_imap_after(octets, times=times)

    def bye(self, command: str, *, times: int | None = 1) -> None:
        """Answer that IMAP command with BYE and close."""
        self.faults.bye(command, times=times)

    def delay(self, seconds: float, *, times: int | None = None) -> None:
        """Wait before each answer."""
        self.faults.delay(seconds, times=times)

    def refuse_login(self, address: str) -> None:
        """The account's password counts as wrong, at IMAP and SMTP."""
        self.faults.refuse_login(address)

    def change_uid_validity(self, address: str) -> int:
        """Same messages, new UIDs, new UIDVALIDITY (answered); open sessions are closed with BYE."""
        return self.post_office.renumber(address)

    def omit_from_fetch(self, address: str, uid: int) -> None:
        """FETCH leaves that message out although SEARCH and EXISTS count it."""
        self.faults.omit(address, uid)

    def refuse_recipient(self, address: str, reply: str) -> None:
        """RCPT TO is answered with that reply, for example "450 4.2.1 try later" or "550 5.1.1 no such user"."""
        self.faults.refuse_recipient(address, reply)

    def drop_after_data(self, where: DropAfterData, *, times: int | None = 1) -> None:
        """Break the SMTP connection between the end of DATA and its reply, the mail being stored or not."""
        self.faults.drop_after_data(where, times=times)

    def clear_faults(self) -> None:
        """Everything works again."""
        self.faults.clear()
        self.exchange.faults.clear()

    def _password(self, slug: str) -> str:
        """The one of an earlier start where there is one, so that what was applied then still signs in."""
        path = self.password_file(slug)
        if path.is_file() and (kept := path.read_text(encoding="utf-8").strip()):
            return kept
        password = secrets.token_urlsafe(18)
        path.touch(mode=0o600)  # readable by its owner only, from the first moment
        path.write_text(password, encoding="utf-8")
        return password


def _seeded_before(description: Path) -> datetime | None:
    """What an earlier start wrote down; a file that is none of ours counts as none."""
    try:
        moment = datetime.fromisoformat(json.loads(description.read_text(encoding="utf-8"))["seededAt"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return moment if moment.tzinfo else None
