"""Accounts that are not locked by us: after three refused sign-ins within an hour a credential is not shown again until it is another.

Sign-ins that are under way when the third is refused (the other direction, another process) were let begin, and may be refused, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from reconcile.errors import AuthenticationRejected
from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.model.sign_in_refusals import Refusal, held_until
from reconcile.ports.clock import Clock
from reconcile.ports.sign_in import Mechanism, SignIn, SignIns
from reconcile.ports.sign_in_refusals import SignInRefusals


def account_of(plan: SignInPlan) -> str:
    """One account is one name, whichever mailboxes and directions use it."""
    return plan.username.lower()


def _minute_after(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedSignIns:
    """See `SignIns`. `credential` is a digest of what a plan shows; it is asked for only where something was refused."""

    inner: SignIns
    refusals: SignInRefusals
    credential: Callable[[SignInPlan], str]
    clock: Clock

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        """See `SignIns.of`. Raises AuthenticationRejected, without asking any server, while the account is left alone."""
        sign_in = self.inner.of(plan, name=name)
        if sign_in is None:
            return None
        account = account_of(plan)
        refused = self.refusals.recent(account, now=self.clock.now())
        if refused:
            until = held_until(refused, self.credential(plan), now=self.clock.now())
            if until is not None:
                raise AuthenticationRejected(
                    f"{plan.username} is not signed in now: its server refused it {len(refused)} times"
                    " within an hour, and trying on would lock the account",
                    hint="Give it the right password (or sign in anew) and apply: another one is tried at once. The same one is shown again"
                    f" by `reconcile sync` from {_minute_after(until):%Y-%m-%d %H:%M} UTC on, by `run` with its next look.",
                )
        return GuardedSignIn(sign_in, lambda: self._record(account, plan))

    def certificate(self, plan: SignInPlan) -> Secret | None:
        """See `SignIns.certificate`."""
        return self.inner.certificate(plan)

    def _record(self, account: str, plan: SignInPlan) -> None:
        self.refusals.refuse(account, Refusal(credential=self.credential(plan), at=self.clock.now()))


@dataclass(slots=True)
class GuardedSignIn:
    """One account, whose refusals are written down."""

    inner: SignIn
    record: Callable[[], None]

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

    def refused(self) -> bool:
        """See `SignIn.refused`. A token that is renewed and shown again was no wrong one."""
        again = self.inner.refused()
        if not again:
            self.record()
        return again
