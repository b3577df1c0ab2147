"""What this process knows of mail servers and accounts between looks and passes: circuits, and pauses of accounts."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timedelta

from reconcile.errors import AuthenticationRejected, HeldBack, ReconcileError, Throttled, TransientError, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.left_alone import LeftAlone
from reconcile.ports.clock import Clock
from reconcile.sync.decide.circuit import CLOSED, Circuit, admits, after_failure, after_neither, after_request, after_success, started


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A server that is taken to be away. `error` is what it was last, `retry_in` seconds until one mailbox tries again."""

    server: str
    since: datetime
    error: str
    hint: str
    retry_in: float


@dataclass(slots=True)
class _Pause:
    """Of an account. `held` is set where we keep it ourselves; then `fingerprints` are, by mailbox, those that it holds for."""

    until: float
    held: HeldBack | None = None
    fingerprints: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Servers:
    """Keyed by host:port in lower case; accounts by their group. For several threads. `full` mailboxes of a server may run at once."""

    clock: Clock
    full: int
    _circuits: defaultdict[str, Circuit] = field(default_factory=lambda: defaultdict(lambda: CLOSED))
    _since: dict[str, tuple[datetime, str, str]] = field(default_factory=dict)
    _recovered: dict[str, datetime] = field(default_factory=dict)
    _pauses: dict[str, _Pause] = field(default_factory=dict)
    _proven: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, server: str, *, running: int) -> bool:
        """Whether one more mailbox of it may start."""
        with self._guard:
            return admits(self._circuits.get(server, CLOSED), running=running, now=self.clock.monotonic())

    def rests(self, account: str) -> bool:
        """Whether its server asked this account for a pause, or we keep one."""
        with self._guard:
            pause = self._pauses.get(account)
            if pause is not None and pause.until <= self.clock.monotonic():
                del self._pauses[account]
                return False
            return pause is not None

    def meets(self, account: str, mailbox_id: str, fingerprint: str) -> None:
        """A mailbox that waits, with the fingerprint of its configuration and credential: another one than before ends a pause of its
        account that we keep ourselves. Whether the credential is another one finds out who looks, before a server does."""
        with self._guard:
            pause = self._pauses.get(account)
            if pause is not None and pause.held is not None and pause.fingerprints.setdefault(mailbox_id, fingerprint) != fingerprint:
                del self._pauses[account]

    def proven(self, account: str) -> bool:
        """Whether its credential was taken since this process began. Until then its mailboxes try one after the other: together they
        would have the account locked before the first refusal is known."""
        return account in self._proven

    def started(self, server: str) -> None:
        """One that was admitted begins."""
        with self._guard:
            if server in self._circuits:
                self._circuits[server] = started(self._circuits[server])

    def ended(self, server: str, account: str, error: ReconcileError | None, *, asked: bool) -> None:
        """How it went; `asked`: whether the server was asked anything at all."""
        now = self.clock.monotonic()
        with self._guard:
            if error is None and asked:
                self._proven.add(account)
            elif isinstance(error, AuthenticationRejected):
                self._proven.discard(account)
            before = self._circuits.get(server, CLOSED)
            match error:
                case Throttled(retry_after=seconds) if error.about == "server":
                    after = after_request(before, seconds=seconds, now=now)
                case Throttled(retry_after=seconds):
                    pause, known = _Pause(now + seconds, error if isinstance(error, HeldBack) else None), self._pauses.get(account)
                    # What we leave alone ourselves ends no longer pause that the server asked for.
                    if pause.held is None or known is None or known.held is not None or known.until < pause.until:
                        self._pauses[account] = pause
                    after = after_neither(before, now=now)
                case ReconcileError(about="server"):
                    after = after_failure(before, now=now)
                case ReconcileError(about="profile"):
                    after = after_neither(before, now=now)
                case TransientError():
                    # It broke off in the middle: that says neither that the server is well nor that it is away.
                    after = after_neither(before, now=now)
                case _:
                    after = after_success(before, full=self.full) if asked else after_neither(before, now=now)
            if after is not before:
                self._circuits[server] = after
            if after.is_open and isinstance(error, ReconcileError):
                since = self._since[server][0] if server in self._since else self.clock.now()
                self._since[server] = (since, error.message, error.hint)
            elif before.is_open and not after.is_open:
                self._since.pop(server, None)
                self._recovered[server] = self.clock.now()

    def answered(self, server: str, at: datetime) -> None:
        """Another process had an answer from it: an outage that began before `at` is over, and its mailboxes come back at a rate."""
        with self._guard:
            if server in self._since and self._since[server][0] < at:
                self._circuits[server] = after_success(self._circuits[server], full=self.full)
                del self._since[server]
                self._recovered[server] = self.clock.now()

    def outages(self) -> Mapping[str, Outage]:
        """Servers that are taken to be away now."""
        with self._guard:
            now = self.clock.monotonic()
            return {
                server: Outage(
                    server=server,
                    since=since,
                    error=error,
                    hint=hint,
                    retry_in=max(0.0, (self._circuits[server].until or now) - now),
                )
                for server, (since, error, hint) in self._since.items()
            }

    def not_tried(self) -> Callable[[str, str], Unavailable]:
        """Why mailboxes that wait are not tried as of now, by server and account."""
        outages = self.outages()

        def why(server: str, account: str) -> Unavailable:
            outage, pause = outages.get(server), self._pauses.get(account)
            if outage is not None:
                return Unavailable(f"not tried: {outage.error}", hint=outage.hint, about="server")
            if pause is not None and pause.held is not None:
                return Unavailable(f"not tried: {pause.held.message}", hint=pause.held.hint, about="server")
            return Unavailable("not tried: its server asked for a pause", hint="Try again later.", about="server")

        return why

    def left_alone(self) -> list[LeftAlone]:
        """Servers and accounts that are not asked for a while, sorted by kind and name."""
        now, at = self.clock.monotonic(), self.clock.now()
        with self._guard:
            found = []
            for server, circuit in self._circuits.items():
                again = max(circuit.until or 0.0, circuit.held)
                if circuit.until is None and circuit.held <= now:
                    continue
                since, error, hint = self._since.get(server, (None, "it asked for a pause", ""))
                found.append(
                    LeftAlone(
                        kind="server",
                        name=server,
                        why=error,
                        hint=hint,
                        since=instant.text(since.replace(microsecond=0)) if since is not None else "",
                        again_at=at + timedelta(seconds=max(0.0, again - now)),
                    )
                )
            for account, pause in self._pauses.items():
                if pause.until > now:
                    why, hint = (pause.held.message, pause.held.hint) if pause.held is not None else ("its server asked for a pause", "")
                    left = timedelta(seconds=pause.until - now)
                    found.append(LeftAlone(kind="account", name=account, why=why, hint=hint, since="", again_at=at + left))
        return sorted(found, key=lambda one: (one.kind, one.name))

    @property
    def any_recovered(self) -> bool:
        """Whether an outage ended."""
        return bool(self._recovered)

    def recovered(self, server: str) -> datetime | None:
        """When it came back last from an outage that this process saw."""
        return self._recovered.get(server)
