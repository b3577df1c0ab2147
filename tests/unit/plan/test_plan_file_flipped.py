"""No octet of a plan file can be changed without its being refused, with a reason."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from reconcile.errors import PlanRefused, StalePlan
from reconcile.model.change import Plan
from reconcile.model.commit import Commit
from reconcile.plan.codec import decode, encode
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile


def plan() -> Plan:
    """Small, with each part of the file in use."""
    target = MemoryTarget(organization_id="11111111-2222-4333-8444-555555555555", tenant_id="77777777-2222-4333-8444-555555555555")
    bench = Bench(writer=target, store=MemoryConfiguration())
    bench.apply(estate({"EmailServerProfile/contoso": profile(), "Mailbox/sales": mailbox("sales@contoso.example")}))
    desired = estate(
        {
            "EmailServerProfile/contoso": profile(),
            "Mailbox/sales": mailbox("sales@contoso.example", outgoing="none"),
            "Mailbox/süd": mailbox("sued@contoso.example"),
        },
        held={"Mailbox/bad": "a finding"},
    )
    made = bench.plan(desired)
    commit = Commit(id="0" * 40, author="Somebody <somebody@contoso.example>", at="2026-01-01T00:00:00Z", subject="Close the süd")
    return replace(made, commits={"mailbox/sales.yaml": commit}, notes=made.notes)


TEXT = encode(plan())


def refused(octets: bytes) -> str:
    """The reason; "" when it was read as a plan."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        # What `apply` says then is held with the other files that are no text.
        return "not UTF-8"
    try:
        decode(text)
    except (PlanRefused, StalePlan) as error:
        return error.message if error.hint else ""
    return ""


def test_every_octet_flipped() -> None:
    octets = TEXT.encode()
    assert refused(octets) == ""
    chance, reasons = random.Random(1), Counter[str]()
    for place in range(len(octets)):
        flipped = bytearray(octets)
        flipped[place] ^= 1 << chance.randrange(8)
        reason = refused(bytes(flipped))
        assert reason, (place, octets[max(0, place - 30) : place + 30])
        reasons[reason.partition(":")[0]] += 1
    # Not one cause for all: the form, the digest and the checksum each have their part.
    assert len(reasons) >= 5, reasons


@pytest.mark.parametrize("bit", range(8))
def test_a_bit_of_every_fifth_octet(bit: int) -> None:
    octets = TEXT.encode()
    for place in range(bit % 5, len(octets), 5):
        flipped = bytearray(octets)
        flipped[place] ^= 1 << bit
        assert refused(bytes(flipped)), place


def test_cut_off_anywhere() -> None:
    octets = TEXT.encode().rstrip()
    assert all(refused(octets[:length]) for length in range(0, len(octets), 3))


def test_two_fields_of_one_name() -> None:
    """JSON readers take the last one; what a person saw may have been the first."""
    doubled = TEXT.replace('"environment":', '"environment": "prod",\n "environment":', 1)
    assert doubled != TEXT
    assert refused(doubled.encode())


@pytest.mark.parametrize("version", ["0.9", "1.0", "1", "99.0", 1, 1.0, None])
def test_another_format(version: object) -> None:
    document = json.loads(TEXT)
    assert document["formatVersion"] != version
    document["formatVersion"] = version
    with pytest.raises(StalePlan, match="this version reads"):
        decode(json.dumps(document))
