"""Options of faults that are asked for on a command line, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from reconcile.desired.suggest import did_you_mean
from reconcile.sandbox.ews.dispatch import OPERATIONS as _KNOWN

_LONGEST: Final = 3600.0
#: Name of the request's element without "Request" at its end, as the pages call the operation → the name of the element.
OPERATIONS: Final = {name.removeprefix("m:").removesuffix("Request"): name.removeprefix("m:") for name in (*_KNOWN, "m:GetStreamingEvents")}
#: These answer as a whole, so nothing in their answer can fail by itself.
WHOLE: Final = frozenset(
    (
        "AddDelegate",
        "GetDelegate",
        "GetServerTimeZones",
        "GetUserAvailability",
        "GetUserPhoto",
        "RemoveDelegate",
        "UpdateDelegate",
    )
)


class FaultWords(ValueError):
    """Why a text names no fault; the message is for people."""


def with_hint(message: str, near: str, known: Iterable[str]) -> str:
    """The nearest word, else all there are."""
    if near.startswith("did you mean"):
        return f"{message}; {near}"
    return f"{message}; known: {', '.join(known)}"


def _whole(low: int) -> Callable[[str, str, Mapping[str, str]], int]:
    def read(option: str, value: str, _: Mapping[str, str]) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) < low:
            raise FaultWords(f"{option} is {value!r}, expected a whole number from {low}")
        return int(value)

    return read


def _seconds(option: str, value: str, _: Mapping[str, str]) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", value) or not 0 < float(value) <= _LONGEST:
        raise FaultWords(f"{option} is {value!r}, expected seconds, more than 0 and at most {_LONGEST:g}")
    return float(value)


def _back_off(option: str, value: str, mailboxes: Mapping[str, str]) -> int:
    return round(_seconds(option, value, mailboxes) * 1000)


def _operation(option: str, value: str, _: Mapping[str, str]) -> str:
    if value not in OPERATIONS:
        raise FaultWords(with_hint(f"this server has no operation {value!r}", did_you_mean(value, OPERATIONS), sorted(OPERATIONS)))
    return value


def _mailbox(option: str, value: str, mailboxes: Mapping[str, str]) -> str:
    by_word = {**mailboxes, **{address: address for address in mailboxes.values()}}
    if value not in by_word:
        raise FaultWords(with_hint(f"the sandbox has no mailbox {value!r}", did_you_mean(value, by_word), [*mailboxes][:12]))
    return by_word[value]


def _code(option: str, value: str, _: Mapping[str, str]) -> str:
    if not re.fullmatch(r"Error[A-Za-z]{1,80}", value):
        raise FaultWords(f"{option} is {value!r}, expected a response code of EWS, as ErrorItemNotFound")
    return value


def _word(option: str, value: str, _: Mapping[str, str]) -> str:
    if not re.fullmatch(r"[A-Za-z]{1,20}", value):
        raise FaultWords(f"{option} is {value!r}, expected one word, as FETCH")
    return value


def _address(option: str, value: str, _: Mapping[str, str]) -> str:
    if not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,190}", value):
        raise FaultWords(f"{option} is {value!r}, expected an address")
    return value


def _reply(option: str, value: str, _: Mapping[str, str]) -> str:
    if not re.fullmatch(r"[45][0-9]{2} [ -~]{1,200}", value):
        raise FaultWords(f"{option} is {value!r}, expected a reply of SMTP from 400 to 599, as 450 4.2.1 try later")
    return value


#: Option → how its value is read (option, value, mailboxes: slug → address). Raises FaultWords.
READ: Final[Mapping[str, Callable[[str, str, Mapping[str, str]], Any]]] = {
    "operation": _operation,
    "mailbox": _mailbox,
    "every": _whole(1),
    "after": _whole(0),
    "times": _whole(1),
    "back-off": _back_off,
    "retry-after": _whole(0),
    "octets": _whole(0),
    "seconds": _seconds,
    "code": _code,
    "command": _word,
    "recipient": _address,
    "reply": _reply,
}
#: A value of each, for help.
LIKE: Final[Mapping[str, str]] = {
    "mailbox": "sales",
    "back-off": "1",
    "retry-after": "5",
    "octets": "100",
    "seconds": "10",
    "code": "ErrorItemCorrupt",
    "command": "FETCH",
    "recipient": "buyer@fabrikam.example",
    "reply": "550 5.1.1 no such user",
    "times": "1",
}
#: Option → field of the fault, where they differ.
FIELDS: Final[Mapping[str, str]] = {"back-off": "back_off_milliseconds", "retry-after": "retry_after"}
