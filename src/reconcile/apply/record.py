"""What is written down about a change: the inventory entry it leaves, and its line in the audit trail. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.audit_record import AuditRecord
from reconcile.model.canonical import Spec
from reconcile.model.change import Adopt, Change, Command, Create, Delete, Forget, Plan, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.kinds import secret_paths
from reconcile.model.position import Position
from reconcile.ports.configuration_store import Finished
from reconcile.ports.target import Written

NO_SECRETS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Which apply this belongs to; `at` is UTC RFC 3339."""

    apply_id: str
    actor: str
    source: str
    revision: str
    at: str


def action_of(change: Change) -> str:
    """The word of a change: create, adopt, update, delete, or a command's verb."""
    match change:
        case Create():
            return "create"
        case Adopt():
            return "adopt"
        case Update():
            return "update"
        case Delete():
            return "delete"
        case Forget():
            return "forget"
        case Command():
            return change.verb
    assert_never(change)


def position_of(change: Change) -> Position | None:
    """Where git declares it."""
    return change.position if isinstance(change, Update) else change.cause.position


def finished(
    change: Change,
    written: Written,
    occasion: Occasion,
    token: str,
    entry: InventoryEntry | None,
    *,
    secrets: Mapping[str, str] = NO_SECRETS,
) -> Finished:
    """The change took effect. `entry` is what the inventory held of it before (for a renamed one under its old key); `secrets` are
    the keyed digests of the values that were handed over, by path."""
    words = audit(change, occasion, "applied", {"externalId": written.external_id, "refused": dict(written.refused)})
    match change:
        case Delete() | Forget():
            return Finished(token=token, audit=words, removed=change.key)
        case Command():
            return Finished(token=token, audit=words)
        case Create() | Adopt() | Update():
            removed: Key | None = change.previous if isinstance(change, Update) else None
            return Finished(token=token, audit=words, entry=_entry(change, written, occasion, entry, secrets), removed=removed)
    assert_never(change)


def _entry(
    change: Create | Adopt | Update, written: Written, occasion: Occasion, before: InventoryEntry | None, secrets: Mapping[str, str]
) -> InventoryEntry:
    position = position_of(change)
    touched = set(change.spec) if isinstance(change, Create) else {field.path for field in change.fields}
    known = {**(before.secrets if before else {}), **secrets}
    orphan = isinstance(change, Update) and change.orphan
    kept = {path: leaf for path, leaf in before.answered.items() if path in change.spec and path not in touched} if before else {}
    return InventoryEntry(
        key=change.key,
        external_id=written.external_id,
        applied=change.spec,
        source_file=position.file if position else before.source_file if before else "",
        source=occasion.source,
        revision=occasion.revision,
        applied_at=occasion.at,
        adopted=isinstance(change, Adopt) or (before is not None and before.adopted),
        # The row of a document that is gone still hangs on what it was applied with.
        depends_on=before.depends_on if orphan and before else change.references,
        answered={**kept, **written.answered},
        on_removal=change.keep.on_removal,
        protected=change.keep.protected,
        secrets={path: value for path, value in known.items() if orphan or f"{path}.ref" in change.spec},
    )


def secret_references(change: Change) -> Mapping[str, str]:
    """Path of each secret to hand over → its reference: all of a new or adopted row, the changed ones of an update."""
    if not isinstance(change, (Create, Adopt, Update)):
        return {}
    spec: Spec = change.spec
    touched = {item.path for item in change.fields} if isinstance(change, Update) else None
    rotated = {item.path for item in change.rotated} if isinstance(change, Update) else ()
    found: dict[str, str] = {}
    for path in secret_paths(change.key.kind):
        reference = spec.get(f"{path}.ref")
        if isinstance(reference, str) and (touched is None or path in rotated or {f"{path}.ref", f"{path}.generation"} & touched):
            found[path] = reference
    return found


def _moved(change: Change) -> dict[str, list[object]]:
    """Each field, from what to what."""
    match change:
        case Create():
            return {path: [None, leaf] for path, leaf in change.spec.items()}
        case Adopt() | Update():
            return {field.path: [field.before, field.after] for field in change.fields}
        case Delete() | Forget():
            return {path: [leaf, None] for path, leaf in change.before.items()}
        case Command():
            return {}
    assert_never(change)


def audit(change: Change, occasion: Occasion, result: str, detail: dict[str, object]) -> AuditRecord:
    """One line of the trail. Specs hold references, so nothing of this is secret."""
    fields: dict[str, object] = {}
    moved = _moved(change)
    if moved:
        fields["fields"] = moved
    if isinstance(change, Forget) and change.cause.note:
        fields["reason"] = change.cause.note
    if isinstance(change, Update):
        if change.previous is not None:
            fields["previous"] = str(change.previous)
        if change.rotated:
            fields["rotated"] = [secret.path for secret in change.rotated]
        if change.records:
            fields["records"] = {record.path: [record.before, record.after] for record in change.records}
    return AuditRecord(
        at=occasion.at,
        actor=occasion.actor,
        apply_id=occasion.apply_id,
        action=action_of(change),
        key=str(change.key),
        result=result,
        source=occasion.source,
        revision=occasion.revision,
        detail=json.dumps({**fields, **detail}, ensure_ascii=False, separators=(",", ":")),
    )


def approvals(plan: Plan, occasion: Occasion) -> Iterator[AuditRecord]:
    """A line for each rule that asked for approval and got it: by whom, and what proves it."""
    judgement = plan.judgement
    if judgement is None:
        return
    for one in judgement.asked:
        if one.granted:
            given = [{"name": by.name, "proof": by.how} for by in one.given]
            detail = {"of": list(one.names), "minimum": one.minimum, "given": given, "commit": judgement.commit}
            yield AuditRecord(
                at=occasion.at,
                actor=occasion.actor,
                apply_id=occasion.apply_id,
                action="approve",
                key=f"PolicyRule/{one.rule}",
                result="granted",
                source=occasion.source,
                revision=occasion.revision,
                detail=json.dumps(detail, ensure_ascii=False, separators=(",", ":")),
            )
