"""The hash chain of the audit trail: what it notices, and which record it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from reconcile.model.audit_chain import ORIGIN, Anchor, link, verify
from reconcile.model.audit_record import AuditRecord

RECORD = AuditRecord(
    at="2026-01-01T00:00:00Z",
    actor="tester@contoso.example",
    apply_id="apply-1",
    action="update",
    key="Mailbox/sales",
    result="applied",
    source="estate",
    revision="abc",
    detail='{"fields":{"incoming":["none","server-side"]}}',
)


def trail(count: int, *, before: int = 0) -> list[AuditRecord]:
    """`before` of them are older than the chain."""
    records, previous = [], ORIGIN
    for number in range(1, count + 1):
        record = replace(RECORD, sequence=number, key=f"Mailbox/m{number}")
        previous = link(previous, record)
        records.append(replace(record, hash=previous if number > before else ""))
    return records


def anchor_of(records: list[AuditRecord]) -> Anchor:
    return Anchor(sequence=records[-1].sequence, hash=records[-1].hash)


def test_a_sound_trail() -> None:
    records = trail(5)
    found = verify(records, anchor_of(records), expected=records[1].hash)
    assert (found.broken, found.records, found.before_chain, found.since_expected) == ("", 5, 0, 3)
    assert (found.head, found.sequence) == (records[-1].hash, 5)


def test_no_trail_at_all() -> None:
    assert verify([], None).broken == ""
    assert "no record carries" in verify([], None, expected="0" * 64).broken


def test_records_from_before_the_chain_are_covered_by_its_first_link() -> None:
    records = trail(5, before=3)
    assert (verify(records, anchor_of(records)).broken, verify(records, anchor_of(records)).before_chain) == ("", 3)
    records[1] = replace(records[1], result="failed")
    found = verify(records, anchor_of(records))
    assert found.broken == "record 4 or one of the 3 before the chain is not as it was written"


def test_before_anything_was_chained() -> None:
    records = trail(3, before=3)
    assert (verify(records, None).broken, verify(records, None).head) == ("", "")


Edit = Callable[[list[AuditRecord]], list[AuditRecord]]


def _without(*numbers: int) -> Edit:
    return lambda records: [record for record in records if record.sequence not in numbers]


def _closed_up(records: list[AuditRecord]) -> list[AuditRecord]:
    """The third is taken out and those after it get its number."""
    return [replace(record, sequence=number) for number, record in enumerate(_without(3)(records), 1)]


def _exchanged(records: list[AuditRecord]) -> list[AuditRecord]:
    second, third = records[1], records[2]
    return [records[0], replace(third, sequence=2), replace(second, sequence=3), *records[3:]]


@pytest.mark.parametrize(
    ("edit", "words", "sequence"),
    [
        (_without(3), "record 3 is missing", 4),
        (_without(2, 3), "records 2 to 3 are missing", 4),
        (_without(1), "record 1 is missing", 2),
        (_without(6), "the trail ends with record 5, but record 6 was written", 5),
        (_without(1, 2, 3, 4, 5, 6), "the trail ends with record 0, but record 6 was written", 0),
        (_closed_up, "record 3 is not as it was written, or one before it was changed", 3),
        (_exchanged, "record 2 is not as it was written, or one before it was changed", 2),
        (lambda records: [*records[:2], replace(records[2], hash=""), *records[3:]], "record 3 has lost its hash", 3),
        (lambda records: [records[1], records[0], *records[2:]], "record 1 is missing", 2),
    ],
)
def test_what_is_noticed_without_a_hash_kept_elsewhere(edit: Edit, words: str, sequence: int) -> None:
    records = trail(6)
    found = verify(edit(records), anchor_of(records))
    assert (found.broken, found.sequence) == (words, sequence)


@pytest.mark.parametrize("field", [field.name for field in fields(AuditRecord) if field.name not in ("hash", "sequence")])
def test_every_field_is_covered(field: str) -> None:
    records = trail(4)
    records[1] = replace(records[1], **{field: f"{getattr(records[1], field)}x"})
    assert verify(records, anchor_of(records)).sequence == 2
    # Two fields cannot be shifted against each other either.
    shifted = replace(RECORD, actor="tester@contoso.exampleapply", apply_id="-1", sequence=1)
    assert link(ORIGIN, shifted) != link(ORIGIN, replace(RECORD, sequence=1))


def test_a_trail_written_anew_is_noticed_only_by_a_hash_kept_elsewhere() -> None:
    kept = trail(6)[-1].hash
    anew, previous = [], ORIGIN
    for record in trail(6):
        changed = replace(record, actor="nobody", hash="")
        previous = link(previous, changed)
        anew.append(replace(changed, hash=previous))
    assert verify(anew, anchor_of(anew)).broken == ""
    assert "cut off or written anew" in verify(anew, anchor_of(anew), expected=kept).broken


def test_a_trail_cut_off_together_with_its_anchor_is_noticed_by_a_hash_kept_elsewhere() -> None:
    records = trail(6)
    left = records[:3]
    assert verify(left, anchor_of(left)).broken == ""
    assert verify(left, anchor_of(left), expected=records[-1].hash).broken
    assert verify(left, anchor_of(left), expected=records[1].hash).broken == ""


@pytest.mark.parametrize(
    "anchor", [None, Anchor(sequence=6, hash="0" * 64), Anchor(sequence=2, hash="0" * 64)], ids=["gone", "other hash", "behind"]
)
def test_an_anchor_that_was_changed_is_noticed(anchor: Anchor | None) -> None:
    assert verify(trail(6), anchor).broken


def test_text_that_is_no_unicode_is_hashed_too() -> None:
    assert len(link(ORIGIN, replace(RECORD, actor="\ud800\u2028ü"))) == 64
