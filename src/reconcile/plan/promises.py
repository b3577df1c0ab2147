"""What our engine will not carry out: noted once a cause, and taken back from the words about the changes.

Who runs is decided by the mail engine itself (`Circumstances.deciding`), over the rows as they will be after the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from reconcile.model.change import Adopt, Change, Create, Delete, Note, Update
from reconcile.model.key import Key
from reconcile.model.kinds import defaults
from reconcile.model.shortfall import Effect, FutureRow, Shortfall
from reconcile.plan.consequences.mailbox import BOTH_START, PROMISED
from reconcile.plan.consequences.words import mailboxes, some, text
from reconcile.plan.given import Given

_LOOKED_AT = ("Mailbox", "EmailServerProfile", "Organization")
_DIRECTIONS = (Effect.INCOMING, Effect.OUTGOING)
_TAKEN_BACK: Mapping[Effect, str] = {
    Effect.INCOMING: "incoming mail is asked for and will not start: see the notes",
    Effect.OUTGOING: "outgoing mail is asked for and will not start: see the notes",
    Effect.APPOINTMENTS: "appointments, contacts and tasks are asked for and will not start: see the notes",
    Effect.FOLDERS: "folders are to be tracked, and not all of them will be: see the notes",
}
_MAIL: Mapping[Effect, str] = {Effect.INCOMING: "received", Effect.OUTGOING: "sent"}
_ITEMS = "appointments, contacts and tasks"


def promise_less(found: dict[Key, Change], given: Given) -> list[Note]:
    """Rewrites the consequences in `found`. Mailboxes that change are looked at, and those of a profile or organization that does."""
    if not given.engine or not any(key.kind in _LOOKED_AT for key in found):
        return []
    rows = _afterwards(found, given)
    short = given.circumstances.deciding(rows, _concerned(rows, found))
    by_mailbox: dict[Key, set[Effect]] = {}
    for one in short:
        by_mailbox.setdefault(one.mailbox, set()).add(one.effect)
    profiles = _profiles(rows)
    stalled = {profiles[one.mailbox] for one in short if one.effect in _DIRECTIONS}
    for key, change in found.items():
        consequences: tuple[str, ...] = getattr(change, "consequences", ())
        words = consequences
        if key in by_mailbox:
            words = tuple(_kept(sentence, by_mailbox[key]) for sentence in consequences)
        elif key.kind == "EmailServerProfile":
            words = tuple(_of_profile(sentence, key.name in stalled) for sentence in consequences)
        if words != consequences:
            found[key] = replace(change, consequences=words)
    return list(_notes(short, given))


def _afterwards(found: Mapping[Key, Change], given: Given) -> list[FutureRow]:
    by_row = {external_id: change for change in found.values() if (external_id := getattr(change, "external_id", None)) is not None}
    # Of an estate in which one mailbox changes, that one is looked at.
    everybody = any(key.kind != "Mailbox" for key in found)
    owners = {entry.external_id: key for key, entry in given.inventory.items()}
    rows = []
    for row in given.observed.rows:
        change = by_row.get(row.external_id)
        if row.kind not in _LOOKED_AT or isinstance(change, Delete) or (row.kind == "Mailbox" and change is None and not everybody):
            continue
        if isinstance(change, (Adopt, Update)):
            rows.append(FutureRow(key=change.key, spec={**row.spec, **{field.path: field.after for field in change.fields}}))
        else:
            key = owners.get(row.external_id) or Key(row.kind, row.name or row.external_id)
            rows.append(FutureRow(key=key, spec=row.spec))
    made = [change for change in found.values() if isinstance(change, Create) and change.key.kind in _LOOKED_AT]
    # The fixed ones; what depends on other fields the decision works out itself, and names the field that is declared.
    usual = {kind: defaults(kind, {}) for kind in {change.key.kind for change in made}}
    rows.extend(FutureRow(key=change.key, spec={**usual[change.key.kind], **change.spec}) for change in made)
    return rows


def _concerned(rows: Collection[FutureRow], found: Mapping[Key, Change]) -> set[Key]:
    everybody = any(key.kind == "Organization" for key in found)
    moved = {key.name for key in found if key.kind == "EmailServerProfile"}
    return {mailbox for mailbox, profile in _profiles(rows).items() if everybody or mailbox in found or profile in moved}


def _profiles(rows: Collection[FutureRow]) -> dict[Key, str]:
    """The profile of each mailbox, "" for none."""
    usual = next((row.spec.get("defaults.profile") for row in rows if row.key.kind == "Organization"), None)
    return {row.key: text(row.spec.get("profile") or usual) for row in rows if row.key.kind == "Mailbox"}


def _kept(sentence: str, short: set[Effect]) -> str:
    if sentence == BOTH_START and not short.isdisjoint(_DIRECTIONS):
        return "is active again; not all of its mail starts: see the notes"
    if Effect.INCOMING in short and " is read again" in sentence:
        return f"{sentence}, once the mailbox receives: see the notes"
    return next((_TAKEN_BACK[effect] for effect, start in PROMISED.items() if effect in short and sentence.startswith(start)), sentence)


def _of_profile(sentence: str, stalled: bool) -> str:
    return f"{sentence}, except what the notes name" if stalled and sentence.endswith(" start again") else sentence


def _notes(short: Collection[Shortfall], given: Given) -> Iterator[Note]:
    """One a cause, with all that follows from it. Where several profiles have the same one, the first stands for them."""
    causes: dict[tuple[str, str, str], list[Shortfall]] = {}
    for one in short:
        causes.setdefault((one.type, one.field, one.message), []).append(one)
    for (type_, field, message), those in causes.items():
        owner = min(one.owner for one in those)
        prefix = "Unsupported: " if type_ == "Unsupported" else ""
        cause = message if field in message else f"{field}: {message}"
        place = given.desired.locate(owner, field) if owner in given.desired.resources else None
        yield Note(message=f"{prefix}{cause}: {'; '.join(_follows(those, message))}", key=owner, position=place)


def _follows(those: Collection[Shortfall], message: str) -> Iterator[str]:
    """What the same mailboxes go without is told together."""
    without: dict[Effect, set[str]] = {}
    for one in those:
        without.setdefault(one.effect, set()).add(one.mailbox.name)
    alike: dict[tuple[str, ...], set[Effect]] = {}
    for effect, names in without.items():
        alike.setdefault(tuple(sorted(names)), set()).add(effect)
    for mailbox_names, effects in sorted(alike.items(), key=lambda pair: (-len(pair[0]), pair[0])):
        words = f"{mailboxes(len(mailbox_names))} ({some(mailbox_names)})"
        said = ", and ".join(_lacking(effects, message))
        yield f"{said}: {words}" if said else words


def _lacking(effects: Collection[Effect], message: str) -> Iterator[str]:
    mail = " or ".join(word for effect, word in _MAIL.items() if effect in effects)
    if mail and f"nothing is {mail}" not in message:
        yield f"nothing is {mail}"
    if Effect.APPOINTMENTS in effects and (mail or _ITEMS not in message):
        yield f"{_ITEMS} are not kept in step"
