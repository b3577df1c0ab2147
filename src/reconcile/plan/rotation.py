"""Secrets whose value is another one behind the same reference, and those that could not be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from reconcile.model.canonical import Spec
from reconcile.model.change import Cause, Moved, Note, SecretChange
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.kinds import secret_paths
from reconcile.model.position import Position
from reconcile.model.secret import comparable
from reconcile.plan.circumstances import Circumstances

_SHOWN = 5
_NOT_RECORDED = "what was handed over was not recorded; raise its generation to hand it over again"
_OTHER_KEY = "what was handed over was recorded under another key; finish `reconcile key rotate`, or raise its generation"


class Rotation:
    """Compares secret by secret; why some could not be is told at the end, once for each reason."""

    def __init__(self, circumstances: Circumstances) -> None:
        self._now = circumstances.secrets
        self._not_compared = circumstances.not_compared
        #: Whether anything was resolved, or should have been.
        self.compares = bool(self._now or self._not_compared)
        self._reasons: dict[str, list[tuple[Key, str]]] = {}

    def of(self, key: Key, spec: Spec, entry: InventoryEntry, changed: Collection[str], position: Position) -> tuple[SecretChange, ...]:
        """Of one row of ours. What is handed over anyway, because reference or generation changed, is not compared."""
        found: list[SecretChange] = []
        for path, ref, generation in _leaves(key.kind):
            reference = spec.get(ref)
            if not isinstance(reference, str) or ref in changed or generation in changed:
                continue
            if (key, path) in self._not_compared:
                self._reasons.setdefault(self._not_compared[key, path], []).append((key, path))
            elif (key, path) in self._now:
                now, then = self._now[key, path], entry.secrets.get(path)
                if then is None or not comparable(then, now):
                    self._reasons.setdefault(_NOT_RECORDED if then is None else _OTHER_KEY, []).append((key, path))
                elif then != now:
                    why = Cause(moved=Moved.OUTSIDE, position=position, note="the secret behind the reference")
                    found.append(SecretChange(path=path, reference=reference, before=then, after=now, cause=why))
        return tuple(found)

    def notes(self) -> Iterable[Note]:
        """One for each reason."""
        for reason, secrets in sorted(self._reasons.items()):
            names = ", ".join(f"{path} of {key}" for key, path in sorted(secrets)[:_SHOWN])
            more = f" and {len(secrets) - _SHOWN:,} more" if len(secrets) > _SHOWN else ""
            yield Note(message=f"not compared: {reason} ({names}{more})")


@lru_cache(maxsize=16)
def _leaves(kind: str) -> tuple[tuple[str, str, str], ...]:
    """(path, its reference, its generation) of each secret."""
    return tuple((path, f"{path}.ref", f"{path}.generation") for path in secret_paths(kind))
