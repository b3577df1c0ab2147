"""Estates with everything that steers a plan: removal, protection, ignored fields, moves, external profiles, secrets, defaults.

What was planned is carried out, and then there is nothing to plan; what moved in between voids exactly what it moved.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.canonical import Leaf
from reconcile.model.change import Adopt, Create, Delete, Forget, Held, HeldBecause, Update
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.management import Management, OnRemoval
from reconcile.model.outcome import Applied, Skipped
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Lifecycle
from reconcile.plan import brakes, codec
from reconcile.plan.order import takes_away
from reconcile.plan.plan import make_plan
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import Faults, MemoryTarget
from support.applying import Bench
from support.specs import estate

SLUGS = ("a", "b", "c", "d")
ADDRESSES = tuple(f"{number}@contoso.example" for number in range(1, 6))
LEAVES: dict[str, st.SearchStrategy[Leaf]] = {
    "incoming": st.sampled_from(("none", "server-side", "outlook", None)),
    "outgoing": st.sampled_from(("none", "server-side")),
    "state": st.sampled_from(("active", "inactive")),
    "processEmailFrom": st.sampled_from(("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", None)),
    "displayName": st.sampled_from(("One", "Two", "three")),
}
SECRET: dict[str, Leaf] = {"credentials.password.ref": "env:ONE", "credentials.password.generation": 1}
MANAGEMENT = st.builds(
    Management,
    on_removal=st.sampled_from((None, *OnRemoval)),
    protected=st.sampled_from((False, False, False, True)),
    ignored=st.sampled_from(((), (), ("displayName",), ("credentials.*", "incoming"))),
    moved_from=st.sampled_from((None, None, *SLUGS)),
)


@st.composite
def whole_estates(draw: st.DrawFn) -> DesiredState:
    """Up to two profiles, an organization and four mailboxes; slugs and addresses are paired anew each time."""
    specs: dict[str, dict[str, Leaf]] = {}
    profiles = draw(st.lists(st.sampled_from(("p", "q")), unique=True))
    external = [f"EmailServerProfile/{name}" for name in profiles if draw(st.integers(0, 5)) == 0]
    for name in profiles:
        port = draw(st.sampled_from((993, 143)))
        specs[f"EmailServerProfile/{name}"] = {"displayName": f"Profile {name}", "serverType": "imap-smtp", "incoming.port": port}
    if draw(st.booleans()):
        default: dict[str, Leaf] = {"defaults.profile": draw(st.sampled_from(profiles))} if profiles else {}
        specs["Organization/contoso"] = {**default, "defaults.outgoing": draw(st.sampled_from(("none", "server-side")))}
    addresses = draw(st.permutations(ADDRESSES))
    for slug, address in zip(draw(st.lists(st.sampled_from(SLUGS), unique=True)), addresses, strict=False):
        spec = draw(st.fixed_dictionaries({}, optional=LEAVES))
        own: dict[str, Leaf] = {"profile": draw(st.sampled_from(profiles))} if profiles and draw(st.booleans()) else {}
        secret = SECRET if draw(st.booleans()) else {}
        specs[f"Mailbox/{slug}"] = {"emailAddress": address, **own, **secret, **spec}
    management = {key: draw(MANAGEMENT) for key in specs if key.startswith(("Mailbox", "EmailServerProfile"))}
    # Nobody says twice where a row comes from; that is a finding before it is planned.
    taken: set[str] = set()
    for key, one in management.items():
        if key.startswith("EmailServerProfile") or key.partition("/")[2] == one.moved_from or one.moved_from in taken:
            management[key] = replace(one, moved_from=None)
        elif one.moved_from is not None:
            taken.add(one.moved_from)
    return estate(specs, management=management, external=external)


def rewriting(kind: str, path: str, leaf: Leaf) -> Leaf:
    """A server with a will of its own."""
    return leaf.upper() if path == "displayName" and isinstance(leaf, str) and kind == "Mailbox" else leaf


def settled(bench: Bench) -> None:
    """Wait until the target shows what was written last."""
    for _ in range(3):
        bench.writer.observe()


def calm(held: tuple[Held, ...]) -> bool:
    """Only what a person must decide is held."""
    return {one.because for one in held} <= {HeldBecause.PROTECTED, HeldBecause.AMBIGUOUS, HeldBecause.WAITS}


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(whole_estates(), st.sampled_from((b"first", b"second"))), min_size=2, max_size=4),
    st.booleans(),
    st.integers(0, 2),
    st.booleans(),
)
def test_plan_apply_plan_is_empty_on_a_server_that_defaults_rewrites_and_delays(
    rounds: list[tuple[DesiredState, bytes]], rewrites: bool, delay: int, chooses_id: bool
) -> None:
    target = MemoryTarget(faults=Faults(rewrite=rewriting if rewrites else None, delay=delay), chooses_id=chooses_id)
    bench = Bench(writer=target, store=MemoryConfiguration())
    for desired, value in rounds:
        bench.resolver.values["env:ONE"] = value
        report = bench.apply(desired, lifted=brakes.BRAKES)
        assert all(isinstance(outcome, Applied) for outcome in report.outcomes), report.outcomes
        assert calm(report.plan.held)
        settled(bench)
        writes = target.writes
        again = bench.plan(desired, lifted=brakes.BRAKES)
        assert again.changes == ()
        assert {held.key for held in again.held} == {held.key for held in report.plan.held}
        # Nothing of ours is lost sight of: declared, an orphan that is shown, or held with a reason (perhaps under its new slug).
        waiting = any(held.because is HeldBecause.WAITS for held in again.held)
        seen = {*desired.resources, *(note.key for note in again.notes), *(held.key for held in again.held)}
        assert waiting or set(bench.store.entries()) <= seen
        external = {key for key, one in desired.resources.items() if one.lifecycle is Lifecycle.EXTERNAL}
        protected = {held.key for held in again.held if held.because is HeldBecause.PROTECTED}
        assert not external & bench.store.entries().keys() - protected
        bench.apply(desired, lifted=brakes.BRAKES)
        assert target.writes == writes


@settings(max_examples=40, deadline=None)
@given(whole_estates(), whole_estates())
def test_what_is_protected_outlives_every_plan(before: DesiredState, after: DesiredState) -> None:
    target = MemoryTarget()
    bench = Bench(writer=target, store=MemoryConfiguration())
    bench.apply(before, lifted=brakes.BRAKES)
    guarded = {entry.external_id: key for key, entry in bench.store.entries().items() if entry.protected}
    for change in bench.plan(after, lifted=brakes.BRAKES).changes:
        if takes_away(change):
            assert change.key not in guarded.values()
    bench.apply(after, lifted=brakes.BRAKES)
    ids = {entry.external_id for entry in bench.store.entries().values()}
    assert guarded.keys() <= ids
    assert guarded.keys() <= target.rows.keys()


@settings(max_examples=40, deadline=None)
@given(whole_estates(), whole_estates())
def test_a_row_of_ours_is_deleted_only_where_that_was_declared(before: DesiredState, after: DesiredState) -> None:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.apply(before, lifted=brakes.BRAKES)
    entries = bench.store.entries()
    for change in bench.plan(after, lifted=brakes.BRAKES).changes:
        if isinstance(change, Delete):
            entry = entries[change.key]
            assert change.key not in after.resources
            assert entry.on_removal in (OnRemoval.DELETE, None)
            assert not (entry.on_removal is None and entry.adopted)


@settings(max_examples=60, deadline=None)
@given(whole_estates(), whole_estates(), st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)), st.booleans())
def test_what_moved_in_between_voids_exactly_what_it_moved(
    before: DesiredState, after: DesiredState, edited: set[int], deleted: set[int], strangers: bool
) -> None:
    target = MemoryTarget()
    bench = Bench(writer=target, store=MemoryConfiguration())
    bench.apply(before, lifted=brakes.BRAKES)
    saved = codec.decode(codec.encode(bench.plan(after, lifted=brakes.BRAKES)))
    ids = sorted(target.rows)
    moved: set[str] = set()
    for number, external_id in enumerate(ids):
        if number in deleted:
            del target.rows[external_id]
            moved.add(external_id)
        elif number in edited:
            target.edit(external_id, description="somebody was here")
            moved.add(external_id)
    gone = {external_id for external_id in ids if external_id not in target.rows}
    made = {change.key for change in saved.changes if isinstance(change, Create)} if strangers else set()
    if strangers:
        other = Bench(writer=target, store=MemoryConfiguration(), mint=iter(f"stranger-{n}" for n in range(99)).__next__)
        taken = {row.name for row in target.observe().rows if row.kind == "Mailbox"}
        made = {key for key in made if key.kind == "Mailbox" and key.name not in taken}
        other.apply(estate({str(key): {"emailAddress": f"stranger-{key.name}@contoso.example"} for key in made}), lifted=brakes.BRAKES)
    report = bench.apply_saved(saved)
    outcomes = {outcome.key: outcome for outcome in report.outcomes}
    void: set[Key] = set()
    for change in saved.changes:
        outcome = outcomes[change.key]
        if isinstance(outcome, Skipped) and not outcome.voided:
            # It waits for something that was void.
            assert any(str(key) in outcome.reason for key in void), outcome
            void.add(change.key)
            continue
        touches = isinstance(change, (Adopt, Update, Delete)) and change.external_id in moved
        around = (", which it refers to, is no longer on the target", " has the address ", " uses ")
        if isinstance(outcome, Skipped) and moved and any(words in outcome.reason for words in around):
            # Not its own row moved, but one that it leans on.
            void.add(change.key)
            continue
        if isinstance(change, Update) and not change.writes:
            touches = False
        if isinstance(change, Delete) and change.external_id in gone:
            # What somebody else deleted is gone as was wanted.
            touches = False
        if isinstance(change, Create):
            touches = change.key in made
        assert isinstance(outcome, Skipped) == touches, (change, outcome)
        if touches:
            void.add(change.key)
    assert all(isinstance(outcome, (Applied, Skipped)) for outcome in report.outcomes)


@settings(max_examples=30, deadline=None)
@given(whole_estates(), whole_estates(), st.integers(1, 50))
def test_the_digest_is_of_what_changes_not_of_who_committed_it(before: DesiredState, after: DesiredState, lines: int) -> None:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.apply(before, lifted=brakes.BRAKES)
    observed, entries = bench.writer.observe(), bench.store.entries()

    def at(revision: str, shift: int) -> DesiredState:
        def locate(key: Key, path: str) -> Position:
            found = after.locate(key, path)
            return Position(f"moved/{found.file}", found.line + shift, found.column)

        resources = {key: one._replace(position=locate(key, "")) for key, one in after.resources.items()}
        return replace(after, source=f"estate@{revision}", revision=revision, resources=resources, locate=locate)

    branch = make_plan(at("a" * 40, 0), observed, entries, APPLIED_KINDS)
    squashed = make_plan(at("b" * 40, lines), observed, entries, APPLIED_KINDS)
    assert branch.digest == squashed.digest
    if branch.changes:
        elsewhere = make_plan(at("a" * 40, 0), replace(observed, organization_id="other"), entries, APPLIED_KINDS)
        assert elsewhere.digest != branch.digest


@settings(max_examples=40, deadline=None)
@given(st.permutations(ADDRESSES), st.permutations(ADDRESSES), st.permutations(SLUGS), st.integers(1, 4))
def test_one_of_slug_and_address_is_enough_to_stay_the_same_mailbox(
    first: list[str], second: list[str], slugs: list[str], kept: int
) -> None:
    """A changed address is an update, a renamed slug too: whatever moves at once, each row keeps its identity."""
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    before = dict(zip(SLUGS, first, strict=False))
    bench.apply(estate({f"Mailbox/{slug}": {"emailAddress": address} for slug, address in before.items()}))
    ids = {address: bench.store.entries()[Key("Mailbox", slug)].external_id for slug, address in before.items()}
    # Some keep their slug and change the address, the others keep the address and get a slug that nobody had.
    fresh = [address for address in second if address not in before.values()]
    after: dict[str, str] = {}
    same: dict[str, str] = {}
    for number, slug in enumerate(slugs):
        if number < kept and fresh:
            after[slug] = fresh.pop()
            same[slug] = ids[before[slug]]
        else:
            after[f"new-{slug}"] = before[slug]
            same[f"new-{slug}"] = ids[before[slug]]
    desired = estate({f"Mailbox/{slug}": {"emailAddress": address} for slug, address in after.items()})
    plan = bench.plan(desired, lifted=brakes.BRAKES)
    assert all(isinstance(change, Update) for change in plan.changes)
    assert not any(isinstance(change, (Delete, Forget)) for change in plan.changes)
    bench.apply(desired, lifted=brakes.BRAKES)
    assert {key.name: entry.external_id for key, entry in bench.store.entries().items()} == same
    assert bench.plan(desired).changes == ()
