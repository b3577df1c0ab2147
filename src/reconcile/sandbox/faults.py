"""What a test can make go wrong. Each switch counts down, so that "once" means once."""

from __future__ import annotations

import threading
from dataclasses import field
from enum import Enum

from reconcile.lazy_dataclass import dataclass


class DropAfterData(Enum):
    """Where a connection breaks between the end of DATA and its reply."""

    STORED = "stored"
    NOT_STORED = "not stored"


@dataclass(slots=True, kw_only=True)
class _Switch:
    """A fault that holds `times` more times (None: until cleared)."""

    value: object
    times: int | None


@dataclass(slots=True)
class Faults:
    """All switches of one sandbox. Thread-safe; read by the servers, set by tests through `World`."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _switches: dict[str, _Switch] = field(default_factory=dict)
    _omitted: set[tuple[str, int]] = field(default_factory=set)
    _refused_logins: set[str] = field(default_factory=set)
    _refused_recipients: dict[str, str] = field(default_factory=dict)

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._switches.clear()
            self._omitted.clear()
            self._refused_logins.clear()
            self._refused_recipients.clear()

    def drop_imap_after(self, octets: int, *, times: int | None) -> None:
        """The next IMAP connections break after they sent that many octets."""
        self._set("drop", octets, times)

    def bye(self, command: str, *, times: int | None) -> None:
        """The server answers that IMAP command with an untagged BYE and closes."""
        self._set(f"bye {command.upper()}", True, times)

    def delay(self, seconds: float, *, times: int | None) -> None:
        """Each IMAP command and each SMTP DATA waits that long before its answer."""
        self._set("delay", seconds, times)

    def drop_after_data(self, where: DropAfterData, *, times: int | None) -> None:
        """The SMTP connection breaks after the final dot and before its reply."""
        self._set("data", where, times)

    def refuse_login(self, address: str) -> None:
        """That account's password is wrong, whatever it is."""
        with self._lock:
            self._refused_logins.add(address.lower())

    def refuse_recipient(self, address: str, reply: str) -> None:
        """RCPT TO that address is answered with the reply ("450 4.2.1 busy", "550 5.1.1 unknown")."""
        with self._lock:
            self._refused_recipients[address.lower()] = reply

    def omit(self, address: str, uid: int) -> None:
        """FETCH leaves that message out, as some servers do with mail they cannot read."""
        with self._lock:
            self._omitted.add((address.lower(), uid))

    def take_drop(self) -> int | None:
        """Asked once a connection."""
        value = self._take("drop")
        return value if isinstance(value, int) else None

    def take_bye(self, command: str) -> bool:
        """Asked once a command."""
        return self._take(f"bye {command}") is not None

    def take_delay(self) -> float:
        """Seconds; 0 for none."""
        value = self._take("delay")
        return value if isinstance(value, (int, float)) else 0.0

    def take_drop_after_data(self) -> DropAfterData | None:
        """Asked once a DATA."""
        value = self._take("data")
        return value if isinstance(value, DropAfterData) else None

    def login_refused(self, address: str) -> bool:
        """Whether the password counts as wrong."""
        with self._lock:
            return address.lower() in self._refused_logins

    def recipient_reply(self, address: str) -> str | None:
        """The refusal, or None."""
        with self._lock:
            return self._refused_recipients.get(address.lower())

    def omitted(self, address: str, uid: int) -> bool:
        """Whether FETCH leaves it out."""
        with self._lock:
            return (address.lower(), uid) in self._omitted

    def _set(self, name: str, value: object, times: int | None) -> None:
        with self._lock:
            self._switches[name] = _Switch(value=value, times=times)

    def _take(self, name: str) -> object | None:
        with self._lock:
            switch = self._switches.get(name)
            if switch is None:
                return None
            if switch.times is not None:
                switch.times -= 1
                if switch.times <= 0:
                    del self._switches[name]
            return switch.value
