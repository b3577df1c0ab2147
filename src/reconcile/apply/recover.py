"""What a dead process left behind: intents whose effect may or may not have happened.

By level, not by memory: the target is asked what the write with that token did. If it did, the inventory learns of it; if not,
the intent is dropped and the next plan sees the difference again.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.apply.record import Occasion, audit, finished
from reconcile.apply.report import Recovered
from reconcile.model import instant
from reconcile.model.change import Change, Forget, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.plan.codec import decode_change
from reconcile.ports.clock import Clock
from reconcile.ports.configuration_store import ApplyStore, Finished
from reconcile.ports.target import TargetWriter


def recover(writer: TargetWriter, store: ApplyStore, *, clock: Clock, actor: str) -> tuple[Recovered, ...]:
    """Close every open intent; call it under the lock and before planning.

    Raises TransientError when the target cannot tell (nothing is lost; run again), StalePlan when the journal is unreadable.
    """
    intents = store.open_intents()
    found: list[Recovered] = []
    results: list[Finished] = []
    entries: Mapping[Key, InventoryEntry] = store.entries() if intents else {}
    for intent in intents:
        change = decode_change(intent.change)
        occasion = Occasion(
            apply_id=intent.apply_id, actor=actor, source=intent.source, revision=intent.revision, at=instant.text(clock.now())
        )
        # What only the inventory keeps was never sent anywhere: the next plan sees it again.
        ours_alone = isinstance(change, Forget) or (isinstance(change, Update) and not change.writes)
        written = None if ours_alone else writer.find(change, token=intent.token)
        if written is not None:
            results.append(finished(change, written, occasion, intent.token, entry_before(change, entries), secrets=intent.secrets))
        else:
            why: dict[str, object] = {"reason": "the process died before it took effect"}
            results.append(Finished(token=intent.token, audit=audit(change, occasion, "abandoned", why)))
        found.append(Recovered(key=intent.key, action=intent.action, done=written is not None))
    if results:
        store.finish(results)
    return tuple(found)


def entry_before(change: Change, entries: Mapping[Key, InventoryEntry]) -> InventoryEntry | None:
    """What the inventory holds of the row: under its old key when the slug was renamed, and that slug is not another's by now."""
    if isinstance(change, Update) and change.previous is not None:
        before = entries.get(change.previous)
        if before is not None and before.external_id == change.external_id:
            return before
    return entries.get(change.key)
