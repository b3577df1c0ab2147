"""No two mailboxes get one address: whoever asks for one that another row keeps is held. Two rows with one address read the same mail
twice. Documents of one address are a finding before; here it is rows that no document speaks for, or whose own change is held."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.model.canonical import Spec
from reconcile.model.change import Adopt, Change, Create, Delete, Held, HeldBecause, Update
from reconcile.model.key import Key
from reconcile.model.kinds import natural_identity
from reconcile.model.observation import Present
from reconcile.plan.consequences.words import is_active
from reconcile.plan.given import Given

_MAILBOX = "Mailbox"


def hold_taken(given: Given, found: dict[Key, Change]) -> list[Held]:
    """Takes the changes that must wait out of `found`. One that waits keeps its own address, so another may have to wait for that."""
    held: list[Held] = []
    asking = {key: address for key, change in found.items() if (address := _asked_address(change)) is not None}
    rows: dict[str, list[Present]] = {}
    wanted = {*asking.values()}
    for row in given.observed.rows if wanted else ():
        identity = natural_identity(_MAILBOX, row.spec) if row.kind == _MAILBOX else None
        if identity in wanted:
            rows.setdefault(str(identity), []).append(row)
    waiting = bool(rows)
    while waiting:
        waiting = False
        by_row = {external_id: one for one in found.values() if (external_id := getattr(one, "external_id", None)) is not None}
        for key, address in asking.items():
            change = found.get(key)
            keeper = next((row for row in rows.get(address, ()) if change is not None and _keeps(row, change, by_row)), None)
            if keeper is not None:
                del found[key]
                reason = f"{_name(keeper, given)} has its address on the target and keeps it; give one of them another"
                held.append(Held(key=key, reason=reason, because=HeldBecause.WAITS))
                waiting = True
    return held


def _asked_address(change: Change) -> str | None:
    if change.key.kind != _MAILBOX:
        return None
    if isinstance(change, Create):
        return natural_identity(_MAILBOX, change.spec)
    return natural_identity(_MAILBOX, _asked(change))


def _asked(change: Change | None) -> Spec:
    return {field.path: field.after for field in change.fields} if isinstance(change, (Adopt, Update)) else {}


def _keeps(row: Present, change: Change, by_row: Mapping[str, Change]) -> bool:
    """Whether a row that is not its own will still be read under the address it has now."""
    if row.external_id == getattr(change, "external_id", None):
        return False
    planned = by_row.get(row.external_id)
    after = {**row.spec, **_asked(planned)}
    same = natural_identity(_MAILBOX, after) == natural_identity(_MAILBOX, row.spec)
    return same and is_active(after) and not isinstance(planned, Delete)


def _name(row: Present, given: Given) -> str:
    owner = next((key for key, entry in given.inventory.items() if entry.external_id == row.external_id), None)
    return str(owner or Key(row.kind, row.name or row.external_id))
