"""Accounts that are not locked by us: of one credential, a server refuses three tries within an hour, and sees no fourth.

That holds over all mailboxes, both directions, threads and processes on one state, whichever is killed: an account signs in one at a time,
and a try is written down before the server sees it. Refusals survive a loss of power; a try that was under way does not, so one more may be
shown after it.

A try without an answer counts as refused until a server takes the same credential: the process died, or a connection of IMAP, POP3 or SMTP
broke. One over HTTP that breaks is no such try, for who refuses there says so (401). See docs/adr/0052-one-signs-in-at-a-time.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime, timedelta
from types import TracebackType

from reconcile.errors import AuthenticationRejected, HeldBack, ReconcileError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.mail_address import mailbox_identity
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.model.sign_in_try import MOST, SignInTry, held_until, recent
from reconcile.ports.clock import Clock
from reconcile.ports.sign_in import Mechanism, SignIn, SignIns
from reconcile.ports.sign_in_tries import SignInTries, SignInTurn


def account_of(plan: SignInPlan) -> str:
    """One account is one name, whichever mailboxes and directions use it, and in whichever spelling."""
    return mailbox_identity(plan.username)


def _minute_after(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedSignIns:
    """See `SignIns`. `credential` is a digest of what a plan shows; it is asked for only where something was not taken."""

    inner: SignIns
    tries: SignInTries
    credential: Callable[[SignInPlan], str]
    clock: Clock

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        """See `SignIns.of`. Raises AuthenticationRejected or HeldBack, without asking any server, while the account is left alone."""
        sign_in = self.inner.of(plan, name=name)
        if sign_in is None:
            return None
        now = self.clock.now()
        self.check(plan, self.tries.recent(account_of(plan), now=now), now)
        return GuardedSignIn(sign_in, plan, self)

    def certificate(self, plan: SignInPlan) -> Secret | None:
        """See `SignIns.certificate`."""
        return self.inner.certificate(plan)

    def check(self, plan: SignInPlan, known: Sequence[SignInTry], now: datetime) -> None:
        """Raises AuthenticationRejected where the account was refused too often, HeldBack where it may have been."""
        if not known:
            return
        credential = self.credential(plan)
        until = held_until(known, credential, now=now)
        if until is None:
            return
        refused = sum(one.answered for one in known)
        unanswered, again = len(known) - refused, f"{_minute_after(until):%Y-%m-%d %H:%M} UTC"
        if any(one.answered and one.credential == credential for one in known):
            raise AuthenticationRejected(
                f"{plan.username} is not signed in now: its server refused it {refused} times"
                " within an hour, and trying on would lock the account",
                hint="Give it the right password (or sign in anew) and apply: another one is tried at once. The same one is shown again"
                f" by `reconcile sync` from {again} on, by `run` with its next look.",
            )
        if unanswered >= MOST:
            why = f"its server did not answer {unanswered} times within an hour, which may have been refusals"
            look = "why its server breaks off"
        else:
            why = f"its server took none of {len(known)} within an hour"
            look = "whether mailboxes that share it have different passwords"
        raise HeldBack(
            f"{plan.username} is not signed in now: {why}, and trying on might lock the account",
            retry_after=max(1.0, (until - now).total_seconds()),
            hint=f"Check its password, and {look}. It is tried again from {again} on, by itself where `run` works.",
        )


@dataclass(slots=True)
class GuardedSignIn:
    """One account, whose tries are written down. For several threads: each has a try of its own."""

    inner: SignIn
    plan: SignInPlan
    guard: GuardedSignIns
    _own: threading.local = field(default_factory=threading.local, init=False, repr=False)

    @property
    def kind(self) -> SignInKind:
        return self.inner.kind

    @property
    def username(self) -> str:
        return self.inner.username

    @property
    def password(self) -> Secret | None:
        return self.inner.password

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        """See `SignIn.mechanism`."""
        return self.inner.mechanism(protocol=protocol, host=host, offered=offered)

    def showing(self) -> AbstractContextManager[object]:
        """See `SignIn.showing`. Raises AuthenticationRejected or HeldBack, as `SignIns.of`."""
        showing = self._own.showing = _Showing(self.plan, self.guard)
        return showing

    def refused(self) -> bool:
        """See `SignIn.refused`. A token that is renewed and shown again was no wrong one."""
        again = self.inner.refused()
        own: _Showing | None = getattr(self._own, "showing", None)
        if own is not None and own.is_open:
            own.judged(counts=not again)
        elif not again:
            # Over a connection that had been taken: whoever signs in next must know.
            with _Showing(self.plan, self.guard, asks=False) as showing:
                showing.judged(counts=True)
        return again


class _Showing:
    """While one exchange goes on: nobody else signs in with the account."""

    __slots__ = ("_asks", "_guard", "_judged", "_known", "_now", "_plan", "_turn")

    def __init__(self, plan: SignInPlan, guard: GuardedSignIns, *, asks: bool = True) -> None:
        self._plan = plan
        self._guard = guard
        self._asks = asks
        self._turn: SignInTurn | None = None
        self._known: list[SignInTry] = []
        self._judged = False

    @property
    def is_open(self) -> bool:
        return self._turn is not None

    def __enter__(self) -> _Showing:
        turn = self._guard.tries.turn(account_of(self._plan))
        try:
            # Asked for once it is its turn: it may have waited.
            self._now = self._guard.clock.now()
            self._known = recent(turn.tries, now=self._now) if turn.tries else []
            if self._asks:
                self._guard.check(self._plan, self._known, self._now)
            turn.keep([*self._known, SignInTry(credential="", at=self._now, answered=False)], durable=False)
        except BaseException:
            turn.close()
            raise
        self._turn = turn
        return self

    def judged(self, *, counts: bool) -> None:
        """The server refused; it stays so where it counts."""
        assert self._turn is not None
        # What cannot be written down leaves the try without an answer, which counts as well.
        self._judged = True
        if counts:
            refusal = SignInTry(credential=self._guard.credential(self._plan), at=self._now, answered=True)
            self._turn.keep([*self._known, refusal], durable=True)
        else:
            self._turn.keep(self._known, durable=False)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._turn is not None
        turn, self._turn = self._turn, None
        try:
            if self._judged:
                return
            if kind is None:
                turn.keep(self._not_disproved(), durable=False)
            elif isinstance(error, ReconcileError):
                turn.keep(self._known, durable=False)
            else:
                lost = SignInTry(credential=self._guard.credential(self._plan), at=self._now, answered=False)
                turn.keep([*self._known, lost], durable=False)
        finally:
            turn.close()

    def _not_disproved(self) -> list[SignInTry]:
        """What was taken had not been refused where nobody knew."""
        if not self._known:
            return self._known
        credential = self._guard.credential(self._plan)
        return [one for one in self._known if one.answered or one.credential not in ("", credential)]
