"""The directory of parties as text. Names and addresses come from strangers, so they are neutralised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.model.found_address import FoundAddress
from reconcile.model.party import PartyRef, PartyRow
from reconcile.model.party_import import PartyImported
from reconcile.report.counted import counted
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

_HEADERS = ("type", "id", "name", "addresses", "owner", "filter", "remarks")
_PLURALS = {"equipment": "equipment", "other": "others"}
_LIMITS = (None, 40, 40, 60, 40, None, None)


def page_text(rows: Sequence[PartyRow], counts: Mapping[str, int], *, more: bool, fit: int | None = None) -> str:
    """One page, how many there are of each type, and how to go on."""
    shown = table(_HEADERS, [_cells(row, None) for row in rows], limits=_LIMITS, fit=fit, empty="no rows")
    parts = ", ".join(counted(number, type_, _PLURALS.get(type_, "")) for type_, number in counts.items())
    lines = [shown, "", f"{counted(sum(counts.values()), 'row')} in the directory{f': {parts}' if parts else ''}"]
    if more:
        lines.append(f"more: --after {neutral(f'{rows[-1].ref.type}:{rows[-1].ref.id}')}")
    return "\n".join(lines)


def found_text(found: FoundAddress, *, fit: int | None = None) -> str:
    """The rows of an address, and whom it resolves to."""
    rows = [_cells(row, found.mailbox) for row in found.rows]
    sender = party_words(found.sender) if found.sender else "nobody"
    recipients = ", ".join(map(party_words, found.recipients)) or "nobody"
    return "\n".join(
        (
            table(_HEADERS, rows, limits=_LIMITS, fit=fit, empty=f"no row has the address {neutral(found.address)}"),
            "",
            f"as sender:    {sender} ({found.sender_why})",
            f"as recipient: {recipients} ({found.recipients_why})",
        )
    )


def party_words(ref: PartyRef) -> str:
    """`contact 4711 (Name)`."""
    name = f" ({neutral(ref.name)})" if ref.name else ""
    return f"{ref.type} {neutral(ref.id)}{name}"


def import_lines(file: str, result: PartyImported) -> list[str]:
    """What is wrong, with its place; what was done; and the next step where there is one."""
    lines = [f"{neutral(file)}:{each.line}:{each.column}: {neutral(each.message)}" for each in result.wrong]
    if result.wrong_count > len(result.wrong):
        lines.append(f"… and {result.wrong_count - len(result.wrong)} more")
    wrong = counted(result.wrong_count, "line is wrong", "lines are wrong")
    done = result.done
    if done is not None:
        counts = [f"{done.added} added", f"{done.changed} changed", f"{done.unchanged} unchanged", f"{done.removed} removed"]
        counts += [f"{counted(done.superseded, 'contact')} made from mail replaced"] if done.superseded else []
        lines.append(", ".join(counts) + (f"; {wrong} and left out" if result.wrong_count else ""))
        if result.kept_rest:
            lines.append("nothing was removed, because lines were left out")
    elif result.removals:
        lines.append(f"nothing was imported: {result.removals} of {counted(result.rows_before, 'row')} would go")
        lines.append("  next: check that the file is complete; then --allow-removals, or --incremental to keep them.")
    else:
        lines.append(f"nothing was imported: {wrong}")
        lines.append("  next: mend them, or leave them out with --skip-invalid.")
    return lines


def _cells(row: PartyRow, mailbox: PartyRef | None) -> tuple[object, ...]:
    remarks = (
        ("not active", not row.active),
        ("may not own e-mail", not row.writes_email),
        ("made from mail", bool(row.origin)),
        ("applied mailbox", row.ref == mailbox),
    )
    said = ", ".join(words for words, holds in remarks if holds)
    return row.ref.type, row.ref.id, row.ref.name, ", ".join(row.addresses), row.owner, row.filter, said
