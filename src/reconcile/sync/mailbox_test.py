"""Testing one direction of a mailbox, or its folders of items, with the real protocol: as far as it gets, and why not
further. Sends nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from reconcile.errors import AuthenticationRejected, PermanentError, PermissionDenied, ReconcileError
from reconcile.model.enablement import Direction
from reconcile.model.item import ItemKind
from reconcile.model.mailbox_test import MailboxTest, TestedStep
from reconcile.ports.collection import Collection
from reconcile.ports.mail import Inbox
from reconcile.ports.sender import Session
from reconcile.report.counted import counted

#: Names of steps: what people call the folders.
FOLDERS: Final[Mapping[ItemKind, str]] = {ItemKind.APPOINTMENT: "calendar", ItemKind.CONTACT: "contacts", ItemKind.TASK: "tasks"}
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


def items_test(
    mailbox: str, server: str, *, reach: Sequence[Step], connect: Callable[[ItemKind], Collection], monotonic: Monotonic
) -> MailboxTest:
    """Name, connection, TLS, and each folder of items as far as the first page of what lies there. One that is refused keeps nobody from
    the others, unless it says something of the account or the server."""
    steps = _taken(reach, monotonic)
    for kind in ItemKind if all(step.ok for step in steps) else ():
        step, goes_on = _folder(kind, connect, monotonic)
        steps.append(step)
        if not goes_on:
            break
    return MailboxTest(mailbox=mailbox, direction=None, server=server, steps=tuple(steps))


def _folder(kind: ItemKind, connect: Callable[[ItemKind], Collection], monotonic: Monotonic) -> tuple[TestedStep, bool]:
    """How it went, and whether it makes sense to try another."""
    started, collection = monotonic(), None
    try:
        collection = connect(kind)
        collection.identity()
        next(iter(collection.changes(None)))
    except ReconcileError as error:
        if isinstance(error, AuthenticationRejected):
            return _failed("sign-in", error, monotonic() - started), False
        refused = isinstance(error, PermanentError)
        words = f"the folder of {kind}s {'is refused' if refused else 'was not reached'}: {error.message}"
        step = TestedStep(name=FOLDERS[kind], ok=False, words=words, hint=error.hint, seconds=monotonic() - started)
        return step, refused and error.about == "mailbox"
    finally:
        if collection is not None:
            collection.close()
    return TestedStep(name=FOLDERS[kind], ok=True, words=f"{kind}s can be read", seconds=monotonic() - started), True


def not_possible(mailbox: str, direction: Direction | None, words: str, hint: str) -> MailboxTest:
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
