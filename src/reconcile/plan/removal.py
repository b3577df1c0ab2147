"""What follows for a row of ours whose document is gone: made inactive, forgotten or deleted, as was declared while it was there."""

from __future__ import annotations

from typing import TypeAlias, assert_never

from reconcile.model.change import Cause, Delete, FieldChange, Forget, Held, HeldBecause, Keep, Moved, Note, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.management import OnRemoval, on_removal
from reconcile.model.observation import Absent, Present, Unknown
from reconcile.plan.cause import note
from reconcile.plan.consequences.table import of_change, of_delete, of_forget
from reconcile.plan.given import Given
from reconcile.plan.moved import is_muted

Following: TypeAlias = Delete | Forget | Update | Held | Note | None

_INACTIVE = {"state": "inactive"}
#: Told of every row that is inactive because its document left git.
ORPHAN = "orphan: inactive since its document left git; next: declare it again, or `reconcile forget`"
_PROTECTED = (
    "no longer declared, but protected (management.protect): it is neither deleted, made inactive nor forgotten; "
    "to remove it declare it again with protect: false, apply, then remove the document"
)


def is_disabled_orphan(entry: InventoryEntry) -> bool:
    """Whether we made the row inactive because its document was gone: then its state is all that we still answer for.

    No document is as short as that, and what only an assignment declared is forgotten.
    """
    # Nearly every entry is neither of the two, and every one is asked.
    if not entry.adopted and entry.on_removal is None:
        return False
    return _policy(entry) is OnRemoval.DISABLE and dict(entry.applied) == _INACTIVE


def following(key: Key, observation: Present | Absent | Unknown, given: Given) -> Following:
    """For one entry of the inventory that no declared resource took."""
    entry, desired = given.inventory[key], given.desired
    if is_muted(entry, desired):
        reason = desired.held.get(key) or desired.held_files[entry.source_file]
        return Held(key=key, reason=reason, because=HeldBecause.FINDING)
    if key.kind not in given.kinds:
        return None
    if key in given.matches.contested:
        return Held(
            key=key, reason="who has it from now on is not clear (management.movedFrom of another document)", because=HeldBecause.AMBIGUOUS
        )
    if desired.held_files:
        # The document may have moved into that file: only a complete reading proves that it is gone.
        file = min(desired.held_files)
        return Held(key=key, reason=f"no longer declared, but {file} has errors and may declare it", because=HeldBecause.FINDING)
    if isinstance(observation, Unknown):
        reason = f"no longer declared, but could not be observed: {observation.why}"
        return Held(key=key, reason=reason, because=HeldBecause.UNOBSERVED)
    if entry.protected:
        return Held(key=key, reason=_PROTECTED, because=HeldBecause.PROTECTED)
    since = note(entry, estate=given.estate)
    words = f"no longer declared (was in {entry.source_file})" + (f"; {since}" if since else "")
    why = Cause(moved=Moved.GIT, note=words, was_in=entry.source_file)
    if isinstance(observation, Absent):
        gone = ("gone from the target already; it is only forgotten",)
        return Forget(key=key, external_id=entry.external_id, before=entry.applied, cause=why, consequences=gone)
    policy = OnRemoval.FORGET if observation.built_in else _policy(entry)
    match policy:
        case OnRemoval.FORGET:
            return Forget(key=key, external_id=entry.external_id, before=entry.applied, cause=why, consequences=of_forget(key))
        case OnRemoval.DISABLE:
            return _disabled(key, entry, observation, why, given)
        case OnRemoval.DELETE:
            return Delete(
                key=key,
                external_id=entry.external_id,
                observed_version=observation.version,
                before=entry.applied,
                cause=why,
                consequences=of_delete(key, {**observation.spec, **entry.applied}),
            )
    assert_never(policy)


def _policy(entry: InventoryEntry) -> OnRemoval:
    return on_removal(entry.on_removal, adopted=entry.adopted, kind=entry.key.kind)


def _disabled(key: Key, entry: InventoryEntry, row: Present, why: Cause, given: Given) -> Update | Note:
    """Once; from then on it is an orphan that everybody sees. Somebody who starts it again without declaring it is told so."""
    if row.spec.get("state", "active") == "inactive":
        return Note(message=ORPHAN, key=key)
    if is_disabled_orphan(entry):
        why = Cause(moved=Moved.OUTSIDE, note="made active without a document")
    return Update(
        key=key,
        external_id=row.external_id,
        observed_version=row.version,
        spec=_INACTIVE,
        fields=(FieldChange(path="state", before=row.spec.get("state"), after="inactive", cause=why),),
        consequences=of_change(key, row.spec, {**row.spec, **_INACTIVE}, {"state"}, given.around),
        keep=Keep(on_removal=entry.on_removal, protected=entry.protected),
        orphan=True,
    )


def disowned(key: Key, entry: InventoryEntry, cause: Cause) -> Forget | Held:
    """Ours until now, declared as somebody else's from now on (lifecycle external)."""
    if entry.protected:
        reason = (
            "is declared lifecycle external, but protected (management.protect): "
            "declare it managed with protect: false and apply before handing it over"
        )
        return Held(key=key, reason=reason, because=HeldBecause.PROTECTED)
    return Forget(key=entry.key, external_id=entry.external_id, before=entry.applied, cause=cause, consequences=of_forget(key))
