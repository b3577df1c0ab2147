"""What stays although a commit is taken back: mail that was read or sent, rows that came or went. From what the store knows. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model.audit_record import AuditRecord
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState
from reconcile.plan.revert import Reverted
from reconcile.ports.mail_counts import Moved

_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """A mailbox that the commit had to do with, its row, and since when what the commit said was in force there."""

    key: Key
    external_id: str
    since: str


def lasting(
    reverted: Reverted,
    today: DesiredState,
    entries: Mapping[Key, InventoryEntry],
    records: Sequence[AuditRecord],
    moved: Callable[[str, str], Moved],
) -> tuple[str, ...]:
    """Sentences. `records` are those since the commit was made, in any order; `moved` asks for a row and a moment."""
    made = {key: record for key in reverted.touched if (record := _made_true(key, reverted, records)) is not None}
    return (*_rows(made, reverted), *_floors(made, reverted), *_mail(_uses(made, reverted, today, entries), moved))


def _made_true(key: Key, reverted: Reverted, records: Sequence[AuditRecord]) -> AuditRecord | None:
    """The first record of an apply that did to a resource what the commit said."""
    names = {str(key), str(reverted.names[key])}
    applied = sorted((record for record in records if record.result == "applied" and record.key in names), key=_moment)
    paths = reverted.touched[key]
    if key in reverted.restored:
        return next((record for record in applied if record.action in ("delete", "forget") or "state" in _fields(record)), None)
    came = next((record for record in applied if record.action in ("create", "adopt")), None)
    if "" in paths:
        return came
    # A row that was created or taken over after the commit got everything at once.
    return next((record for record in applied if record.action not in ("create", "adopt") and _did(record, paths)), came)


def _did(record: AuditRecord, paths: frozenset[str]) -> bool:
    return not paths or bool(paths & _fields(record).keys())


def _moment(record: AuditRecord) -> tuple[datetime, int]:
    return datetime.fromisoformat(record.at), record.sequence


#: What the commit made, took over, gave away or deleted.
_ROWS = {
    "create": "was created on {at} as row {row}; what it tracked stays, and removing it follows its onRemoval",
    "adopt": "was taken over on {at} (row {row}); removing it follows its onRemoval",
    "delete": "was deleted on {at} as row {row}; made again it is another row: what the old one tracked stays with it, and mail is "
    "read again from the floor on",
    "forget": "was given up on {at} (row {row}); it is taken over again as it is now",
}


def _rows(made: Mapping[Key, AuditRecord], reverted: Reverted) -> Iterator[str]:
    for action, sentence in _ROWS.items():
        found = [(key, record) for key, record in made.items() if record.action == action and "" in reverted.touched[key]]
        for key, record in found[:_NAMED]:
            yield f"{key} " + sentence.format(at=record.at, row=_detail(record).get("externalId") or "unknown")
        if len(found) > _NAMED:
            yield f"and {len(found) - _NAMED:,} more that an apply had to {action}"


def _floors(made: Mapping[Key, AuditRecord], reverted: Reverted) -> Iterator[str]:
    """Mail from before the old floor was read in between, and stays."""
    for key, record in made.items():
        change = _fields(record).get("processEmailFrom")
        if "processEmailFrom" not in reverted.touched[key] or not isinstance(change, list) or len(change) != 2:
            continue
        before, after = change
        if isinstance(before, str) and (after is None or (isinstance(after, str) and after < before)):
            yield f"{key}: mail from {after or 'the oldest message'} to {before} was read from {record.at} on and stays tracked"


def _fields(record: AuditRecord) -> Mapping[str, object]:
    found = _detail(record).get("fields")
    return found if isinstance(found, dict) else {}


def _detail(record: AuditRecord) -> Mapping[str, object]:
    try:
        found = json.loads(record.detail)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _uses(
    made: Mapping[Key, AuditRecord], reverted: Reverted, today: DesiredState, entries: Mapping[Key, InventoryEntry]
) -> Iterator[_Use]:
    """Each mailbox once, with the earliest moment."""
    found: dict[str, _Use] = {}
    for key, record in made.items():
        now = reverted.names[key]
        users = [now] if key.kind == "Mailbox" else [one for one, mailbox in today.resources.items() if now in mailbox.references]
        for user in users:
            entry = entries.get(user) or (entries.get(key) if user == now else None)
            external_id = entry.external_id if entry is not None else str(_detail(record).get("externalId") or "")
            if external_id and user.kind == "Mailbox" and (external_id not in found or record.at < found[external_id].since):
                found[external_id] = _Use(key=user, external_id=external_id, since=record.at)
    yield from found.values()


def _mail(uses: Iterator[_Use], moved: Callable[[str, str], Moved]) -> Iterator[str]:
    tracked: list[tuple[int, _Use]] = []
    sent: list[tuple[_Use, Sequence[int]]] = []
    uncertain: list[tuple[_Use, Sequence[int]]] = []
    for use in uses:
        found = moved(use.external_id, use.since)
        tracked += [(found.tracked, use)] if found.tracked else []
        sent += [(use, found.sent)] if found.sent else []
        uncertain += [(use, found.uncertain)] if found.uncertain else []
    if tracked:
        tracked.sort(key=lambda one: (-one[0], one[1].key))
        parts = [f"{use.key} {count:,} since {use.since}" for count, use in tracked[:_NAMED]]
        yield f"{_messages(sum(count for count, _ in tracked))} tracked since then {_stay(tracked)}: {_listed(parts, len(tracked))}"
    for mails, words in ((sent, "sent since then"), (uncertain, "handed to a server since then without an answer")):
        if mails:
            parts = [
                f"{use.key} (outbox {_listed([str(number) for number in numbers[:_NAMED]], len(numbers))})"
                for use, numbers in mails[:_NAMED]
            ]
            yield f"{_messages(sum(len(numbers) for _, numbers in mails))} {words}: {_listed(parts, len(mails))}"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"


def _stay(tracked: Sequence[tuple[int, _Use]]) -> str:
    return "stays" if sum(count for count, _ in tracked) == 1 else "stay"


def _listed(parts: Sequence[str], whole: int) -> str:
    return ", ".join(parts) + (f" and {whole - len(parts):,} more" if whole > len(parts) else "")
