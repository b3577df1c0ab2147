"""The switchboard: what the sandbox's Exchange can be told to do wrong. Each switch counts down, so that "once" means once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field
from enum import Enum

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.response_codes import EwsError


class FaultKind(Enum):
    """Where and how a request goes wrong."""

    #: HTTP 500 with a SOAP fault of `code`; ErrorServerBusy carries BackOffMilliseconds.
    FAULT = "fault"
    #: HTTP 200 and one response message ErrorInternalServerError with `code` as inner error.
    QUIET = "quiet"
    #: Item number `index` of a batch (all, when None) is answered with `code`, and not carried out.
    ITEM = "item"
    #: HTTP `status` with no SOAP in it; 503 carries Retry-After, 401 a challenge.
    HTTP = "http"
    #: Carried out, then the connection closes without an answer.
    ANSWER_LOST = "answer lost"
    #: Carried out, then the answer breaks off after `octets` of its body.
    CUT = "cut"
    #: Carried out, answered `seconds` later.
    SLOW = "slow"
    #: Not carried out, never answered; the connection stays open `seconds`.
    HANG = "hang"
    #: The sync state that a request carries is refused (ErrorInvalidSyncStateData); one that carries none is answered.
    STALE = "stale"


@dataclass(slots=True, kw_only=True)
class EwsFault:
    """`operation` and `mailbox` (the address acted as) narrow it down; `after` matching ones pass first, then each `every`th goes wrong;
    `times` None: until cleared. Of kind ITEM and QUIET the items of a batch are counted, of the others requests."""

    kind: FaultKind
    operation: str | None = None
    mailbox: str | None = None
    times: int | None = 1
    after: int = 0
    every: int = 1
    code: str = "ErrorServerBusy"
    back_off_milliseconds: int | None = None
    index: int | None = None
    status: int = 503
    retry_after: int | str | None = None
    octets: int = 100
    seconds: float = 60.0
    _passed: int = 0

    def error(self) -> EwsError:
        """What it answers with."""
        values = {} if self.back_off_milliseconds is None else {"BackOffMilliseconds": str(self.back_off_milliseconds)}
        if self.kind is not FaultKind.QUIET:
            return EwsError(self.code, values=values)
        inner = EwsError(self.code)
        return EwsError(
            "ErrorInternalServerError",
            values={
                "InnerErrorMessageText": inner.text,
                "InnerErrorResponseCode": self.code,
                "InnerErrorDescriptiveLinkKey": "0",
                **values,
            },
        )


@dataclass(slots=True)
class EwsFaults:
    """All switches of one server. Thread-safe."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _set: list[EwsFault] = field(default_factory=list)

    def add(self, fault: EwsFault) -> EwsFault:
        """Switch one on."""
        with self._lock:
            self._set.append(fault)
        return fault

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._set.clear()

    def busy(
        self, operation: str | None = None, *, back_off_milliseconds: int | None = 1000, times: int | None = 1, mailbox: str | None = None
    ) -> None:
        """ErrorServerBusy with a back-off, as when a budget is used up."""
        self.add(
            EwsFault(kind=FaultKind.FAULT, operation=operation, mailbox=mailbox, times=times, back_off_milliseconds=back_off_milliseconds)
        )

    def refuse(
        self, code: str, operation: str | None = None, *, times: int | None = 1, mailbox: str | None = None, index: int | None = None
    ) -> None:
        """That response code for each item of a batch, or for one."""
        self.add(EwsFault(kind=FaultKind.ITEM, operation=operation, mailbox=mailbox, times=times, code=code, index=index))

    def lose_answer(self, operation: str | None = None, *, times: int | None = 1) -> None:
        """Carry out, then say nothing."""
        self.add(EwsFault(kind=FaultKind.ANSWER_LOST, operation=operation, times=times))

    def take(self, kinds: frozenset[FaultKind], operation: str, mailbox: str) -> EwsFault | None:
        """The first that fits, counted down."""
        return self._take(lambda fault: fault.kind in kinds, operation, mailbox)

    def spoil_item(self, operation: str, mailbox: str, index: int) -> None:
        """Asked before each item of a batch. Raises EwsError when that item is to fail."""
        found = self._take(
            lambda fault: fault.kind in (FaultKind.ITEM, FaultKind.QUIET) and (fault.index is None or fault.index == index),
            operation,
            mailbox,
        )
        if found is not None:
            raise found.error()

    def _take(self, fits: Callable[[EwsFault], bool], operation: str, mailbox: str) -> EwsFault | None:
        if not self._set:  # the usual case, without waiting for the lock
            return None
        with self._lock:
            for fault in self._set:
                if not fits(fault) or fault.operation not in (None, operation):
                    continue
                if fault.mailbox is not None and fault.mailbox.lower() != mailbox.lower():
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault._passed += 1
                if fault._passed % fault.every:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._set.remove(fault)
                return fault
        return None
