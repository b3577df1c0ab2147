"""Moving sealed values to the key that seals now, while others go on reading and sealing.

Each batch is one transaction of its own that changes only what is still as it was read, so this may be ended and begun again at any
line: what was moved stays moved, and what somebody sealed in between is theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret, SecretRef
from reconcile.ports.sealed_records import Reseal, SealedRecord, SealedRecords
from reconcile.secrets.digest import KeyedDigests
from reconcile.secrets.envelope import Envelope, key_id, sealing_key

BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """`moved` values are on the first key now; `unopened` belong to a key that is not here, with the reason each."""

    moved: int
    unopened: tuple[tuple[SealedRecord, str], ...]


def count_by_key(records: SealedRecords) -> Mapping[str, int]:
    """Sealed values by the id of their key; "" for what this version cannot read."""
    return Counter(sealing_key(record.value) or "" for record in records.records())


def reseal(
    records: SealedRecords,
    sealing: Sequence[Secret],
    opening: Sequence[Secret] = (),
    *,
    moved: Callable[[int], None] = lambda _: None,
) -> Resealed:
    """Seal with the first of `sealing` whatever another key of `sealing` or `opening` sealed. `moved` hears of each batch.

    Repeats until a pass finds nothing to move: what an apply that began before sealed meanwhile is found, too.
    """
    target, opener = Envelope(sealing[0]), Envelope(*sealing, *opening)
    digests = {key_id(key).hex()[:8]: KeyedDigests(key) for key in (*opening, *sealing)}
    new_digests, identifier = KeyedDigests(sealing[0]), key_id(sealing[0]).hex()
    total = 0
    while True:
        waiting: list[Reseal] = []
        unopened: list[tuple[SealedRecord, str]] = []
        found = 0

        def write(batch: list[Reseal]) -> int:
            changed = records.reseal(batch)
            moved(changed)
            return changed

        for record in records.records():
            sealed_now = sealing_key(record.value) == identifier
            if sealed_now and (not record.digest or record.digest.endswith(identifier[:8])):
                continue
            try:
                value = opener.open(record.value, identity=record.identity)
            except SettingsError as error:
                unopened.append((record, error.message))
                continue
            digest = _digest(record, value, digests, new_digests)
            if sealed_now and digest == record.digest:
                continue
            waiting.append(Reseal(before=record, value=target.seal(value, identity=record.identity), digest=digest))
            found += 1
            if len(waiting) == BATCH:
                total += write(waiting)
                waiting = []
        if waiting:
            total += write(waiting)
        if not found:
            return Resealed(moved=total, unopened=tuple(unopened))


def _digest(record: SealedRecord, value: Secret, known: Mapping[str, KeyedDigests], new: KeyedDigests) -> str:
    """The digest of the same value under the new key, where the old one was of this value; otherwise it stays as it is."""
    old = known.get(record.digest[-8:])
    if old is None or not record.reference:
        return record.digest
    reference = SecretRef.parse(record.reference)
    return new.digest(reference, value) if old.digest(reference, value) == record.digest else record.digest
