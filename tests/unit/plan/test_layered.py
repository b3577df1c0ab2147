"""Plans of an estate of several layers: which file is named as the cause, and what is told of assignments that mean nobody."""

from __future__ import annotations

import pytest

from reconcile.model.change import Create, Moved, Update
from reconcile.model.exit_code import ExitCode
from reconcile.model.resource import DesiredState
from reconcile.plan.code import of_plan
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.estate import ENVIRONMENT, PROFILE, load_texts, mailbox

Files = dict[str, str | bytes]

HEAD = "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: sales}\n"
LAYERED: Files = {
    "e.yaml": ENVIRONMENT.replace("spec: {", "spec: {layers: [base, europe, prod], "),
    "base/profile.yaml": PROFILE,
    "base/sales.yaml": mailbox() + "management: {lifecycle: external}\n",
    "europe/more.yaml": mailbox("europe"),
    "prod/more.yaml": mailbox("prod"),
}
MANAGED = f"# ours\n---\n{HEAD}management: {{lifecycle: managed}}\n"


def state(files: Files) -> DesiredState:
    desired = load_texts(files).desired
    assert desired is not None
    return desired


@pytest.fixture
def bench() -> Bench:
    return Bench(writer=MemoryTarget(), store=MemoryConfiguration())


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"europe/ours.yaml": MANAGED}, "europe/ours.yaml:3"),
        ({"europe/ours.yaml": MANAGED, "prod/sales.yaml": f"{HEAD}spec: {{state: inactive}}\n"}, "prod/sales.yaml:1"),
    ],
)
def test_a_create_is_caused_by_the_last_layer_that_wrote_the_document(bench: Bench, more: Files, where: str) -> None:
    bench.apply(state({path: text for path, text in LAYERED.items() if path != "base/sales.yaml"}))
    (change,) = bench.plan(state({**LAYERED, **more})).changes
    assert isinstance(change, Create)
    assert change.cause.moved is Moved.NEW
    assert change.cause.position is not None
    assert f"{change.cause.position.file}:{change.cause.position.line}" == where


def test_a_document_of_one_layer_is_its_own_cause(bench: Bench) -> None:
    files: Files = {**LAYERED, "base/sales.yaml": mailbox()}
    causes = [change.cause.position for change in bench.plan(state(files)).changes if isinstance(change, Create)]
    assert [str(one) for one in causes] == [
        "e.yaml:1:1",
        "base/profile.yaml:1:1",
        "europe/more.yaml:1:1",
        "prod/more.yaml:1:1",
        "base/sales.yaml:1:1",
    ]


def test_handing_over_names_the_layer_that_says_so(bench: Bench) -> None:
    owned: Files = {**LAYERED, "base/sales.yaml": mailbox()}
    bench.apply(state(owned))
    plan = bench.plan(state({**owned, "prod/sales.yaml": f"{HEAD}management: {{lifecycle: external}}\n"}))
    (change,) = plan.changes
    assert not isinstance(change, (Create, Update))
    assert str(change.cause.position) == "prod/sales.yaml:4:25"


def test_an_assignment_that_means_nobody_is_told_and_holds_nothing(bench: Bench) -> None:
    rule = "apiVersion: reconcile/v1alpha2\nkind: MailboxAssignment\nmetadata: {name: queues}\n"
    rule += "spec: {selector: {names: [%s]}, settings: {state: inactive}}\n"
    files: Files = {"e.yaml": ENVIRONMENT, "p.yaml": PROFILE, "m.yaml": mailbox()}
    bench.apply(state({**files, "a.yaml": rule % "sales"}))
    plan = bench.plan(state({**files, "a.yaml": rule % "slaes"}))
    assert (plan.held, plan.findings, plan.changes) == ((), 0, ())
    (note,) = plan.notes
    assert str(note.key) == "MailboxAssignment/queues"
    assert note.message == "warning: the selector means no mailbox that environment test looks after"
    assert str(note.position) == "a.yaml:4:8"
    assert of_plan(plan, changes_count=True) == ExitCode.NOTHING_TO_DO
    assert bench.plan(state({**files, "a.yaml": rule % "sales"})).notes == ()


def test_what_somebody_else_should_have_made_comes_with_a_next_step(bench: Bench) -> None:
    """And the second way it names is one."""
    (held,) = bench.plan(state(LAYERED)).held
    assert held.reason.endswith("have it made on the target, or remove lifecycle external so that it is made from here")
    plan = bench.plan(state({**LAYERED, "base/sales.yaml": mailbox()}))
    assert plan.held == ()
    assert "Mailbox/sales" in [str(change.key) for change in plan.changes]
