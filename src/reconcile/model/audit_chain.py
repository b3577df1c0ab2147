"""The hash chain of the audit trail: each link is SHA-256 over the link before it and the record in its canonical form.

Whoever keeps the last hash elsewhere can tell later that nothing before it was changed, removed or moved. Whoever can write to the
database can also compute the whole chain anew: only a hash that was kept elsewhere tells that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.audit_record import AuditRecord

#: What the first link is computed from; names the canonical form, so that another form could be told apart.
ORIGIN: Final = "audit trail of reconcile, form 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where a chain ended: the number of its last record, and that record's hash."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a look at the whole trail found. `broken` names the first record that is not as it was written, in one sentence, "" when all
    are. `before_chain` records were written before there was a chain; the first link covers them. `since_expected` counts the records
    after the one whose hash was expected."""

    records: int
    before_chain: int
    head: str
    broken: str = ""
    sequence: int = 0
    since_expected: int | None = None


def link(previous: str, record: AuditRecord) -> str:
    """The hash of `record` after `previous`: lower-case hexadecimal. `record.hash` itself is not covered."""
    fields = [
        record.sequence,
        record.at,
        record.actor,
        record.apply_id,
        record.action,
        record.key,
        record.result,
        record.source,
        record.revision,
        record.detail,
    ]
    text = json.dumps([previous, *fields], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def verify(records: Iterable[AuditRecord], anchor: Anchor | None, *, expected: str = "") -> Verified:
    """Walk `records`, oldest first. `anchor` is where the store says the chain ended; `expected` a hash that was kept elsewhere.

    Stops at the first record that is not as it was written.
    """
    last = AuditRecord(at="", actor="", apply_id="", action="", key="", result="", source="", revision="", detail="")
    previous, count, before, since = ORIGIN, 0, 0, None
    for record in records:
        broken = ""
        computed = link(previous, record)
        if record.sequence != last.sequence + 1:
            broken = _gap(last.sequence, record.sequence)
        elif record.hash and record.hash != computed:
            broken = f"record {record.sequence} is not as it was written, or one before it was changed"
            if not last.hash and before:
                broken = f"record {record.sequence} or one of the {before} before the chain is not as it was written"
        elif not record.hash and last.hash:
            broken = f"record {record.sequence} has lost its hash"
        if broken:
            return Verified(records=count, before_chain=before, head=last.hash, broken=broken, sequence=record.sequence)
        count += 1
        before += not record.hash
        since = 0 if expected and record.hash == expected else None if since is None else since + 1
        previous, last = computed, record
    found = Verified(records=count, before_chain=before, head=last.hash, sequence=last.sequence, since_expected=since)
    return _ended(found, anchor, expected)


def _gap(before: int, after: int) -> str:
    if after <= before:
        return f"record {after} stands after record {before}"
    first, last = before + 1, after - 1
    return f"record {first} is missing" if first == last else f"records {first} to {last} are missing"


def _ended(found: Verified, anchor: Anchor | None, expected: str) -> Verified:
    broken = ""
    if anchor is not None and anchor.sequence > found.sequence:
        broken = f"the trail ends with record {found.sequence}, but record {anchor.sequence} was written"
    elif anchor is not None and (anchor.sequence, anchor.hash) != (found.sequence, found.head):
        broken = f"the store says that the trail ended with record {anchor.sequence}, but it ends with record {found.sequence}"
        if anchor.sequence == found.sequence:
            broken = f"record {found.sequence} ends the trail with another hash than the store says"
    elif anchor is None and found.head:
        broken = "the store no longer says where the trail ended"
    elif expected and found.since_expected is None:
        broken = f"no record carries the hash {expected}: the trail was cut off or written anew since that hash was kept"
    if not broken:
        return found
    return Verified(records=found.records, before_chain=found.before_chain, head=found.head, broken=broken, sequence=found.sequence)
