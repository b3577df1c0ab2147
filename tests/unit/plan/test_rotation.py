"""Secrets whose value is another one behind the same reference."""

from __future__ import annotations

import pytest

from reconcile.errors import SettingsError
from reconcile.model.canonical import Leaf
from reconcile.model.change import Plan, Update
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.model.outcome import Applied
from reconcile.model.secret import Secret, SecretRef
from reconcile.plan import codec
from reconcile.ports.configuration_store import Finished
from reconcile.secrets.digest import KeyedDigests
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import Crash, Faults, MemoryTarget
from support import applying
from support.applying import Bench
from support.specs import estate, mailbox, profile

PATH = "credentials.password"
SALES = Key("Mailbox", "sales")


def specs(**leaves: Leaf) -> dict[str, dict[str, Leaf]]:
    secret: dict[str, Leaf] = {f"{PATH}.ref": "env:PASSWORD", f"{PATH}.generation": 1}
    return {"EmailServerProfile/contoso": profile(), "Mailbox/sales": {**mailbox("sales@contoso.example"), **secret, **leaves}}


@pytest.fixture
def bench() -> Bench:
    made = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    made.apply(estate(specs()))
    return made


def handed_over(bench: Bench) -> bytes:
    target = bench.writer
    assert isinstance(target, MemoryTarget)
    return target.rows[bench.store.entries()[SALES].external_id].secrets[PATH].reveal()


def rotated(plan: Plan) -> list[str]:
    return [secret.path for change in plan.changes if isinstance(change, Update) for secret in change.rotated]


def test_another_value_is_handed_over_once(bench: Bench) -> None:
    assert bench.plan(estate(specs())).changes == ()
    bench.resolver.values["env:PASSWORD"] = b"the next one"
    plan = bench.plan(estate(specs()))
    (change,) = plan.changes
    assert isinstance(change, Update)
    assert (change.fields, rotated(plan), change.consequences) == ((), [PATH], ("connects with the new value",))
    assert "next one" not in codec.encode(plan)
    assert "next one" not in repr(plan)
    assert bench.apply(estate(specs())).code == ExitCode.NOTHING_TO_DO
    assert handed_over(bench) == b"the next one"
    assert bench.plan(estate(specs())).changes == ()


def test_the_value_that_was_handed_over_counts_not_the_one_that_was_planned(bench: Bench) -> None:
    bench.resolver.values["env:PASSWORD"] = b"second"
    saved = codec.decode(codec.encode(bench.plan(estate(specs()))))
    bench.resolver.values["env:PASSWORD"] = b"third"
    assert bench.apply_saved(saved).code == ExitCode.NOTHING_TO_DO
    assert handed_over(bench) == b"third"
    assert bench.plan(estate(specs())).changes == ()


def test_a_saved_rotation_is_not_taken_for_done(bench: Bench) -> None:
    bench.resolver.values["env:PASSWORD"] = b"second"
    saved = codec.decode(codec.encode(bench.plan(estate(specs()))))
    for already in (False, True):
        (outcome,) = bench.apply_saved(saved).outcomes
        assert isinstance(outcome, Applied)
        assert outcome.already == already
        assert handed_over(bench) == b"second"


def test_what_cannot_be_read_here_is_not_compared(bench: Bench) -> None:
    bench.resolver.missing.add("env:PASSWORD")
    plan = bench.plan(estate(specs()))
    assert plan.changes == ()
    assert [note.message for note in plan.notes] == [f"not compared: env:PASSWORD is not set ({PATH} of Mailbox/sales)"]


