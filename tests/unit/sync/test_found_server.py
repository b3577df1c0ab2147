"""Which server a mailbox is reached at: the declared one, or what was pinned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.condition import Condition
from reconcile.model.discovered_server import DiscoveredServer
from reconcile.model.enablement import Enablement, Leg, TestStatus
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.found_server import server_of
from reconcile.sync.decide.permitted import NOTHING_SAID, Permits, next_step
from reconcile.sync.decide.row import Refused, Row

NOW = "2026-11-01T08:00:00Z"
URL = "https://mail.contoso.example/EWS/Exchange.asmx"


def row(kind: str, **spec: Leaf) -> Row:
    spec = {path.replace("_", "."): leaf for path, leaf in spec.items()}
    resource = AppliedResource(kind=kind, name="anna", external_id="m-1", spec=spec, origins={path: f"x.yaml:{len(path)}" for path in spec})
    return Row(resource, spec, NOW)


ANNA = row("Mailbox", emailAddress="anna@contoso.example")
FINDING = row("EmailServerProfile", autodiscover=True, incoming_protocol="ews", incoming_server="https://declared.contoso.example/x")


def pinned(address: str) -> Permits:
    return Permits(
        servers={"m-1": DiscoveredServer(mailbox_id="m-1", address=address, url=URL, method="json", at=NOW, by="admin@contoso.example")}
    )


def test_without_autodiscover_it_is_the_declared_one() -> None:
    profile = row("EmailServerProfile", incoming_server="imap.contoso.example", incoming_protocol="imap")
    assert server_of(ANNA, profile, "incoming", pinned("anna@contoso.example")) == "imap.contoso.example"


def test_with_autodiscover_it_is_the_pinned_one() -> None:
    assert server_of(ANNA, FINDING, "incoming", pinned("anna@CONTOSO.example")) == URL


@pytest.mark.parametrize(
    ("profile", "permits", "reason", "field", "words"),
    [
        (row("EmailServerProfile", incoming_protocol="imap"), NOTHING_SAID, "NoServer", "incoming.server", "names no incoming server"),
        (FINDING, NOTHING_SAID, "NotDiscovered", "autodiscover", "nobody has asked"),
        (FINDING, pinned("old@contoso.example"), "NotDiscovered", "autodiscover", "old@contoso.example, not for the address"),
        (row("EmailServerProfile", autodiscover=True, incoming_protocol="imap"), NOTHING_SAID, "NotBuilt", "autodiscover", "Exchange only"),
    ],
)
def test_what_is_missing_is_told_with_its_place(profile: Row, permits: Permits, reason: str, field: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        server_of(ANNA, profile, "incoming", permits)
    found = refused.value.condition
    assert (found.reason, found.field) == (reason, field)
    assert words in found.message
    assert (next_step(found, "anna") == "`reconcile test-mailbox anna` asks Autodiscover and remembers the answer.") is (
        reason == "NotDiscovered"
    )


def asked_in_vain(
    *, enabled: bool | None = None, incoming: str = "", outgoing: str = "2026-11-01T09:00:00Z", step: str = "discover"
) -> Enablement:
    failed = Leg(enabled=enabled, status=TestStatus.FAILURE, step=step, why="long words", hint="Name the server.")
    return Enablement(mailbox_id="m-1", incoming=replace(failed, tested_at=incoming), outgoing=replace(failed, tested_at=outgoing))


def condition(permits: Permits) -> Condition:
    with pytest.raises(Refused) as refused:
        server_of(ANNA, FINDING, "incoming", permits)
    return refused.value.condition


def test_a_test_that_found_none_is_told_with_its_hint() -> None:
    """Either direction asked for both."""
    found = condition(Permits(enablements={"m-1": asked_in_vain()}))
    assert found.message == "Autodiscover found no server for the mailbox: its last test failed at discover (2026-11-01T09:00)"
    assert (found.reason, found.field) == ("NotDiscovered", "autodiscover")
    assert next_step(found, "anna") == "Name the server. `reconcile test-mailbox anna` asks Autodiscover and remembers the answer."


@pytest.mark.parametrize(
    ("permits", "words"),
    [
        (Permits(enablements={"m-1": asked_in_vain(step="connect")}), "nobody has asked"),
        (Permits(enablements={"m-2": asked_in_vain()}), "nobody has asked"),
        # What was found for another address came later than the failure, and earlier.
        (
            Permits(enablements={"m-1": asked_in_vain(outgoing="2026-10-01T09:00:00Z")}, servers=pinned("old@contoso.example").servers),
            "old@",
        ),
        (Permits(enablements={"m-1": asked_in_vain()}, servers=pinned("old@contoso.example").servers), "(2026-11-01T09:00)"),
    ],
)
def test_which_of_two_words_is_the_last(permits: Permits, words: str) -> None:
    assert words in condition(permits).message


def test_the_hint_of_a_disabled_direction_is_not_that_of_its_test() -> None:
    assert condition(Permits(enablements={"m-1": asked_in_vain(enabled=False)})).hint == ""


def test_what_was_found_stays_in_use_when_a_later_test_fails() -> None:
    assert server_of(ANNA, FINDING, "incoming", replace(pinned("anna@contoso.example"), enablements={"m-1": asked_in_vain()})) == URL
