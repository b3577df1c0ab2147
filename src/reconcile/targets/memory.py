"""A target in memory, that can behave like a real server: it defaults, rewrites, delays, refuses and fails on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TypeAlias, assert_never

from reconcile.errors import PreconditionFailed, ReconcileError, Throttled, TimedOut, Unsupported
from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec, digest, same
from reconcile.model.change import Adopt, Change, Command, Create, Delete, Forget, Update
from reconcile.model.key import APPLIED_KINDS
from reconcile.model.kinds import defaults
from reconcile.model.observation import ObservedState, Present
from reconcile.model.secret import Secret
from reconcile.ports.target import Capabilities, TargetIdentity, Written

Rewrite: TypeAlias = Callable[[str, str, Leaf], Leaf]


class Crash(BaseException):
    """The process dies here, as far as a test is concerned: nothing may catch it."""


@dataclass(slots=True, kw_only=True)
class Faults:
    """What goes wrong or otherwise than asked. All off by default; a test changes them at any time.

    `rewrite` gets kind, path and leaf and answers what the server keeps; `refuse` maps a path to the reason why it is not taken;
    `delay` is the number of readings that still show the state before a write; `unknown_kinds` and `unknown_rows` cannot be
    read; `fail` maps a slug to the error its write raises, `lose_answer` names slugs whose write takes effect but is never
    answered; `crash_before_effect` and `crash_after_effect` count down the writes that go well, and after a crash the process is `dead`
    and writes nothing more. `pause` is asked before each write and answers how many seconds the target wants to be left alone, 0 for none.
    """

    rewrite: Rewrite | None = None
    refuse: Mapping[str, str] = field(default_factory=dict)
    delay: int = 0
    unknown_kinds: Mapping[str, str] = field(default_factory=dict)
    unknown_rows: Mapping[str, str] = field(default_factory=dict)
    fail: Mapping[str, ReconcileError] = field(default_factory=dict)
    lose_answer: frozenset[str] = frozenset()
    crash_after_effect: int | None = None
    crash_before_effect: int | None = None
    dead: bool = False
    pause: Callable[[], float] = field(default=lambda: 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    kind: str
    name: str
    spec: Spec
    token: str
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)


class MemoryTarget:
    """Rows in a dictionary. `chooses_id=False` makes it hand out ids of its own, and remember whose token got which."""

    def __init__(
        self,
        *,
        faults: Faults | None = None,
        fill_defaults: bool = True,
        chooses_id: bool = True,
        organization_id: str | None = None,
        tenant_id: str | None = None,
        parallel_writes: int = 1,
    ) -> None:
        self.faults = faults or Faults()
        self.rows: dict[str, _Row] = {}
        self.writes = 0
        self._fill_defaults = fill_defaults
        self._chooses_id = chooses_id
        self.organization_id = organization_id
        self.tenant_id = tenant_id
        self.parallel_writes = parallel_writes
        self._guard = threading.RLock()
        self._by_token: dict[str, str] = {}
        self._shown: dict[str, _Row] = {}
        self._lag = 0

    @property
    def name(self) -> str:
        return "memory"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(kinds=APPLIED_KINDS, chooses_id=self._chooses_id, parallel_writes=self.parallel_writes)

    def identity(self) -> TargetIdentity:
        """As set; a test may change it between two writes."""
        return TargetIdentity(organization_id=self.organization_id, tenant_id=self.tenant_id)

    def observe(self) -> ObservedState:
        """The state, or that before the last write while it is delayed."""
        if self._lag > 0:
            self._lag -= 1
            rows = self._shown
        else:
            rows = self.rows
        faults = self.faults
        return ObservedState(
            target=self.name,
            organization_id=self.organization_id,
            tenant_id=self.tenant_id,
            rows=tuple(
                Present(kind=row.kind, external_id=external_id, spec=row.spec, version=digest(row.spec), name=row.name)
                for external_id, row in rows.items()
                if row.kind not in faults.unknown_kinds and external_id not in faults.unknown_rows
            ),
            unknown_rows={external_id: why for external_id, why in faults.unknown_rows.items() if external_id in rows},
            unknown_kinds=dict(faults.unknown_kinds),
        )

    def write(self, change: Change, *, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]) -> Written:
        """See `TargetWriter.write`."""
        pause = self.faults.pause()
        if pause:
            raise Throttled("the server is busy", retry_after=pause)
        with self._guard:
            if self.faults.dead:
                raise Crash
            try:
                return self._write(change, token, secrets)
            except Crash:
                self.faults.dead = True
                raise

    def _write(self, change: Change, token: str, secrets: Mapping[str, Secret]) -> Written:
        error = self.faults.fail.get(change.key.name)
        if error is not None:
            raise error
        self.faults.crash_before_effect = _count_down(self.faults.crash_before_effect)
        if self.faults.delay and self._lag == 0:
            self._shown = dict(self.rows)
        written = self._effect(change, token, secrets)
        self._lag = self.faults.delay
        self.faults.crash_after_effect = _count_down(self.faults.crash_after_effect)
        if change.key.name in self.faults.lose_answer:
            raise TimedOut("the server fell silent")
        return written

    def find(self, change: Change, *, token: str) -> Written | None:
        """By token; a row that is gone was deleted."""
        if isinstance(change, Delete):
            return None if change.external_id in self.rows else Written(external_id=change.external_id, version="")
        external_id = self._by_token.get(token)
        row = self.rows.get(external_id) if external_id is not None else None
        return None if row is None or external_id is None or row.token != token else self._written(external_id, row, change)

    def edit(self, external_id: str, **leaves: Leaf) -> None:
        """Somebody changes a row by hand ("__" stands for the dot of a path)."""
        row = self.rows[external_id]
        spec = {**row.spec, **{path.replace("__", "."): leaf for path, leaf in leaves.items()}}
        kept = {path: leaf for path, leaf in spec.items() if leaf is not None}
        self.rows[external_id] = _Row(kind=row.kind, name=row.name, spec=kept, token="", secrets=row.secrets)

    def _effect(self, change: Change, token: str, secrets: Mapping[str, Secret]) -> Written:
        match change:
            case Create():
                return self._create(change, token, secrets)
            case Adopt() | Update():
                return self._change(change, token, secrets)
            case Delete():
                there = self.rows.get(change.external_id)
                if there is not None:
                    if digest(there.spec) != change.observed_version:
                        raise PreconditionFailed(f"{change.key} changed on the target since it was observed")
                    del self.rows[change.external_id]
                    self.writes += 1
                return Written(external_id=change.external_id, version="")
            case Forget():
                raise ValueError("what is only forgotten is not written")
            case Command():
                raise Unsupported(f"no command {change.verb}", field=change.verb)
        assert_never(change)

    def _create(self, change: Create, token: str, secrets: Mapping[str, Secret]) -> Written:
        known = self._by_token.get(token)
        if known is not None and known in self.rows:
            return self._written(known, self.rows[known], change)
        external_id = change.external_id or token
        if not self._chooses_id:
            external_id = f"row-{len(self._by_token) + 1}"
        if external_id in self.rows:
            raise PreconditionFailed(f"{change.key} is on the target again")
        if any(row.kind == change.key.kind and row.name == change.key.name for row in self.rows.values()):
            raise PreconditionFailed(f"{change.key} appeared on the target since it was observed")
        filled = defaults(change.key.kind, change.spec) if self._fill_defaults else {}
        self._put(external_id, change, filled, change.spec, token, secrets)
        return self._written(external_id, self.rows[external_id], change)

    def _change(self, change: Adopt | Update, token: str, secrets: Mapping[str, Secret]) -> Written:
        there = self.rows.get(change.external_id)
        if there is None:
            raise PreconditionFailed(f"{change.key} is no longer on the target")
        if there.token != token:
            if digest(there.spec) != change.observed_version:
                raise PreconditionFailed(f"{change.key} changed on the target since it was observed")
            asked = {field.path: field.after for field in change.fields}
            self._put(change.external_id, change, there.spec, asked, token, {**there.secrets, **secrets})
        return self._written(change.external_id, self.rows[change.external_id], change)

    def _put(
        self, external_id: str, change: Create | Adopt | Update, base: Spec, asked: Spec, token: str, secrets: Mapping[str, Secret]
    ) -> None:
        spec = dict(base)
        for path, leaf in asked.items():
            if path in self.faults.refuse:
                continue
            if self.faults.rewrite is not None:
                leaf = self.faults.rewrite(change.key.kind, path, leaf)
            if leaf is None:
                spec.pop(path, None)
            else:
                spec[path] = leaf
        self.rows[external_id] = _Row(kind=change.key.kind, name=change.key.name, spec=spec, token=token, secrets=secrets)
        self._by_token[token] = external_id
        self.writes += 1

    def _written(self, external_id: str, row: _Row, change: Change) -> Written:
        asked: Spec = change.spec if isinstance(change, (Create, Adopt, Update)) else {}
        answered = {path: row.spec.get(path) for path, leaf in asked.items() if not same(leaf, row.spec.get(path))}
        refused = {path: why for path, why in self.faults.refuse.items() if path in answered}
        return Written(external_id=external_id, version=digest(row.spec), answered=answered, refused=refused)


def _count_down(left: int | None) -> int | None:
    if left is None:
        return None
    if left == 0:
        raise Crash
    return left - 1