def test_without_a_key_nothing_is_compared(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoKey:
        def digest(self, reference: SecretRef, value: Secret) -> str:
            raise SettingsError("there is no key")

    monkeypatch.setattr(applying, "DIGESTS", NoKey())
    plan = bench.plan(estate(specs()))
    assert plan.changes == ()
    assert [note.message for note in plan.notes] == [f"not compared: there is no key ({PATH} of Mailbox/sales)"]


@pytest.mark.parametrize(("recorded", "words"), [("none", "was not recorded"), ("other key", "under another key")])
def test_what_was_recorded_otherwise_is_told_and_left(bench: Bench, recorded: str, words: str) -> None:
    entry = bench.store.entries()[SALES]
    other = KeyedDigests(Secret(b"o" * 32)).digest(SecretRef.parse("env:PASSWORD"), Secret(b"x"))
    _put(bench, entry._replace(secrets={} if recorded == "none" else {PATH: other}))
    plan = bench.plan(estate(specs()))
    assert plan.changes == ()
    assert words in plan.notes[0].message
    # Its generation hands it over again, and from then on it is compared.
    bench.apply(estate(specs(**{f"{PATH}.generation": 2})))
    assert bench.plan(estate(specs(**{f"{PATH}.generation": 2}))).notes == ()


def _put(bench: Bench, entry: object) -> None:
    from reconcile.model.inventory import InventoryEntry

    assert isinstance(entry, InventoryEntry)
    store = bench.store
    assert isinstance(store, MemoryConfiguration)
    record = next(iter(store.history(limit=1)))
    with store.lock(owner="test", purpose="test", patience=0):
        store.finish([Finished(token="", audit=record, entry=entry)])


def test_a_new_reference_is_a_field_not_a_rotation(bench: Bench) -> None:
    plan = bench.plan(estate(specs(**{f"{PATH}.ref": "env:OTHER"})))
    (change,) = plan.changes
    assert isinstance(change, Update)
    assert ([field.path for field in change.fields], change.rotated) == ([f"{PATH}.ref"], ())


@pytest.mark.parametrize("where", ["crash_after_effect", "crash_before_effect"])
def test_a_crash_while_a_secret_is_handed_over_hands_it_over_again(where: str) -> None:
    target = MemoryTarget()
    bench = Bench(writer=target, store=MemoryConfiguration())
    bench.apply(estate(specs()))
    bench.resolver.values["env:PASSWORD"] = b"second"
    target.faults = Faults(**{where: 0})
    with pytest.raises(Crash):
        bench.apply(estate(specs()))
    target.faults = Faults()
    bench.resolver.values["env:PASSWORD"] = b"third"
    assert bench.apply(estate(specs())).code == ExitCode.NOTHING_TO_DO
    assert handed_over(bench) == b"third"
    assert bench.plan(estate(specs())).changes == ()


def test_a_create_that_died_after_its_effect_is_handed_over_again() -> None:
    target = MemoryTarget(faults=Faults(crash_after_effect=1))
    bench = Bench(writer=target, store=MemoryConfiguration())
    with pytest.raises(Crash):
        bench.apply(estate(specs()))
    target.faults = Faults()
    bench.resolver.values["env:PASSWORD"] = b"another"
    assert bench.apply(estate(specs())).code == ExitCode.NOTHING_TO_DO
    assert handed_over(bench) == b"another"
    assert bench.plan(estate(specs())).changes == ()


def test_a_password_of_a_profile_tells_how_many_mailboxes_it_is_for() -> None:
    secret: dict[str, Leaf] = {"incoming.password.ref": "env:PASSWORD", "incoming.password.generation": 1}
    both = {"EmailServerProfile/contoso": {**profile(), **secret}, "Mailbox/sales": mailbox("sales@contoso.example")}
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.apply(estate(both))
    bench.resolver.values["env:PASSWORD"] = b"second"
    (change,) = bench.plan(estate(both)).changes
    assert change.consequences == ("1 mailbox connects with the new value",)


def test_each_reference_is_resolved_once() -> None:
    many = {f"Mailbox/m{number}": {**mailbox(f"m{number}@contoso.example"), f"{PATH}.ref": "env:PASSWORD"} for number in range(5)}
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.plan(estate({"EmailServerProfile/contoso": profile(), **many}))
    assert bench.resolver.asked == ["env:PASSWORD"]
