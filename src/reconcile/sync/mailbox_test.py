"""Testing one direction of a mailbox with the real protocol: as far as it gets, and why not further. Sends nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from reconcile.errors import AuthenticationRejected, PermanentError, PermissionDenied, ReconcileError
from reconcile.model.enablement import Direction
from reconcile.model.mailbox_test import MailboxTest, TestedStep
from reconcile.ports.mail import Inbox
from reconcile.ports.sender import Session
from reconcile.report.counted import counted

#: A step's stable name, and what carries it out: returns what it found, raises ReconcileError.
Step = tuple[str, Callable[[], str]]
#: Seconds, rising.
Monotonic = Callable[[], float]


def incoming_test(
    mailbox: str,
    server: str,
    *,
    reach: Sequence[Step],
    connect: Callable[[], Inbox],
    quota: Callable[[], str] | None,
    monotonic: Monotonic,
) -> MailboxTest:
    """Name, connection, TLS, sign-in, inbox, quota (where the server tells one; it never fails a test)."""
    steps = _taken(reach, monotonic)
    if all(step.ok for step in steps):
        steps += _inbox(connect, monotonic)
    if quota is not None and all(step.ok for step in steps):
        started = monotonic()
        try:
            words = quota()
        except ReconcileError as error:
            words = f"not told: {error.message}"
        steps.append(TestedStep(name="quota", ok=True, words=words, seconds=monotonic() - started))
    return MailboxTest(mailbox=mailbox, direction=Direction.INCOMING, server=server, steps=tuple(steps))


def outgoing_test(
    mailbox: str, server: str, *, reach: Sequence[Step], open_session: Callable[[], AbstractContextManager[Session]], monotonic: Monotonic
) -> MailboxTest:
    """Name, connection, TLS, sign-in. No mail is begun."""
    steps = _taken(reach, monotonic)
    if all(step.ok for step in steps):
        started = monotonic()
        try:
            with open_session() as session:
                usable = session.is_usable
            words = "the server takes mail from this account" if usable else "the connection ended at once"
            steps.append(TestedStep(name="sign-in", ok=usable, words=words, seconds=monotonic() - started))
        except ReconcileError as error:
            steps.append(_failed("sign-in", error, monotonic() - started))
    return MailboxTest(mailbox=mailbox, direction=Direction.OUTGOING, server=server, steps=tuple(steps))


def not_possible(mailbox: str, direction: Direction, words: str, hint: str) -> MailboxTest:
    """A direction that cannot even be tried, because of what is declared."""
    step = TestedStep(name="configuration", ok=False, words=words, hint=hint)
    return MailboxTest(mailbox=mailbox, direction=direction, server="", steps=(step,))


def _taken(reach: Sequence[Step], monotonic: Monotonic) -> list[TestedStep]:
    steps: list[TestedStep] = []
    for name, act in reach:
        started = monotonic()
        try:
            steps.append(TestedStep(name=name, ok=True, words=act(), seconds=monotonic() - started))
        except ReconcileError as error:
            return [*steps, _failed(name, error, monotonic() - started)]
    return steps


def _inbox(connect: Callable[[], Inbox], monotonic: Monotonic) -> list[TestedStep]:
    started = monotonic()
    inbox: Inbox | None = None
    try:
        inbox = connect()
        look = inbox.look(None)
    except ReconcileError as error:
        # The connector does both at once; its error says which it was.
        name = "sign-in" if isinstance(error, AuthenticationRejected) else "inbox"
        if isinstance(error, PermanentError) and not isinstance(error, AuthenticationRejected | PermissionDenied):
            name = "tls" if "TLS" in error.message or "certificate" in error.message else "sign-in"
        return [_failed(name, error, monotonic() - started)]
    finally:
        if inbox is not None:
            inbox.close()
    seconds = monotonic() - started
    return [
        TestedStep(name="sign-in", ok=True, words="the server takes the account"),
        TestedStep(name="inbox", ok=True, words=f"{counted(look.messages, 'message')} at the server", seconds=seconds),
    ]


def _failed(name: str, error: ReconcileError, seconds: float) -> TestedStep:
    return TestedStep(name=name, ok=False, words=error.message, hint=error.hint, seconds=seconds)
