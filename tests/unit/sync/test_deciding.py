"""From header to decision: who is asked, what is looked up, and mail of ours that comes back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.model.canonical import Leaf
from reconcile.model.party import PartyRef, PartyRow, PartyType
from reconcile.model.remote_id import RemoteId
from reconcile.model.tracking import MailRef
from reconcile.ports.correlation import MailFacts
from reconcile.ports.target import AppliedResource
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.memory.parties import MemoryParties
from reconcile.sync.decide.header import scan
from reconcile.sync.deciding import Candidate, Decided, Decider, Deciders
from reconcile.sync.incoming import Received, receive
from support.applied import START, Applied, StillClock

SALES = "sales@contoso.example"


def resource(name: str, kind: str = "Mailbox", **spec: Leaf) -> AppliedResource:
    found = {"emailAddress": f"{name}@contoso.example", **spec} if kind == "Mailbox" else spec
    return AppliedResource(kind=kind, name=name, external_id=name, spec=found, origins={})


class Lookup:
    """Outgoing mail 7 is <ours@contoso.example>, e-mail 3 is <tracked@fabrikam.example>."""

    asked = 0

    def by_message_id(self, message_ids: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        self.asked += 1
        known = {
            "<ours@contoso.example>": [MailRef(kind="outbox", id=7)],
            "<tracked@fabrikam.example>": [MailRef(kind="email", id=3)],
        }
        return {name: known[name] for name in message_ids if name in known}

    def facts(self, mails: Collection[MailRef]) -> Mapping[MailRef, MailFacts]:
        return {mail: MailFacts(people=frozenset({"customer@fabrikam.example"})) for mail in mails}

    def by_token(self, tokens: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        return {}

    def by_conversation(self, roots: Collection[bytes]) -> Mapping[bytes, Sequence[tuple[bytes, MailRef]]]:
        return {}

    def by_person(self, people: Collection[int], *, since: str) -> Mapping[int, Sequence[MailRef]]:
        return {}

    def words(self, mails: Collection[MailRef]) -> Mapping[MailRef, frozenset[int]]:
        return {}


def decider(*resources: AppliedResource, parties: Sequence[PartyRow] = (), lookup: Lookup | None = None, of: str = "sales") -> Decider:
    directory = MemoryParties()
    directory.take_in(parties, whole=lambda: True, at="2026-03-01T08:00:00Z")

    class Applied:
        def resources(self) -> Sequence[AppliedResource]:
            return resources

    found = Deciders(applied=Applied(), parties=directory, correlation=lookup or Lookup(), clock=StillClock())(of)
    assert found is not None
    return found


def decide(
    decider: Decider, *lines: str, sender: str = "customer@fabrikam.example", to: str = SALES, name: str = "<1@x.example>"
) -> Decided:
    block = "\r\n".join([f"Message-ID: {name}", f"From: {sender}", f"To: {to}", *lines, "", ""]).encode()
    candidate = Candidate(remote_id=RemoteId("imap", "1"), header=scan(block), block=block, received="2026-03-01T08:00:00Z")
    return decider.decide([candidate], 0)[0]


def outcome(found: Decided) -> str:
    return ("" if found.accepted else "!") + (found.decision.reason if found.decision else "all-mail")


@pytest.mark.parametrize(
    ("spec", "organization", "first"),
    [
        ({}, {}, False),
        ({"filter": "all"}, {}, False),
        ({"filter": "replies"}, {}, True),
        ({"filter": "all"}, {"tracking.ignoreAutomaticReplies": True}, True),
        ({"filter": "all"}, {"tracking.skipRightsManagedEmail": True}, True),
        ({"filter": "all"}, {"tracking.doNotAutoTrackEmail": True}, True),
        ({"filter": "all"}, {"tracking.ignoreInternalEmail": True}, True),
        ({"filter": "all"}, {"tracking.forceFilterForUsers": "replies"}, True),
        ({"filter": "replies"}, {"tracking.forceFilterForUsers": "all"}, False),
        ({"filter": "replies"}, {"tracking.forceFilterForUsers": "off"}, True),
        ({"filter": "all", "type": "queue"}, {"tracking.forceFilterForUsers": "replies"}, False),
        ({"filter": "all", "type": "forward"}, {"tracking.ignoreAutomaticReplies": True}, False),
    ],
)
def test_headers_come_first_only_where_something_may_refuse(spec: dict[str, Leaf], organization: dict[str, Leaf], first: bool) -> None:
    assert decider(resource("sales", **spec), resource("o", "Organization", **organization)).header_first is first


def test_where_all_mail_is_tracked_nothing_is_remembered_or_asked() -> None:
    lookup = Lookup()
    found = decide(decider(resource("sales"), lookup=lookup))
    assert (found.accepted, found.decision, found.tracking, lookup.asked) == (True, None, None, 0)


def test_our_own_mail_that_comes_back_goes_in_circles() -> None:
    mine = decider(resource("sales", filter="all"), resource("other", filter="all"))
    assert outcome(decide(mine, sender=SALES, name="<ours@contoso.example>")) == "!own-mail"
    # Who only copies our id keeps nobody's mail away, and what a colleague sent is no circle.
    assert outcome(decide(mine, name="<ours@contoso.example>")) == "all-mail"
    assert outcome(decide(mine, sender="other@contoso.example", name="<ours@contoso.example>")) == "all-mail"
    assert outcome(decide(mine, f"X-Loop: {SALES.upper()}")) == "!own-mail"
    assert outcome(decide(mine, "X-Loop: somebody@else.example")) == "all-mail"


def test_the_directory_says_what_a_user_chose_unless_the_document_does() -> None:
    row = PartyRow(ref=PartyRef(type=PartyType.USER, id="u", name="Robin"), addresses=(SALES,), filter="none")
    assert outcome(decide(decider(resource("sales"), parties=[row]))) == "!filter-none"
    assert outcome(decide(decider(resource("sales", filter="all"), parties=[row]))) == "all-mail"


def test_another_recipient_takes_it() -> None:
    boxes = (resource("sales", filter="none"), resource("q", type="queue", filter="all"))
    found = decide(decider(*boxes), to=f"{SALES}, q@contoso.example")
    assert outcome(found) == "all-mail"
    assert found.decision is not None
    assert found.tracking is not None
    assert found.tracking.accepted_by == PartyRef(type=PartyType.QUEUE, id="q", name="q")
    only = resource("o", "Organization", **{"tracking.onlySynchronizingMailboxDecides": True})
    assert outcome(decide(decider(*boxes, only), to=f"{SALES}, q@contoso.example")) == "!filter-none"


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("Auto-Submitted: auto-replied", "tracking.ignoreAutomaticReplies", "automatic-reply"),
        ("Content-Class: rpmsg.message", "tracking.skipRightsManagedEmail", "rights-managed"),
        ("Subject: x", "tracking.doNotAutoTrackEmail", "no-automatic-tracking"),
    ],
)
def test_rules_of_the_organization(line: str, field: str, reason: str) -> None:
    assert outcome(decide(decider(resource("sales", filter="all")), line)) == "all-mail"
    assert outcome(decide(decider(resource("sales", filter="all"), resource("o", "Organization", **{field: True})), line)) == f"!{reason}"


def test_several_rows_with_one_address_are_nobody_where_that_is_asked_for() -> None:
    rows = [
        PartyRow(ref=PartyRef(type=type_, id="1"), addresses=("customer@fabrikam.example",))
        for type_ in (PartyType.CONTACT, PartyType.LEAD)
    ]
    switch = resource("o", "Organization", **{"addressResolution.unresolveSenderOnMultipleMatch": True})
    known = resource("sales", filter="known-senders")
    assert outcome(decide(decider(known, parties=rows))) == "known-sender"
    found = decide(decider(known, switch, parties=rows))
    assert outcome(found) == "!unknown-sender"
    assert found.decision is not None
    assert "2 rows have this address" in dict(found.decision.facts)["sender"]


def test_a_reply_to_what_the_same_look_took_is_a_reply() -> None:
    replies = decider(resource("sales", filter="replies"))
    assert outcome(decide(replies, "In-Reply-To: <tracked@fabrikam.example>", name="<2@x.example>")) == "reply"
    assert outcome(decide(replies, "In-Reply-To: <2@x.example>", name="<3@x.example>")) == "reply"
    # What was ignored is no mail of ours.
    assert outcome(decide(replies, name="<4@x.example>")) == "!no-correlation-match"
    assert outcome(decide(replies, "In-Reply-To: <4@x.example>", name="<5@x.example>")) == "!no-correlation-match"


def test_a_forward_mailbox_asks_those_who_receive_through_it() -> None:
    boxes = (
        resource("forward", type="forward"),
        resource("sales", incoming="forward-mailbox", filter="all"),
        resource("direct", incoming="server-side", filter="all"),
    )
    through = decider(*boxes, of="forward")
    found = decide(through)
    assert (outcome(found), found.held_for) == ("all-mail", "sales")
    assert found.tracking is not None
    assert found.tracking.forwarded_by == "forward"
    direct = decide(through, to="direct@contoso.example")
    assert outcome(direct) == "!not-by-forward-mailbox"
    assert direct.decision is not None
    assert dict(direct.decision.facts)["recipients asked"] == "none: direct: incoming is not forward-mailbox"
    assert outcome(decide(through, to="forward@contoso.example")) == "!no-recipient-match"


class Tokens(Lookup):
    """CRM:0001001 is in outgoing mail 7, to customer@fabrikam.example."""

    def by_token(self, tokens: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        return {token: [MailRef(kind="outbox", id=7)] for token in tokens if token == "crm:0001001"}


@pytest.mark.parametrize("filter_", ["replies", "all"])
def test_a_token_that_is_not_believed_is_said(filter_: str) -> None:
    """It is ours, but whoever wrote has no part in that mail."""
    organization = resource("o", "Organization", **{"tracking.token.enabled": True})
    found = decider(resource("sales", filter=filter_), organization, lookup=Tokens())
    stranger = decide(found, "Subject: Re: offer CRM:0001001", sender="stranger@elsewhere.example")
    assert stranger.decision is not None
    said = dict(stranger.decision.facts)["answers"]
    assert "token crm:0001001 names outgoing mail 7, and was not believed" in said
    customer = decide(found, "Subject: Re: offer CRM:0001001", name="<2@x.example>")
    assert customer.tracking is not None
    assert customer.tracking.correlation is not None


def test_a_message_without_a_header_yet_is_not_passed_over() -> None:
    """The server lists it before it can give it: its whole decides, whenever it comes."""
    server, store = MemoryMailbox(), MemoryMailStore()
    for number in (1, 2):
        sender = "customer" if number == 1 else "stranger"
        text = f"Message-ID: <{number}@x.example>\r\nFrom: {sender}@fabrikam.example\r\nTo: {SALES}\r\n\r\nbody"
        server.deliver(text.encode(), START)
    server.hollow |= {1, 2}
    row = PartyRow(ref=PartyRef(type=PartyType.CONTACT, id="c"), addresses=("customer@fabrikam.example",))
    sales = decider(resource("sales", filter="known-senders"), parties=[row])

    def look() -> Received:
        progress = Received()
        with store.receive("sales") as receiving:
            receive(MemoryInbox(server), receiving, floor=None, clock=StillClock(), progress=progress, beside=False, decider=lambda: sales)
        return progress

    first = look()
    assert (first.missing, first.refused, len(store.states()["sales"].missing)) == (2, 0, 2)
    server.hollow.clear()
    second = look()
    assert (second.tracked, second.refused, store.states()["sales"].missing) == (1, 1, ())
    assert [each.reason for each in store.decisions.of_place("sales", "2")] == ["unknown-sender"]


def test_a_mailbox_that_is_no_longer_applied_is_not_read_without_its_filter() -> None:
    deciders = Deciders(applied=Applied([]), parties=MemoryParties(), correlation=Lookup(), clock=StillClock())
    with pytest.raises(Unavailable, match="no longer applied"):
        deciders("gone")
