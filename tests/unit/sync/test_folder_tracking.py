"""Which folders are tracked, what is said of the others, and that what lies in them is tracked whatever the filter says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from reconcile.model import instant
from reconcile.model.activity_details import Regarding
from reconcile.model.canonical import Leaf
from reconcile.model.cursor import Cursor
from reconcile.model.key import Key
from reconcile.model.remote_id import RemoteId
from reconcile.model.shortfall import Effect, FutureRow
from reconcile.ports.correlation import CorrelationLookup
from reconcile.ports.mail import Batch, Listed, Look
from reconcile.ports.mail_store import ReceivedBatch
from reconcile.ports.target import AppliedResource
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.memory.parties import MemoryParties
from reconcile.sync.decide.eligible import ReceivingMailbox, receiving_mailboxes
from reconcile.sync.decide.header import scan
from reconcile.sync.decide.shortfalls import shortfalls
from reconcile.sync.deciding import Candidate, Decided, Deciders
from reconcile.sync.incoming import Received, receive
from support.applied import StillClock

EXCHANGE: dict[str, Leaf] = {
    "serverType": "exchange-server",
    "incoming.server": "https://exchange.contoso.example/EWS/Exchange.asmx",
    "incoming.credentials": "profile",
    "incoming.username": "svc",
    "incoming.password.ref": "file:password",
    "incoming.useImpersonation": True,
}
IMAP: dict[str, Leaf] = {"serverType": "imap-smtp", "incoming.server": "imap.contoso.example"}
MAILBOX: dict[str, Leaf] = {
    "emailAddress": "sales@contoso.example",
    "type": "user",
    "profile": "contoso",
    "incoming": "server-side",
    "credentials.allowUse": True,
    "credentials.password.ref": "file:password",
    "trackedFolders": ("b = account:4711:Fabrikam", "A", "c/d"),
}
ON: dict[str, Leaf] = {"tracking.folderTracking": True}


def rows(profile: dict[str, Leaf], organization: dict[str, Leaf] | None, **mailbox: Leaf) -> list[AppliedResource]:
    given = {"EmailServerProfile/contoso": profile, "Mailbox/sales": {**MAILBOX, **mailbox}}
    if organization is not None:
        given["Organization/o"] = organization
    return [
        AppliedResource(
            kind=Key.parse(name).kind,
            name=Key.parse(name).name,
            external_id=name,
            spec=spec,
            origins=dict.fromkeys(["", *spec], f"{Key.parse(name).name}.yaml:7"),
        )
        for name, spec in given.items()
    ]


@pytest.mark.parametrize(
    ("profile", "organization", "folders", "reason"),
    [
        (EXCHANGE, ON, ("A", "b", "c/d"), ""),
        (EXCHANGE, {**ON, "tracking.maximumFolderMappings": 3}, ("A", "b", "c/d"), ""),
        (EXCHANGE, {**ON, "tracking.maximumFolderMappings": 2}, ("A", "b"), "TooManyFolders"),
        (EXCHANGE, {"tracking.folderTracking": False}, (), "FolderTrackingOff"),
        (EXCHANGE, None, (), "FolderTrackingOff"),
        (IMAP, ON, (), "NotBuilt"),
    ],
)
def test_which_are_read(profile: dict[str, Leaf], organization: dict[str, Leaf] | None, folders: tuple[str, ...], reason: str) -> None:
    applied = rows(profile, organization)
    (found,) = receiving_mailboxes(applied, now="2026-03-01T08:00:00Z")
    assert isinstance(found, ReceivingMailbox)
    assert found.folders == folders
    assert [(one.type, one.reason, one.field, one.origin) for one in found.conditions] == (
        [("Unsupported", reason, "trackedFolders", "sales.yaml:7")] if reason else []
    )
    if reason == "TooManyFolders":
        assert "c/d is not read" in found.conditions[0].message
    # The same is said before it is applied.
    future = [FutureRow(key=Key(one.kind, one.name), spec=one.spec) for one in applied]
    told = shortfalls(future, {Key("Mailbox", "sales")})
    assert [(one.effect, one.owner) for one in told] == ([(Effect.FOLDERS, Key("Mailbox", "sales"))] if reason else [])


def decide(folder: str, *lines: str, sender: str = "customer@fabrikam.example", organization: dict[str, Leaf], **mailbox: Leaf) -> Decided:
    applied = rows(EXCHANGE, organization, **mailbox)

    class Applied:
        def resources(self) -> list[AppliedResource]:
            return applied

    decider = Deciders(applied=Applied(), parties=MemoryParties(), correlation=lookup(), clock=StillClock())("Mailbox/sales")
    assert decider is not None
    header = ["Message-ID: <1@x.example>", f"From: {sender}", "To: somebody@elsewhere.example", *lines, "", ""]
    block = "\r\n".join(header).encode()
    candidate = Candidate(remote_id=RemoteId("ews", "1"), header=scan(block), block=block, received="2026-03-01T08:00:00Z", folder=folder)
    return decider.decide([candidate], 0)[0]


def lookup() -> CorrelationLookup:
    from reconcile.store.memory.correlation import MemoryCorrelation
    from reconcile.store.memory.outbox import MemoryOutbox

    mail = MemoryMailStore()
    return MemoryCorrelation(mail, MemoryOutbox(mail.log))


@pytest.mark.parametrize("filter_", ["none", "replies", "known-senders", "all"])
@pytest.mark.parametrize("folder", ["A", "b"])
def test_a_person_decides_before_every_filter(filter_: str, folder: str) -> None:
    found = decide(folder, organization=ON, filter=filter_)
    assert found.accepted
    assert found.decision is not None
    assert found.decision.reason == "tracked-folder"
    about = Regarding(type="account", id="4711", name="Fabrikam") if folder == "b" else None
    assert found.regarding == about
    assert dict(found.decision.facts)["tracked folder"] == ("b (account Fabrikam)" if about else "A")
    assert decide("", organization=ON, filter=filter_).accepted is (filter_ == "all")


@pytest.mark.parametrize(
    ("lines", "organization", "accepted"),
    [
        ((), {"tracking.doNotAutoTrackEmail": True}, True),
        (("Auto-Submitted: auto-replied",), {"tracking.ignoreAutomaticReplies": True}, True),
        (("Content-Class: rpmsg.message",), {"tracking.skipRightsManagedEmail": True}, False),
        (("X-Loop: sales@contoso.example",), {}, False),
    ],
)
def test_what_stays_out_even_there(lines: tuple[str, ...], organization: dict[str, Leaf], accepted: bool) -> None:
    assert decide("A", *lines, organization={**ON, **organization}).accepted is accepted
    assert not decide("", *lines, organization={**ON, **organization}, filter="none").accepted


def test_a_folder_that_nobody_declares_any_more_decides_nothing() -> None:
    assert not decide("gone", organization=ON, filter="none").accepted


@pytest.mark.parametrize(("folder", "day", "wanted"), [("", 9, False), ("", 11, True), ("A", 9, True), ("A", 3, False)])
def test_a_date_that_moves_with_the_mail_says_nothing_of_what_people_move(folder: str, day: int, wanted: bool) -> None:
    """Mail came on the 10th, and processing.advancingDate moved the date there; declared is the 5th. What is put into a folder later is
    older than that, and still wanted."""
    declared, moved = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
    seen = list[bool]()

    class Inbox:
        def look(self, cursor: Cursor | None) -> Look:
            return Look(messages=1, news=True, restarted=False)

        def read(self, cursor: Cursor | None, **asked: Any) -> Iterator[Batch]:
            listed = Listed(RemoteId("ews", "2"), datetime(2026, 3, day, tzinfo=UTC), 10, folder)
            seen.append(asked["wanted"](listed))
            yield Batch(read=(), declined=1, missing=(), vanished=(), cursor=Cursor("ews", "2"), messages=1)

        def close(self) -> None:
            pass

    store = MemoryMailStore()
    with store.receive("m") as receiving:
        receiving.commit(ReceivedBatch(cursor=Cursor("ews", "1"), messages=1, at=instant.text(moved), latest=instant.text(moved)))
        clock = StillClock(at=datetime(2026, 3, 20, tzinfo=UTC))
        receive(Inbox(), receiving, floor=declared, clock=clock, progress=Received(), beside=False, advancing=True)
    assert seen[-1] is wanted
