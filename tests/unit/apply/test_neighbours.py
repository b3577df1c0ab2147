"""A saved plan meets rows that were not there, or not so, when it was made: what leans on them is void, the rest is applied."""

from __future__ import annotations

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.exit_code import ExitCode
from reconcile.model.outcome import Applied, Skipped
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import MemoryTarget
from support.applying import Bench
from support.specs import estate, mailbox, profile

Specs = dict[str, dict[str, Leaf]]
OTHER: Specs = {"EmailServerProfile/other": profile(displayName="Other")}


def base(**mailboxes: str) -> Specs:
    """Profile contoso and mailboxes with these addresses."""
    addresses = {"sales": "sales@contoso.example", **mailboxes}
    return {"EmailServerProfile/contoso": profile(), **{f"Mailbox/{name}": mailbox(address) for name, address in addresses.items()}}


def bench_of(specs: Specs) -> Bench:
    bench = Bench(writer=MemoryTarget(), store=MemoryConfiguration())
    bench.apply(estate(specs))
    return bench


def outcomes(before: Specs, wanted: Specs, since: Specs, *lifted: str) -> dict[str, str]:
    """`before` is applied, `wanted` planned and saved, `since` applied by somebody else, then the saved plan: why each is void."""
    bench = bench_of(before)
    saved = bench.plan(estate(wanted), lifted=lifted)
    assert not saved.brakes
    assert bench.apply(estate(since)).code == ExitCode.NOTHING_TO_DO
    report = bench.apply_saved(saved)
    assert all(isinstance(one, Applied) or (isinstance(one, Skipped) and one.voided) for one in report.outcomes)
    return {str(one.key): one.reason if isinstance(one, Skipped) else "" for one in report.outcomes}


@pytest.mark.parametrize("wanted", [base(new="Info@contoso.example"), base(sales="info@contoso.example")])
def test_an_address_is_not_given_twice(wanted: Specs) -> None:
    (why,) = outcomes(base(), wanted, base(info="info@contoso.example")).values()
    assert why.startswith("Mailbox/info has the address ")


@pytest.mark.parametrize("wanted", [base(new="Info@contoso.example"), base(sales="info@contoso.example")])
def test_an_address_that_an_inactive_mailbox_has_is_free(wanted: Specs) -> None:
    """Nothing is read by a mailbox that does not run, so nothing is read twice."""
    since = {**base(), "Mailbox/info": mailbox("info@contoso.example", state="inactive")}
    assert set(outcomes(base(), wanted, since).values()) == {""}


def test_addresses_are_exchanged_together_or_not_at_all() -> None:
    before, wanted = base(info="info@contoso.example"), base(sales="info@contoso.example", info="sales@contoso.example")
    assert set(outcomes(before, wanted, before).values()) == {""}
    since = {**before, "Mailbox/info": mailbox("info@contoso.example", filter="all")}
    assert all(outcomes(before, wanted, since).values())


def test_an_address_is_passed_on_by_the_plan_itself() -> None:
    before, wanted = base(info="info@contoso.example"), base(sales="info@contoso.example", info="new@contoso.example")
    assert set(outcomes(before, wanted, before).values()) == {""}


USED = {**base(), **OTHER, "Mailbox/late": mailbox("late@contoso.example", profile="other")}


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("EmailServerProfile/other", base()),
        ("EmailServerProfile/renamed", {**base(), "EmailServerProfile/renamed": OTHER["EmailServerProfile/other"]}),
        ("EmailServerProfile/other", {**base(), "EmailServerProfile/other": profile(displayName="Other", state="inactive")}),
    ],
)
def test_a_profile_does_not_go_that_a_mailbox_uses_since(key: str, wanted: Specs) -> None:
    before = {**base(), **OTHER}
    assert outcomes(before, wanted, USED) == {key: "Mailbox/late uses EmailServerProfile/other since"}
    assert outcomes(before, wanted, before) == {key: ""}


def test_a_lifted_brake_speaks_for_profiles_in_use() -> None:
    before = {**base(), **OTHER, "Mailbox/info": mailbox("info@contoso.example", profile="other")}
    off = {**before, "EmailServerProfile/other": profile(displayName="Other", state="inactive")}
    assert outcomes(before, off, before, "profile-in-use") == {"EmailServerProfile/other": ""}


def test_a_mailbox_gets_no_profile_that_is_gone_since() -> None:
    wanted = {
        **base(),
        **OTHER,
        "Mailbox/sales": mailbox("sales@contoso.example", profile="other"),
        "Mailbox/new": mailbox("new@contoso.example", profile="other"),
    }
    why = outcomes({**base(), **OTHER}, wanted, base())
    gone = "EmailServerProfile/other, which it refers to, is no longer on the target"
    assert why == {"Mailbox/sales": gone, "Mailbox/new": gone}
    assert set(outcomes(base(), wanted, base()).values()) == {""}
