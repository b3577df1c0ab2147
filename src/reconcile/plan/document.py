"""Plans and changes as JSON documents: the writing half of the codec. There are no secrets in them: specs hold references."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias, assert_never

from reconcile.model.canonical import Leaf, Spec
from reconcile.model.change import Adopt, Cause, Change, Command, Create, Delete, FieldChange, Forget, Keep, Plan, SecretChange, Update
from reconcile.model.discovered import Discovered
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.plan.judgement_document import figures_document, judgement_document, place

#: 1.2: figures and judgement. 1.3: servers that Autodiscover named; a plan without any is written as before, for readers of 1.2.
FORMAT_VERSION = "1.2"
WITH_DISCOVERED = "1.3"
#: Those that are read.
READABLE = ("1.1", FORMAT_VERSION, WITH_DISCOVERED)

JsonLeaf: TypeAlias = str | bool | int | list[str] | None


def document(plan: Plan) -> dict[str, object]:
    """The plan as a JSON document, sealed by its checksum."""
    body = _body(plan)
    return {**body, "checksum": checksum(body)}


def checksum(body: Mapping[str, object]) -> str:
    """SHA-256 (hexadecimal) of everything else in the document, whatever its layout.

    The digest covers what an apply would do, so that equal plans have equal digests; this covers brakes, ground and whole specs
    too. It finds edits and accidents. It is no signature: whoever can write the file can also compute it.
    """
    text = json.dumps({name: value for name, value in body.items() if name != "checksum"}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _body(plan: Plan) -> dict[str, object]:
    return {
        "formatVersion": WITH_DISCOVERED if plan.discovered else FORMAT_VERSION,
        "target": plan.target,
        "environment": plan.environment,
        "organizationId": plan.organization_id,
        "source": plan.source,
        "revision": plan.revision,
        "changes": [change_document(change) for change in plan.changes],
        "held": [
            {"key": str(held.key), "reason": held.reason, "because": held.because.value, "position": _place(held.position)}
            for held in plan.held
        ],
        "brakes": [
            {
                "name": brake.name,
                "message": brake.message,
                "count": brake.count,
                "of": brake.of,
                "limit": brake.limit,
                "keys": [str(key) for key in brake.keys],
                "knob": brake.knob,
                "scope": brake.scope,
            }
            for brake in plan.brakes
        ],
        "notes": [
            {"message": note.message, "key": None if note.key is None else str(note.key), "position": _place(note.position)}
            for note in plan.notes
        ],
        "unchanged": plan.unchanged,
        "unobserved": list(plan.unobserved),
        "findings": plan.findings,
        "lifted": list(plan.lifted),
        "tenantId": plan.tenant_id,
        "commits": {
            file: {"id": commit.id, "author": commit.author, "at": commit.at, "subject": commit.subject}
            for file, commit in sorted(plan.commits.items())
        },
        "selection": None if plan.selection is None else {"only": list(plan.selection.only), "exclude": list(plan.selection.exclude)},
        "leftOut": plan.left_out,
        "lasting": list(plan.lasting),
        **({"against": plan.against} if plan.against else {}),
        **({"figures": figures_document(plan.figures)} if plan.figures is not None else {}),
        **({"judgement": judgement_document(plan.judgement)} if plan.judgement is not None else {}),
        **({"discovered": [_discovered(one) for one in plan.discovered]} if plan.discovered else {}),
        "digest": plan.digest,
    }


def _discovered(one: Discovered) -> dict[str, str]:
    return {
        "key": str(one.key),
        "address": one.address,
        "url": one.url,
        "method": one.method,
        "at": one.at,
        "before": one.before,
        "beforeAt": one.before_at,
    }


def change_document(change: Change) -> dict[str, object]:
    """One change as a JSON document."""
    shared: dict[str, object] = {"key": str(change.key), "consequences": list(change.consequences)}
    match change:
        case Create():
            return {
                "action": "create",
                **shared,
                "spec": _spec(change.spec),
                "cause": _cause(change.cause),
                "externalId": change.external_id,
                "references": _keys(change.references),
                **_keep(change.keep),
            }
        case Adopt():
            return {
                "action": "adopt",
                **shared,
                **_row(change),
                "spec": _spec(change.spec),
                "fields": _fields(change.fields),
                "cause": _cause(change.cause),
                "references": _keys(change.references),
                **_keep(change.keep),
            }
        case Update():
            return {
                "action": "update",
                **shared,
                **_row(change),
                "spec": _spec(change.spec),
                "fields": _fields(change.fields),
                "previous": None if change.previous is None else str(change.previous),
                "position": _place(change.position),
                "references": _keys(change.references),
                **_keep(change.keep),
                "rotated": [_secret(secret) for secret in change.rotated],
                "records": _fields(change.records),
                "orphan": change.orphan,
            }
        case Delete():
            return {"action": "delete", **shared, **_row(change), "before": _spec(change.before), "cause": _cause(change.cause)}
        case Forget():
            return {
                "action": "forget",
                **shared,
                "externalId": change.external_id,
                "before": _spec(change.before),
                "cause": _cause(change.cause),
            }
        case Command():
            return {
                "action": "command",
                **shared,
                **_row(change),
                "verb": change.verb,
                "arguments": _spec(change.arguments),
                "reason": change.reason,
                "cause": _cause(change.cause),
            }
    assert_never(change)


def _place(position: Position | None) -> dict[str, object] | None:
    return None if position is None else place(position)


def _cause(cause: Cause) -> dict[str, object]:
    left = {"wasIn": cause.was_in} if cause.was_in else {}
    return {"moved": cause.moved.value, "position": _place(cause.position), "note": cause.note, **left}


def _fields(fields: Sequence[FieldChange]) -> list[dict[str, object]]:
    return [
        {"path": field.path, "before": _leaf(field.before), "after": _leaf(field.after), "cause": _cause(field.cause)} for field in fields
    ]


def _keep(keep: Keep) -> dict[str, object]:
    return {"keep": {"onRemoval": None if keep.on_removal is None else keep.on_removal.value, "protected": keep.protected}}


def _secret(secret: SecretChange) -> dict[str, object]:
    return {
        "path": secret.path,
        "reference": secret.reference,
        "before": secret.before,
        "after": secret.after,
        "cause": _cause(secret.cause),
    }


def _row(change: Adopt | Update | Delete | Command) -> dict[str, object]:
    return {"externalId": change.external_id, "observedVersion": change.observed_version}


def _keys(keys: Sequence[Key]) -> list[str]:
    return [str(key) for key in keys]


def _leaf(leaf: Leaf) -> JsonLeaf:
    return list(leaf) if isinstance(leaf, tuple) else leaf


def _spec(spec: Spec) -> dict[str, JsonLeaf]:
    return {path: _leaf(leaf) for path, leaf in spec.items()}
