"""Whether a mailbox may be processed: approval of its address, tests of each direction, and being enabled, as the product has them.

A mailbox about which nothing was ever said is enabled by being applied, unless the organization asks for approval or a test (Power
Platform:
"Connect to Exchange", approve e-mail and test configuration of mailboxes; Dataverse table reference: "Mailbox").
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TypeAlias, assert_never

from reconcile.errors import UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.mail_address import same_address


class Approval(StrEnum):
    """`emailrouteraccessapproval` of the table Mailbox. An address that changes is pending again."""

    EMPTY = "empty"
    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"

    @property
    def number(self) -> int:
        """The product's value."""
        return ("empty", "approved", "pending", "rejected").index(self.value)


class Direction(StrEnum):
    """What is tested, enabled and disabled by itself."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class TestStatus(StrEnum):
    """`incomingemailstatus` and `outgoingemailstatus` of the table Mailbox."""

    __test__ = False  # pytest takes the name for a test's

    NOT_RUN = "not-run"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One direction of one mailbox. `enabled` None: nothing was said. `why` is who or what disabled it; of one that is not disabled, what
    the test found. `step` is that of the test that failed ("resolve", "connect", "tls", "sign-in", "inbox", "quota", "send").
    `by_failures`: disabled after ten failures in a row, not by a person. Instants are UTC RFC 3339, "" for never."""

    enabled: bool | None = None
    status: TestStatus = TestStatus.NOT_RUN
    step: str = ""
    why: str = ""
    hint: str = ""
    tested_at: str = ""
    tested_by: str = ""
    changed_at: str = ""
    by_failures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Enablement:
    """What was said about one mailbox. `address` is the one that was approved; another address is not."""

    mailbox_id: str
    approval: Approval = Approval.EMPTY
    address: str = ""
    decided_by: str = ""
    decided_at: str = ""
    incoming: Leg = Leg()
    outgoing: Leg = Leg()

    def leg(self, direction: Direction) -> Leg:
        """One of its two directions."""
        match direction:
            case Direction.INCOMING:
                return self.incoming
            case Direction.OUTGOING:
                return self.outgoing
            case _:
                assert_never(direction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """A person approves the address."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A person refuses the address, or takes an approval back."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEnded:
    """A test of one direction is over. It alone enables nothing."""

    __test__ = False

    direction: Direction
    ok: bool
    step: str = ""
    why: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable:
    """A direction may be processed. `tested`: only after a successful test."""

    direction: Direction
    tested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disable:
    """A direction is not processed until it is enabled again: a person's word, or ten failures in a row."""

    direction: Direction
    why: str
    hint: str = ""
    by_failures: bool = False


EnablementStep: TypeAlias = Approve | Reject | TestEnded | Enable | Disable


def advanced(before: Enablement, step: EnablementStep, *, at: str, by: str) -> Enablement:
    """The state after a step; the same object's equal when it changes nothing but what was there. `at` is UTC RFC 3339.

    Raises UserError when a person asks for what must not be: enabling by a test that failed or never ran, approving one's own address
    is judged elsewhere.
    """
    match step:
        case Approve(address=address):
            if before.approval is Approval.APPROVED and same_address(before.address, address):
                return before
            return replace(before, approval=Approval.APPROVED, address=address, decided_by=by, decided_at=at)
        case Reject(address=address):
            if before.approval is Approval.REJECTED and same_address(before.address, address):
                return before
            return replace(before, approval=Approval.REJECTED, address=address, decided_by=by, decided_at=at)
        case TestEnded(direction=direction):
            leg = before.leg(direction)
            # Why it is disabled is the word of whoever did that; a test stands beside it.
            disabled = leg.enabled is False
            tested = replace(
                leg,
                status=TestStatus.SUCCESS if step.ok else TestStatus.FAILURE,
                step=step.step,
                why=leg.why if disabled else step.why,
                hint=leg.hint if disabled else step.hint,
                tested_at=at,
                tested_by=by,
            )
            return _with(before, direction, tested)
        case Enable(direction=direction):
            leg = before.leg(direction)
            if step.tested and leg.status is not TestStatus.SUCCESS:
                failed = f"failed at {leg.step}" if leg.enabled is False and leg.step else leg.why if leg.enabled is not False else ""
                raise UserError(
                    f"{direction} was not tested with success: {failed or 'no test ran'}", hint=leg.hint or "Run `reconcile test-mailbox`."
                )
            if leg.enabled:
                return before
            return _with(before, direction, replace(leg, enabled=True, changed_at=at, why="", hint="", step="", by_failures=False))
        case Disable(direction=direction):
            leg = before.leg(direction)
            if leg.enabled is False and leg.why == step.why:
                return before
            off = replace(leg, enabled=False, changed_at=at, why=step.why, hint=step.hint, step="", by_failures=step.by_failures)
            return _with(before, direction, off)
        case _:
            assert_never(step)


def _with(before: Enablement, direction: Direction, leg: Leg) -> Enablement:
    return replace(before, incoming=leg) if direction is Direction.INCOMING else replace(before, outgoing=leg)
