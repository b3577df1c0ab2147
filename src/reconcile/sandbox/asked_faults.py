"""Faults as people ask for them on a command line: `busy`, `busy:every=10,back-off=2`, `cut:operation=GetItem,times=1`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reconcile.desired.suggest import did_you_mean
from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.faults import EwsFault, FaultKind
from reconcile.sandbox.fault_options import FIELDS, LIKE, OPERATIONS, READ, WHOLE, FaultWords, with_hint
from reconcile.sandbox.faults import DropAfterData

if TYPE_CHECKING:
    from reconcile.sandbox.world import World

#: What narrows down each fault of Exchange.
_WHICH: Final = ("operation", "mailbox", "every", "after", "times")
#: These wait for a whole answer.
_BEHIND: Final = frozenset((FaultKind.ANSWER_LOST, FaultKind.CUT, FaultKind.SLOW))


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFault:
    """`written` as it was asked for; `says` in words what it does; `switch_on` does it."""

    written: str
    says: str
    switch_on: Callable[[World], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """`takes` are its options beside those of all; `needs` of them must be there."""

    says: str
    fault: EwsFault
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mail:
    """Of the IMAP and SMTP servers; `on` gets the options as they were read."""

    says: str
    on: Callable[[World, Mapping[str, Any]], object]
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


def _exchange(says: str, kind: FaultKind, *, takes: tuple[str, ...] = (), needs: tuple[str, ...] = (), **values: Any) -> _Exchange:
    return _Exchange(says=says, fault=EwsFault(kind=kind, times=None, **values), takes=(*needs, *takes), needs=needs)


KINDS: Final[Mapping[str, _Exchange | _Mail]] = MappingProxyType(
    {
        "busy": _exchange("EWS: ErrorServerBusy with a back-off", FaultKind.FAULT, takes=("back-off",), back_off_milliseconds=1000),
        "impersonation-denied": _exchange(
            "EWS: ErrorImpersonateUserDenied, as where the right is taken away", FaultKind.FAULT, code="ErrorImpersonateUserDenied"
        ),
        "quota": _exchange(
            "EWS: ErrorQuotaExceeded for new items", FaultKind.ITEM, code="ErrorQuotaExceeded", operation="CreateItem", takes=()
        ),
        "store-unavailable": _exchange(
            "EWS: ErrorMailboxStoreUnavailable for what is asked for", FaultKind.ITEM, code="ErrorMailboxStoreUnavailable"
        ),
        "refused": _exchange("EWS: any response code for what is asked for", FaultKind.ITEM, needs=("code",)),
        "stale-state": _exchange("EWS: ErrorInvalidSyncStateData for a sync state", FaultKind.STALE),
        "401": _exchange("EWS: HTTP 401 for valid credentials", FaultKind.HTTP, status=401),
        "503": _exchange("EWS: HTTP 503 with Retry-After", FaultKind.HTTP, status=503, retry_after=5, takes=("retry-after",)),
        "answer-lost": _exchange("EWS: carried out, and no answer", FaultKind.ANSWER_LOST),
        "cut": _exchange("EWS: carried out, and the answer breaks off in its body", FaultKind.CUT, takes=("octets",)),
        "slow": _exchange("EWS: carried out, answered late", FaultKind.SLOW, seconds=10.0, takes=("seconds",)),
        "hang": _exchange("EWS: not carried out, never answered", FaultKind.HANG, takes=("seconds",)),
        "login-refused": _Mail(
            says="IMAP and SMTP: the password of a mailbox counts as wrong",
            on=lambda world, given: world.refuse_login(given["mailbox"]),
            takes=("mailbox",),
            needs=("mailbox",),
        ),
        "imap-bye": _Mail(
            says="IMAP: BYE instead of the answer to a command",
            on=lambda world, given: world.bye(given["command"], times=given.get("times")),
            takes=("command", "times"),
            needs=("command",),
        ),
        "imap-cut": _Mail(
            says="IMAP: connections break after so many octets",
            on=lambda world, given: world.drop_imap_after(given["octets"], times=given.get("times")),
            takes=("octets", "times"),
            needs=("octets",),
        ),
        "mail-slow": _Mail(
            says="IMAP and SMTP: answers come late",
            on=lambda world, given: world.delay(given["seconds"], times=given.get("times")),
            takes=("seconds", "times"),
            needs=("seconds",),
        ),
        "smtp-answer-lost": _Mail(
            says="SMTP: the mail is taken, and the connection breaks before the reply",
            on=lambda world, given: world.drop_after_data(DropAfterData.STORED, times=given.get("times")),
            takes=("times",),
        ),
        "smtp-refused": _Mail(
            says="SMTP: a recipient is refused",
            on=lambda world, given: world.refuse_recipient(given["recipient"], given.get("reply", "550 5.1.1 no such user")),
            takes=("recipient", "reply"),
            needs=("recipient",),
        ),
    }
)


def asked_fault(text: str, mailboxes: Mapping[str, str]) -> AskedFault:
    """`mailboxes` are those of the sandbox: slug → address. Raises FaultWords."""
    name, _, rest = text.partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise FaultWords(with_hint(f"unknown fault {name!r}" if name else "a fault needs a kind", did_you_mean(name, KINDS), KINDS))
    takes = (*kind.takes, *_WHICH) if isinstance(kind, _Exchange) else kind.takes
    given: dict[str, Any] = {}
    for part in rest.split(",") if rest else ():
        option, equals, value = part.partition("=")
        if not equals or option not in takes:
            what = f"{name} has no option {option!r}" if equals else f"{part!r} is no NAME=VALUE"
            raise FaultWords(with_hint(what, did_you_mean(option, takes) if equals else "", takes))
        if option in given:
            raise FaultWords(f"{option} stands twice in {text!r}")
        given[option] = READ[option](option, value, mailboxes)
    if lacking := [option for option in kind.needs if option not in given]:
        raise FaultWords(f"{name} needs {lacking[0]}=…, as in {name}:{lacking[0]}={LIKE[lacking[0]]}")
    if isinstance(kind, _Mail):
        return AskedFault(written=text, says=kind.says, switch_on=lambda world: kind.on(world, given))
    operation = given.get("operation", kind.fault.operation)
    if kind.fault.kind is FaultKind.STALE and operation not in (None, "SyncFolderItems", "SyncFolderHierarchy"):
        raise FaultWords(f"only SyncFolderItems and SyncFolderHierarchy have a sync state, not {operation}")
    if kind.fault.kind is FaultKind.ITEM and operation in WHOLE:
        raise FaultWords(f"{operation} is answered as a whole, so {name} cannot be in its answer; busy can")
    if operation == "GetStreamingEvents" and kind.fault.kind in _BEHIND:
        raise FaultWords(f"the answer of {operation} has no end to wait for, so {name} cannot be behind it; refused and busy can")
    values = {FIELDS.get(option, option): value for option, value in given.items()}
    if operation is not None:
        values["operation"] = OPERATIONS[operation]
    # Counters are in it, so each sandbox gets one of its own.
    return AskedFault(written=text, says=kind.says, switch_on=lambda world: world.exchange.faults.add(replace(kind.fault, **values)))


def kinds_text() -> str:
    """One line a kind, with its options, for help."""
    widest = max(map(len, KINDS))
    lines = [f"{name.ljust(widest)}  {kind.says}{_options(kind)}" for name, kind in KINDS.items()]
    return "\n".join([*lines, "", f"Those of EWS take {', '.join(f'{option}=' for option in _WHICH)}, too."])


def _options(kind: _Exchange | _Mail) -> str:
    return f" ({', '.join(f'{option}={LIKE[option]}' for option in kind.takes)})" if kind.takes else ""
