"""What works again since the last pass: told once, by whoever finds it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from reconcile.lazy_dataclass import dataclass
from reconcile.model.alert import Alert
from reconcile.model.mailbox_state import MailboxState
from reconcile.report.counted import several
from reconcile.sync.decide.alerts import PROFILE_FAILING
from reconcile.sync.look import MailboxRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """By name."""

    mailboxes: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.mailboxes or self.servers or self.profiles)

    @property
    def words(self) -> list[str]:
        """One sentence for each sort."""
        found = [f"server {name} answers again" for name in self.servers]
        found += [f"the alarm of profile {name} is over" for name in self.profiles]
        if self.mailboxes:
            found.append(f"{several(list(self.mailboxes))} {'work' if len(self.mailboxes) > 1 else 'works'} again")
        return found

    @property
    def detail(self) -> dict[str, list[str]]:
        """For programs."""
        return {"mailboxes": list(self.mailboxes), "servers": list(self.servers), "profiles": list(self.profiles)}


@dataclass(slots=True)
class Recoveries:
    """Remembers what failed: mailboxes from what the store knows, so that it makes no difference which process saw them fail."""

    _failing: set[str] | None = None
    _away: frozenset[str] = frozenset()

    def begin(self, states: Callable[[], Mapping[str, MailboxState]]) -> None:
        """With the states before anything was looked at; later calls change nothing."""
        if self._failing is None:
            self._failing = {mailbox_id for mailbox_id, state in states().items() if state.error_kind}

    def mailboxes(self, runs: Iterable[MailboxRun]) -> tuple[str, ...]:
        """Those of which a look went well for the first time since one failed."""
        failing = self._failing if self._failing is not None else set()
        found = []
        for run in runs:
            result = run.result()
            if result.error_kind:
                failing.add(run.mailbox.mailbox_id)
            elif not result.skipped and run.mailbox.mailbox_id in failing:
                failing.discard(run.mailbox.mailbox_id)
                found.append(run.mailbox.name)
        return tuple(sorted(found))

    def servers(self, away: Collection[str]) -> tuple[str, ...]:
        """Those that are no longer away."""
        before, self._away = self._away, frozenset(away)
        return tuple(sorted(before - self._away))


def over(before: Iterable[Alert], after: Iterable[Alert]) -> tuple[str, ...]:
    """Names of profiles whose alarm stood before and does no longer."""
    still = {one.cause.about for one in after if one.cause.code == PROFILE_FAILING}
    return tuple(sorted({one.cause.name for one in before if one.cause.code == PROFILE_FAILING and one.cause.about not in still}))
