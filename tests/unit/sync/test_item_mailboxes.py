"""Whose appointments, contacts and tasks are kept in step, and what is refused by name."""

from __future__ import annotations

from reconcile.model.canonical import Leaf
from reconcile.model.item import ItemKind
from reconcile.model.item_declared import TaskDeletion
from reconcile.model.item_field import Direction
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.item_mailboxes import KeptInStep, NotKept, fingerprint, item_mailboxes
from reconcile.sync.decide.two_way_rules import TwoWayRules, two_way_rules

NOW = "2026-03-10T12:00:00Z"
EWS = frozenset({"ews"})


def resource(kind: str, name: str, **spec: Leaf) -> AppliedResource:
    return AppliedResource(kind=kind, name=name, external_id=f"{kind}-{name}", spec=spec, origins={})


def exchange(**more: Leaf) -> AppliedResource:
    spec: dict[str, Leaf] = {
        "serverType": "exchange-server",
        "incoming.protocol": "ews",
        "incoming.server": "https://mail.contoso.example/EWS/Exchange.asmx",
        "incoming.credentials": "profile",
        "incoming.username": "svc@contoso.example",
        "incoming.password.ref": "env:PASSWORD",
        "incoming.useImpersonation": True,
        "incoming.authentication": "basic",
    }
    return resource("EmailServerProfile", "exchange", **{**spec, **more})


def mailbox(**more: Leaf) -> AppliedResource:
    spec: dict[str, Leaf] = {
        "emailAddress": "Anna@contoso.example",
        "type": "user",
        "profile": "exchange",
        "appointmentsContactsTasks": "server-side",
    }
    return resource("Mailbox", "anna", **{**spec, **more})


def one(*resources: AppliedResource, capable: frozenset[str] = EWS) -> KeptInStep | NotKept:
    (found,) = item_mailboxes(resources, now=NOW, capable=capable)
    return found


def test_impersonation_keeps_a_users_mailbox_in_step() -> None:
    found = one(exchange(), mailbox())
    assert isinstance(found, KeptInStep), found
    assert found.reach.server == "mail.contoso.example"
    assert found.rules == TwoWayRules()


def refused(found: KeptInStep | NotKept) -> tuple[str, str]:
    assert isinstance(found, NotKept)
    return found.condition.field, found.condition.message


def test_what_cannot_be_is_refused_by_name() -> None:
    field, words = refused(one(exchange(**{"incoming.useImpersonation": False}), mailbox()))
    assert field == "appointmentsContactsTasks"
    assert "a delegate cannot" in words
    imap = exchange(**{"incoming.protocol": "imap", "serverType": "imap-smtp", "incoming.server": "imap.contoso.example"})
    assert "not synchronised over imap: only Exchange has them" in refused(one(imap, mailbox()))[1]
    assert "not synchronised over ews" in refused(one(exchange(), mailbox(), capable=frozenset()))[1]
    assert refused(one(mailbox()))[0] == "profile"
    assert refused(one(exchange(), mailbox(type="queue")))[1] == "a queue mailbox has no appointments, contacts and tasks"


def test_who_does_not_ask_is_not_answered() -> None:
    none = mailbox(appointmentsContactsTasks="none")
    assert not item_mailboxes([exchange(), none, mailbox(state="inactive")], now=NOW, capable=EWS)
    usual = resource("Organization", "contoso", **{"defaults.appointmentsContactsTasks": "server-side"})
    asked = item_mailboxes(
        [usual, exchange(), mailbox(appointmentsContactsTasks=None), mailbox(appointmentsContactsTasks=None, type="queue")],
        now=NOW,
        capable=EWS,
    )
    assert len(asked) == 1


def test_what_an_organization_declares() -> None:
    rules = two_way_rules(
        {
            "linkedItems.filters": ("task owner=any state=any", "contact"),
            "linkedItems.directions": ("contact.jobtitle=to-records",),
            "linkedItems.taskDeletion": "never",
            "linkedItems.unlinkOnLogicalDelete": False,
            "linkedItems.oneMailingAddress": False,
            "linkedItems.updatePastMeetings": True,
            "linkedItems.propagateCancellations": True,
            "linkedItems.privateFromMailbox": True,
            "linkedItems.appointmentAttachments": True,
            "attachments.maximumSize": 1000,
            "linkedItems.trackFromNonOrganizer": False,
            "linkedItems.trackCategorizedContacts": True,
            "tracking.trackCategorizedItems": False,
            "tracking.ignoreCopiedItems": False,
        }
    )
    assert {kind: len(filters) for kind, filters in rules.filters.items()} == {
        ItemKind.APPOINTMENT: 0,
        ItemKind.CONTACT: 1,
        ItemKind.TASK: 1,
    }
    assert rules.directions == {(ItemKind.CONTACT, "jobtitle"): Direction.TO_OURS}
    assert rules.task_deletion is TaskDeletion.NEVER
    usual = TwoWayRules()
    for name in TwoWayRules.__slots__:
        assert getattr(rules, name) != getattr(usual, name), name
    assert fingerprint(rules) != fingerprint(usual) == fingerprint(two_way_rules({}))


def test_no_filters_at_all_let_nothing_out() -> None:
    assert not any(two_way_rules({"linkedItems.filters": ()}).filters.values())
