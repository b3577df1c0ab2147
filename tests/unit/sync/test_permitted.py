"""Whether a direction of a mailbox may be processed: a table."""

from __future__ import annotations

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.condition import Health
from reconcile.model.enablement import Approval, Direction, Enablement, Leg, TestStatus
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.permitted import Permits, next_step, withheld

USERS, QUEUES, TESTED = {"approval.requireForUsers": True}, {"approval.requireForQueues": True}, {"approval.requireTest": True}
SALES = "sales@contoso.example"
APPROVED = Enablement(mailbox_id="m", approval=Approval.APPROVED, address=SALES)
MUELLER = Enablement(mailbox_id="m", approval=Approval.APPROVED, address="sales@müller.example")
ON, OFF = Leg(enabled=True), Leg(enabled=False, why="left the company", changed_at="2026-03-01T08:00:00Z")

CASES: list[tuple[str, dict[str, Leaf], dict[str, Leaf] | None, Enablement | None, str | None, Health | None]] = [
    ("nothing asked, nothing said", {}, None, None, None, None),
    ("an organization that asks for nothing", {}, {}, None, None, None),
    ("users wait", {}, USERS, None, "WaitingForApproval", Health.WAITING),
    ("a queue is no user", {"type": "queue"}, USERS, None, None, None),
    ("queues wait", {"type": "queue"}, QUEUES, None, "WaitingForApproval", Health.WAITING),
    ("approved", {}, USERS, APPROVED, None, None),
    ("approved under another case of the domain", {"emailAddress": "sales@CONTOSO.example"}, USERS, APPROVED, None, None),
    ("approved, and its domain in punycode now", {"emailAddress": "sales@xn--mller-kva.example"}, USERS, MUELLER, None, None),
    ("approved for another address", {"emailAddress": "new@contoso.example"}, USERS, APPROVED, "WaitingForApproval", Health.WAITING),
    ("rejected", {}, USERS, Enablement(mailbox_id="m", approval=Approval.REJECTED, address=SALES), "Rejected", Health.OFF),
    ("waits for its test", {}, TESTED, APPROVED, "WaitingForTest", Health.WAITING),
    ("tested and enabled", {}, TESTED, Enablement(mailbox_id="m", incoming=ON), None, None),
    ("the other direction is enabled", {}, TESTED, Enablement(mailbox_id="m", outgoing=ON), "WaitingForTest", Health.WAITING),
    ("disabled by a person", {}, None, Enablement(mailbox_id="m", incoming=OFF), "Disabled", Health.OFF),
    ("the other direction is disabled", {}, None, Enablement(mailbox_id="m", outgoing=OFF), None, None),
    (
        "disabled by failures",
        {},
        None,
        Enablement(mailbox_id="m", incoming=Leg(enabled=False, by_failures=True, why="ten")),
        "Disabled",
        Health.STALLED,
    ),
]


def mailbox(**spec: Leaf) -> AppliedResource:
    return AppliedResource(
        kind="Mailbox", name="sales", external_id="m", spec={"emailAddress": SALES, **spec}, origins={"": "sales.yaml:1"}
    )


def organization(spec: dict[str, Leaf]) -> AppliedResource:
    return AppliedResource(kind="Organization", name="o", external_id="o", spec=spec, origins=dict.fromkeys(spec, "organization.yaml:7"))


@pytest.mark.parametrize(("name", "own", "asked", "said", "reason", "health"), CASES, ids=[case[0] for case in CASES])
def test_table(
    name: str, own: dict[str, Leaf], asked: dict[str, Leaf] | None, said: Enablement | None, reason: str | None, health: Health | None
) -> None:
    permits = Permits(enablements={"m": said} if said else {})
    found = withheld(mailbox(**own), organization(asked) if asked is not None else None, Direction.INCOMING, permits, now="n")
    assert (found.condition.reason, found.health) == (reason, health) if found else reason is None
    if found and reason and reason.startswith("Waiting"):
        assert found.condition.origin == "organization.yaml:7"
        assert "reconcile" in next_step(found.condition, "sales")


def test_what_another_environment_holds_is_left_to_it() -> None:
    found = withheld(mailbox(), None, Direction.OUTGOING, Permits(held={SALES: "prod"}), now="n")
    assert found is not None
    assert (found.condition.reason, found.health) == ("OtherEnvironment", Health.STALLED)
    assert "prod" in found.condition.message
    assert "--take-over" in next_step(found.condition, "sales")


@pytest.mark.parametrize("address", ["sales@müller.example", "SALES@xn--mller-kva.example"])
def test_also_under_the_other_spelling_of_its_domain(address: str) -> None:
    permits = Permits(held={"sales@xn--mller-kva.example": "prod"})
    found = withheld(mailbox(emailAddress=address), None, Direction.INCOMING, permits, now="n")
    assert found is not None
    assert found.condition.reason == "OtherEnvironment"


def test_a_test_asks_nobody() -> None:
    permits = Permits(unconditional=True, held={SALES: "prod"}, enablements={"m": Enablement(mailbox_id="m", incoming=OFF)})
    assert withheld(mailbox(), organization({**USERS, **TESTED}), Direction.INCOMING, permits, now="n") is None


def test_a_failed_test_says_where() -> None:
    leg = Leg(status=TestStatus.FAILURE, step="sign-in", why="the server refused the password")
    found = withheld(
        mailbox(), organization(TESTED), Direction.INCOMING, Permits(enablements={"m": Enablement(mailbox_id="m", incoming=leg)}), now="n"
    )
    assert found is not None
    assert "failed at sign-in: the server refused the password" in found.condition.message
