"""Why an item is in a mailbox, or is not: what ties it there, what is about to be done, what met."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconcile.model.item_brake import ITEM_DELETIONS
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_link import DELETED_THERE, NOWHERE, Link, LinkState
from reconcile.model.item_record import Record
from reconcile.report.items import called, conflict_words, item_json, title
from reconcile.report.safe_text import neutral

_RELINK: Final = "reconcile activities items relink"
_Names = Mapping[str, tuple[str, str]]


def link_json(link: Link, names: _Names) -> dict[str, Any]:
    """One tie. `pending`: something of the record is still to be carried over."""
    slug, address = names.get(link.mailbox_id, (link.mailbox_id, ""))
    return {
        "mailbox": slug,
        "address": address,
        "state": str(link.state),
        "why": link.why or None,
        "madeHere": link.made_here,
        "byFilter": link.in_scope,
        "byCategory": link.categorised,
        "organizedHere": link.organized_here,
        "pending": link.record_version == 0,
        "deletedThere": link.departed,
        "toBeMadeAnew": link.anew,
        "remote": {"protocol": link.remote_id.protocol, "id": link.remote_id.value, "version": link.version},
    }


def link_line(link: Link, names: _Names) -> str:
    """One tie in a sentence."""
    slug, address = names.get(link.mailbox_id, (link.mailbox_id, ""))
    where = f"{neutral(slug)} ({neutral(address)})" if address else neutral(slug)
    origin = "made from the record" if link.made_here else "found there"
    because = [word for word, so in (("a filter", link.in_scope), ("its category", link.categorised)) if so]
    reason = f"wanted by {' and '.join(because)}" if because else "wanted by nobody now"
    match link.state:
        case LinkState.LINKED:
            pending = "; something is still to be carried over" if link.record_version == 0 else ""
            held = f"; held: {neutral(link.why)}" if link.why else ""
            held += f"; deleted in the mailbox; the brake {ITEM_DELETIONS} holds what follows" if link.departed else ""
            return f"{where}: kept in step; {origin}, {reason}{held}{pending}"
        case LinkState.LEFT:
            next_ = "they come together again by themselves once it is back there"
            if link.anew:
                next_ = "the next look of `reconcile sync` makes it anew where it was deleted"
            elif link.why.startswith(NOWHERE):
                next_ += f", or `{_RELINK} {link.record_id} --anew` makes another"
            return f"{where}: apart for now: {neutral(link.why)}; {next_}"
        case _:
            return f"{where}: apart: {neutral(link.why)}{_way_back(link)}"


def apart_json(record: Record, links: Sequence[Link], names: _Names) -> dict[str, Any]:
    """One of those that `activities items list --apart` shows, with the ties that do not hold."""
    return {**item_json(record), "apart": [link_json(link, names) for link in links if link.state is not LinkState.LINKED]}


def apart_text(record: Record, links: Sequence[Link], names: _Names) -> str:
    """The same in lines: what it is, and why it is apart from which mailbox."""
    head = f"{record.id}  {called(record)}, {record.state}: {neutral(title(record.item)) or '(without a name)'}"
    return "\n".join([head, *(f"    {link_line(link, names)}" for link in links if link.state is not LinkState.LINKED)])


def _way_back(link: Link) -> str:
    """What a person may do. A record that is gone has nothing to come back to."""
    if link.record_version == -1:
        return ""
    command = f"{_RELINK} {link.record_id}"
    if link.why.startswith(DELETED_THERE):
        return f"; it comes back when somebody takes it out of the trash there, or `{command} --anew` makes another"
    return f"; `{command}` ties them again"


def conflict_json(conflict: ItemConflict, names: _Names) -> dict[str, Any]:
    """One conflict, with both versions."""
    return {
        "id": conflict.id,
        "item": conflict.record_id,
        "kind": str(conflict.kind),
        "mailbox": names.get(conflict.mailbox_id, (conflict.mailbox_id, ""))[0],
        "field": conflict.field,
        "ours": json.loads(conflict.ours),
        "theirs": json.loads(conflict.theirs),
        "oursWins": conflict.ours_wins,
        "at": conflict.at,
        "resolvedAt": conflict.resolved_at or None,
    }


def listed_conflict(conflict: ItemConflict, names: _Names) -> dict[str, Any]:
    """One conflict with who saw to it. The feed, whose shape is public, says that as `by` of its change."""
    return {**conflict_json(conflict, names), "resolvedBy": conflict.resolved_by or None}


def fate_json(
    record: Record | None, item_id: int, links: Sequence[Link], conflicts: Sequence[ItemConflict], names: _Names, nowhere: str = ""
) -> dict[str, Any]:
    """`reconcile explain item`. `nowhere` says why it is in no mailbox, where it is in none."""
    return {
        "item": item_id,
        "kind": str(record.kind) if record is not None else None,
        "version": record.version if record is not None else None,
        "mailboxes": [link_json(link, names) for link in links],
        "why": nowhere or None,
        "conflicts": [conflict_json(each, names) for each in conflicts],
    }


def fate_text(
    record: Record | None, item_id: int, links: Sequence[Link], conflicts: Sequence[ItemConflict], names: _Names, nowhere: str = ""
) -> str:
    """The same for people."""
    if record is None:
        head = f"item {item_id} was deleted here"
    else:
        words = f"{called(record)} {item_id}: {neutral(title(record.item))}"
        edited = f"version {record.version}, last edited by {neutral(record.edited_by)}"
        head = f"{words}\n  owner {neutral(record.owner)}, {record.state}, {edited}"
    where = [f"  {link_line(link, names)}" for link in links] or [f"  in no mailbox{f': {neutral(nowhere)}' if nowhere else ''}"]
    met = [f"  {conflict_words(listed_conflict(each, names))}" for each in conflicts]
    return "\n".join([head, "mailboxes", *where, *(["conflicts", *met] if met else [])])
