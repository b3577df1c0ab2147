"""The loop: parts that each have their own rhythm, run one after the other, for ever or once.

One part that fails or stalls never keeps another from its turn: when a brake stands or git cannot be read, mail goes on. Bugs are let
out. Level, not edge: each pass looks at what is, so a pass that was missed costs time and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import assert_never

from reconcile.controller.outcome import PassResult, Requeue, Settled, Stalled, outcome_of, pause
from reconcile.errors import Locked, ReconcileError, Superseded, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode, strongest
from reconcile.ports.clock import Clock

#: The longest sleep: where the monotonic clock stops while the machine is suspended, the loop still comes round soon after.
LONGEST_SLEEP = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line for people and machines. `part` is what it is about, `kind` a stable word (settled, found, requeued, stalled, stopped);
    `detail` holds plain values."""

    at: datetime
    part: str
    kind: str
    message: str
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one pass of a part did. `quiet` when there was nothing to tell; `stalled` names what a person must do; `retry` why the pass
    must soon be repeated; `found` what a person should look at though nothing waits for it; `again_after` replaces the part's interval
    this time; `code` is what a command would end with."""

    message: str = ""
    quiet: bool = False
    detail: Mapping[str, object] = field(default_factory=dict)
    stalled: str = ""
    retry: str = ""
    found: str = ""
    again_after: timedelta | None = None
    code: ExitCode = ExitCode.NOTHING_TO_DO


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`run` makes one pass; it raises ReconcileError, and ends within a bound once the loop is asked to stop. `early` says that there is
    work before the interval is over; it is not asked while the part is in trouble."""

    name: str
    interval: timedelta
    run: Callable[[], Report]
    early: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a part stands between two passes. `due` on the monotonic clock: the wall clock may be set."""

    due: float
    failures: int = 0
    result: PassResult | None = None
    code: ExitCode = ExitCode.NOTHING_TO_DO


def next_standing(before: Standing, result: PassResult, *, now: float) -> Standing:
    """When the part is due again, and its failures in a row."""
    match result:
        case Settled(again_after=after) | Stalled(again_after=after):
            return Standing(due=now + after.total_seconds(), failures=0, result=result)
        case Requeue(after=after):
            return Standing(due=now + after.total_seconds(), failures=before.failures + 1, result=result)
        case _:
            assert_never(result)


@dataclass(slots=True, kw_only=True)
class Loop:
    """`stop` says whether the loop was asked to end; the clock's sleep returns early then."""

    parts: Sequence[Part]
    clock: Clock
    stop: Callable[[], bool]
    tell: Callable[[Event], None]
    _standings: dict[str, Standing] = field(default_factory=dict)

    def run(self, *, once: bool) -> ExitCode:
        """Until asked to stop, or each part once. Answers the strongest code of how the parts ended last."""
        while not self.stop():
            for part in self.parts:
                if self.stop():
                    break
                standing = self._standing(part)
                if standing.due <= self.clock.monotonic() or (isinstance(standing.result, Settled) and part.early()):
                    self._pass(part)
            if once:
                break
            self._sleep()
        self.tell(Event(at=self.clock.now(), part="loop", kind="stopped", message="as asked" if self.stop() else "done"))
        return strongest(standing.code for standing in self._standings.values())

    def stalled(self, part: str) -> str:
        """Why a part waits for a person since its last pass; "" when it does not."""
        standing = self._standings.get(part)
        return standing.result.reason if standing is not None and isinstance(standing.result, Stalled) else ""

    def _standing(self, part: Part) -> Standing:
        return self._standings.get(part.name) or Standing(due=self.clock.monotonic())

    def _pass(self, part: Part) -> None:
        before = self._standing(part)
        report, result = Report(), None
        try:
            with _machine_errors():
                report = part.run()
            result = _result(report, before.failures + 1, part.interval)
        except Superseded:
            # Whoever watches over this process starts the other version.
            raise
        except ReconcileError as error:
            result = outcome_of(error, failures=before.failures + 1, interval=part.interval)
            code = ExitCode.LOCKED if isinstance(error, Locked) else ExitCode.FAILURE
            report = Report(message=error.message, quiet=True, detail={"error": type(error).__name__, "hint": error.hint}, code=code)
        self._standings[part.name] = replace(next_standing(before, result, now=self.clock.monotonic()), code=report.code)
        self._tell(part, before, report, result, self.clock.now())

    def _tell(self, part: Part, before: Standing, report: Report, result: PassResult, now: datetime) -> None:
        match result:
            case Settled(again_after=after, found=found):
                kind, message = ("found", found) if found else ("settled", report.message)
                # What was wrong before is over: that is news even when there is nothing else to tell.
                last = before.result if before.result is not None else Settled(again_after=after)
                if report.quiet and isinstance(last, Settled) and last.found == found:
                    return
            case Requeue(after=after, why=why):
                kind, message = "requeued", why
            case Stalled(again_after=after, reason=reason):
                kind, message = "stalled", reason
                if before.result == result and report.quiet:
                    return
            case _:
                assert_never(result)
        detail = {**report.detail, "nextIn": after.total_seconds()}
        if report.message and report.message != message:
            detail["report"] = report.message
        self.tell(Event(at=now, part=part.name, kind=kind, message=message, detail=detail))

    def _sleep(self) -> None:
        now = self.clock.monotonic()
        due = min((self._standing(part).due for part in self.parts), default=now + LONGEST_SLEEP)
        wait = min(max(due - now, 0.0), LONGEST_SLEEP)
        if wait and not self.stop():
            self.clock.sleep(wait)


@contextmanager
def _machine_errors() -> Iterator[None]:
    """What the machine refuses (rights, space, a folder that is away) may pass, and must not end the loop: mail would stop with it."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        words = f"{where}{error.strerror or type(error).__name__}"
        raise Unavailable(words, hint="Check permissions and free space of estate and state directory.") from error


def _result(report: Report, failures: int, interval: timedelta) -> PassResult:
    usual = report.again_after if report.again_after is not None else interval
    if report.stalled:
        return Stalled(reason=report.stalled, again_after=usual)
    if report.retry:
        return Requeue(after=pause(failures), why=report.retry)
    return Settled(again_after=usual, found=report.found)
