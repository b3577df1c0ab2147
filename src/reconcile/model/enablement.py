"""Whether a mailbox may be processed: approval of its address, tests of each direction, and being enabled, as the product has them.

A mailbox about which nothing was ever said is enabled by being applied, unless the organization asks for approval or a test (Power
Platform:
"Connect to Exchange", approve e-mail and test configuration of mailboxes; Dataverse table reference: "Mailbox").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    """`incomingemailstatus` and `outgoingemailstatus` of the table Mailbox, and two of ours."""

    __test__ = False  # pytest takes the name for a test's

    NOT_RUN = "not-run"
    SUCCESS = "success"
    FAILURE = "failure"
    PENDING = "pending"
    RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One direction of one mailbox. `enabled` None: nothing was said. `why` is who or what disabled it, or what the test found; `step` the
    step of the test that failed ("dns", "connect", "tls", "login", "select", "quota", "send"). Instants are UTC RFC 3339, "" for never."""

    enabled: bool | None = None
    status: TestStatus = TestStatus.NOT_RUN
    step: str = ""
    why: str = ""
    hint: str = ""
    tested_at: str = ""
    tested_by: str = ""
    changed_at: str = ""


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
