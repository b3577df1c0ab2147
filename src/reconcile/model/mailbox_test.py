"""How a test of one direction of a mailbox went, step by step."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.enablement import Direction, TestEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedStep:
    """`name` is stable: resolve, connect, tls, sign-in, inbox, quota, calendar, contacts, tasks,
    send. `words` say what was found or what failed."""

    __test__ = False  # pytest takes the name for a test's

    name: str
    ok: bool
    words: str
    hint: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxTest:
    """`steps` in their order; the first that failed is the last, but for folders of items, of which each is tried. `server` is host:port.
    `direction` None: the folders of appointments, contacts and tasks, which belong to no direction."""

    mailbox: str
    direction: Direction | None
    server: str
    steps: tuple[TestedStep, ...]

    @property
    def ok(self) -> bool:
        """Whether every step went well (and there was one)."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    @property
    def what(self) -> str:
        """Was tested: incoming, outgoing or items."""
        return "items" if self.direction is None else str(self.direction)

    def ended(self) -> TestEnded:
        """The same for the store, of one that has a direction."""
        assert self.direction is not None
        failed = next((step for step in self.steps if not step.ok), None)
        if failed is None:
            return TestEnded(direction=self.direction, ok=self.ok)
        return TestEnded(direction=self.direction, ok=False, step=failed.name, why=failed.words, hint=failed.hint)
