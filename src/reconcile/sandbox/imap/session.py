"""One IMAP session: which command is allowed in which state (RFC 3501, section 3), and what it answers."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.accounts import PostOffice
from reconcile.sandbox.faults import Faults
from reconcile.sandbox.imap import grammar
from reconcile.sandbox.imap.grammar import Atom, BadCommand, Command, text_of
from reconcile.sandbox.imap.selected import Selected, answer_fetch, answer_search, answer_store

_STATUS_ITEMS = frozenset({"MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "RECENT"})
_FLAG = re.compile(r"\\?[A-Za-z0-9$_.\-]{1,60}")
_PERMANENT = "\\Answered \\Deleted \\Draft \\Flagged \\Seen"


class Next(Enum):
    """What the server does after a command."""

    GO_ON = auto()
    START_TLS = auto()
    CLOSE = auto()


class Line(Protocol):
    """The session's view of its connection."""

    def send(self, octets: bytes) -> None: ...

    def read_line(self) -> bytes:
        """One line without CRLF, bounded. Raises EOFError."""
        ...


class Refused(Exception):
    """The answer is NO. The text may begin with a response code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all sessions share."""

    post_office: PostOffice
    faults: Faults
    now: Callable[[], datetime]


class Session:
    """Lives as long as its connection; STARTTLS keeps it (nothing is carried over: it is possible only before login)."""

    def __init__(self, services: Services, line: Line, *, encrypted: bool) -> None:
        self._services = services
        self._line = line
        self.encrypted = encrypted
        self.address: str | None = None
        self._selected: Selected | None = None

    def greet(self) -> None:
        """The server speaks first."""
        self._line.send(f"* OK [CAPABILITY {self._capabilities()}] sandbox ready\r\n".encode())

    def handle(self, buffer: bytes) -> Next:
        """Answer one whole command. Raises EOFError when the client leaves in the middle of one."""
        try:
            command = grammar.parse(buffer)
        except BadCommand as error:
            self._line.send(f"{error.tag} BAD {error.message}\r\n".encode())
            return Next.GO_ON
        if self._services.faults.take_bye(command.name):
            self._line.send(b"* BYE the sandbox was told to close\r\n")
            return Next.CLOSE
        try:
            action, reply = self._run(command)
        except BadCommand as error:
            action, reply = Next.GO_ON, f"BAD {error.message}"
        except Refused as error:
            action, reply = Next.GO_ON, f"NO {error}"
        if self._selected is not None and action is Next.GO_ON:
            news = self._selected.news(expunges=command.uid or command.name not in ("FETCH", "STORE", "SEARCH"))
            if news is None:
                self._line.send(b"* BYE the folder was rebuilt\r\n")
                return Next.CLOSE
            self._line.send(news)
        self._line.send(f"{command.tag} {reply}\r\n".encode("utf-8", "replace"))
        return action

    def _run(self, command: Command) -> tuple[Next, str]:
        done = f"OK {command.name} done"
        match command.name:
            case "CAPABILITY":
                self._line.send(f"* CAPABILITY {self._capabilities()}\r\n".encode())
            case "NOOP" | "CHECK":
                pass
            case "ID":
                self._line.send(b'* ID ("name" "reconcile sandbox")\r\n')
            case "LOGOUT":
                self._line.send(b"* BYE until next time\r\n")
                return Next.CLOSE, done
            case "STARTTLS":
                if self.encrypted or self.address:
                    raise BadCommand("the connection is encrypted or logged in already")
                return Next.START_TLS, "OK begin now"
            case "LOGIN" | "AUTHENTICATE":
                self._authenticate(command)
                return Next.GO_ON, f"OK [CAPABILITY {self._capabilities()}] welcome"
            case _ if self.address is None:
                raise BadCommand("log in first")
            case "SELECT" | "EXAMINE":
                return Next.GO_ON, self._select(command)
            case "LIST" | "LSUB":
                self._list(command)
            case "STATUS":
                self._status(command)
            case "CREATE":
                if not self._services.post_office.create_folder(self.address, text_of(_argument(command, 0))):
                    raise Refused("[ALREADYEXISTS] the folder exists")
            case "SUBSCRIBE" | "UNSUBSCRIBE":
                _argument(command, 0)  # every folder counts as subscribed
            case "APPEND":
                return Next.GO_ON, self._append(command)
            case _ if self._selected is None:
                raise BadCommand("select a folder first, or the command is not known here")
            case _:
                self._in_folder(command, self._selected)
        return Next.GO_ON, done

    def _in_folder(self, command: Command, selected: Selected) -> None:
        match command.name:
            case "FETCH":
                answer_fetch(command, selected, self._services.faults, self._line.send)
            case "SEARCH":
                try:
                    self._line.send(answer_search(command, selected))
                except LookupError as error:
                    raise Refused(str(error.args[0])) from None
            case "STORE" if selected.read_only:
                raise Refused("[READ-ONLY] the folder was opened with EXAMINE")
            case "STORE":
                answer_store(command, selected, _flags, self._line.send)
            case "EXPUNGE" if selected.read_only:
                raise Refused("[READ-ONLY] the folder was opened with EXAMINE")
            case "EXPUNGE":
                selected.expunge()
            case "CLOSE" | "UNSELECT":
                if command.name == "CLOSE" and not selected.read_only:
                    selected.expunge()
                self._selected = None
            case _:
                raise BadCommand("the command is not known here")

    def _capabilities(self) -> str:
        names = ["IMAP4rev1", "ID", "LITERAL+", "SASL-IR"]
        if self.address is None:
            names += ["AUTH=PLAIN"] if self.encrypted else ["STARTTLS", "LOGINDISABLED"]
        else:
            names += ["ESEARCH", "UIDPLUS", "UNSELECT"]
        return " ".join(names)

    def _authenticate(self, command: Command) -> None:
        if self.address is not None:
            raise BadCommand("logged in already")
        if not self.encrypted:
            raise Refused("[PRIVACYREQUIRED] STARTTLS first: passwords do not travel in clear")
        if command.name == "LOGIN":
            username, password = text_of(_argument(command, 0)), text_of(_argument(command, 1))
        else:
            username, password = self._plain(command)
        address = None if self._services.faults.login_refused(username) else self._services.post_office.authenticate(username, password)
        if address is None:
            raise Refused("[AUTHENTICATIONFAILED] user name or password is wrong")
        self.address = address

    def _plain(self, command: Command) -> tuple[str, str]:
        """SASL PLAIN (RFC 4616), with the initial response (RFC 4959) or after a continuation."""
        if text_of(_argument(command, 0)).upper() != "PLAIN":
            raise Refused("[CANNOT] only PLAIN is offered")
        if len(command.arguments) > 1:
            encoded = text_of(command.arguments[1])
        else:
            self._line.send(b"+ \r\n")
            encoded = self._line.read_line().decode("ascii", "replace")
        if encoded == "*":
            raise BadCommand("cancelled by the client")
        try:
            parts = base64.b64decode(encoded, validate=True).decode("utf-8").split("\0")
        except (binascii.Error, ValueError):
            raise BadCommand("not base64 of UTF-8 text") from None
        if len(parts) != 3:
            raise BadCommand("PLAIN takes three parts")
        return parts[1], parts[2]

    def _account(self) -> str:
        if self.address is None:
            raise BadCommand("log in first")
        return self.address

    def _select(self, command: Command) -> str:
        self._selected = None
        name = text_of(_argument(command, 0))
        read_only = command.name == "EXAMINE"
        folder = self._services.post_office.folder(self._account(), name)
        if folder is None:
            raise Refused("[NONEXISTENT] no such folder")
        self._selected = Selected(self._services.post_office, self._account(), folder, read_only=read_only)
        unseen = next((at for at, each in enumerate(folder.messages.values(), 1) if "\\Seen" not in each.flags), None)
        permanent = "" if read_only else f"{_PERMANENT} \\*"
        self._line.send(
            f"* FLAGS ({_PERMANENT})\r\n* OK [PERMANENTFLAGS ({permanent})] flags\r\n".encode()
            + f"* {len(folder.messages)} EXISTS\r\n* 0 RECENT\r\n".encode()
            + (f"* OK [UNSEEN {unseen}] first unseen\r\n".encode() if unseen else b"")
            + f"* OK [UIDVALIDITY {folder.uid_validity}] ids are valid\r\n* OK [UIDNEXT {folder.uid_next}] next id\r\n".encode()
        )
        return "OK [READ-ONLY] examined" if read_only else "OK [READ-WRITE] selected"

    def _list(self, command: Command) -> None:
        reference, pattern = text_of(_argument(command, 0)), text_of(_argument(command, 1))
        if not pattern:
            self._line.send(f'* {command.name} (\\Noselect) "/" ""\r\n'.encode())
            return
        expression = "".join(
            {"*": ".*", "%": "[^/]*"}.get(sign, re.escape(sign)) for sign in re.sub(r"\*+", "*", (reference + pattern)[:500])
        )
        for name in self._services.post_office.folder_names(self._account()):
            if re.fullmatch(expression, name, re.IGNORECASE if name == "INBOX" else 0):
                self._line.send(f'* {command.name} (\\HasNoChildren) "/" '.encode() + grammar.string(name.encode()) + b"\r\n")

    def _status(self, command: Command) -> None:
        name, asked = text_of(_argument(command, 0)), _argument(command, 1)
        folder = self._services.post_office.folder(self._account(), name)
        if folder is None:
            raise Refused("[NONEXISTENT] no such folder")
        wanted = [text_of(item).upper() for item in asked] if isinstance(asked, tuple) else []
        if not wanted or not _STATUS_ITEMS.issuperset(wanted):
            raise BadCommand("STATUS takes a list of MESSAGES, UIDNEXT, UIDVALIDITY, UNSEEN, RECENT")
        values = {
            "MESSAGES": len(folder.messages),
            "UIDNEXT": folder.uid_next,
            "UIDVALIDITY": folder.uid_validity,
            "UNSEEN": sum("\\Seen" not in message.flags for message in folder.messages.values()),
            "RECENT": 0,
        }
        pairs = " ".join(f"{item} {values[item]}" for item in wanted)
        self._line.send(b"* STATUS " + grammar.string(folder.name.encode()) + f" ({pairs})\r\n".encode())

    def _append(self, command: Command) -> str:
        name = text_of(_argument(command, 0))
        *optional, message = command.arguments[1:] or (Atom(""),)
        if not isinstance(message, grammar.Text):
            raise BadCommand("APPEND ends with the message as a literal")
        flags: tuple[str, ...] = ()
        when = self._services.now()
        for value in optional:
            if isinstance(value, tuple):
                flags = _flags(value)
            else:
                when = _instant(text_of(value))
        folder = self._services.post_office.folder(self._account(), name)
        if folder is None:
            raise Refused("[TRYCREATE] no such folder")
        uid = self._services.post_office.deliver(self._account(), message.octets, when, folder=name, flags=flags)
        return f"OK [APPENDUID {folder.uid_validity} {uid}] appended"


def _argument(command: Command, index: int) -> grammar.Value:
    if index >= len(command.arguments):
        raise BadCommand(f"{command.name} needs {index + 1} or more arguments")
    return command.arguments[index]


def _flags(value: grammar.Value) -> tuple[str, ...]:
    names = [text_of(each) for each in (value if isinstance(value, tuple) else (value,))]
    if not all(_FLAG.fullmatch(name) for name in names) or len(names) > 50:
        raise BadCommand("not a list of flags")
    return tuple(name for name in names if name.lower() != "\\recent")


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), "%d-%b-%Y %H:%M:%S %z")
    except ValueError:
        raise BadCommand('a date and time is written "01-Feb-2026 12:00:00 +0100"') from None
