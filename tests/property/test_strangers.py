"""The short way of mail that has to do with nobody here against the whole one, on batches of headers of every kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from reconcile.model.canonical import Leaf
from reconcile.model.remote_id import RemoteId
from reconcile.model.tracking import MailRef
from reconcile.ports.correlation import Hashes, MailFacts
from reconcile.ports.target import AppliedResource
from reconcile.store.memory.parties import MemoryParties
from reconcile.sync.decide.correlation_rules import SmartMatching
from reconcile.sync.decide.header import header_end, scan
from reconcile.sync.decide.smart_matching import people_hashes, word_hashes
from reconcile.sync.deciding import Candidate, Decided, Decider, Deciders
from support.applied import StillClock
from support.hostile_corpus import corpus
from support.parties import party

_PARTIES = [
    party("contact:anna", addresses=("anna@fabrikam.example",)),
    party("user:gone", addresses=("gone@contoso.example",), active=False),
    party("user:eva", addresses=("eva@contoso.example",), filter="all"),
    party("queue:help", addresses=("help@b\u00fccher.example",), filter="known-senders"),
]
_ADDRESSES = [
    *("sales@contoso.example", "Sales@CONTOSO.example", "<box@contoso.example>", "fwd@contoso.example", "anna@fabrikam.example"),
    *("EVA@contoso.example", "gone@contoso.example", "help@xn--bcher-kva.example", '"Help" <help@b\u00fccher.example>', "x@y.example"),
    *("=?utf-8?B?Sm9zw6k=?= <stranger@fabrikam.example>", "Stranger@Fabrikam.example", "undisclosed-recipients:;", "", "nobody", "<@>"),
]
_IDS = ["<ours@contoso.example>", "<tracked@fabrikam.example>", "<first@x.example>", "<1@x.example>", "<2@contoso.example>", "no id"]
#: Who takes part in a mail with the subject "Visit next week".
_ALIKE = frozenset({"stranger@fabrikam.example", "x@y.example"})
_INDEX = "AdwK5bWyzKQp1yXoTjq0y0o3bQ0ZpQ=="
_LINES = st.one_of(
    st.tuples(st.sampled_from(["From", "To", "Cc", "Bcc", "X-Loop"]), st.lists(st.sampled_from(_ADDRESSES), max_size=3).map(", ".join)),
    st.tuples(st.sampled_from(["Message-ID", "In-Reply-To", "References"]), st.sampled_from(_IDS)),
    st.tuples(st.just("Subject"), st.sampled_from(["Offer", "Re: Offer CRM:0001042", "Fwd: Offer CRM:0009999", "RE: Visit next week"])),
    st.tuples(st.just("Thread-Index"), st.sampled_from([_INDEX, "none"])),
)
_BLOCK = st.lists(_LINES, max_size=8).map(lambda lines: "".join(f"{name}: {text}\r\n" for name, text in lines).encode() + b"\r\n")
_RULES = {
    "tracking.token.enabled": True,
    "tracking.correlateByReferences": True,
    "smartMatching.enabled": True,
    "tracking.onlySynchronizingMailboxDecides": True,
    "tracking.ignoreInternalEmail": True,
    "tracking.ignoreAutomaticReplies": True,
    "addressResolution.createContactForUnknownSender": True,
}
_SMART: dict[str, Leaf] = {"smartMatching.enabled": True}
_ORGANIZATION = st.sets(st.sampled_from(sorted(_RULES)), max_size=3).map(lambda names: {name: _RULES[name] for name in names})


class Lookup:
    """Outgoing mail 7 and e-mail 3 by their Message-IDs, 7 by its token, and 3 by its conversation."""

    def by_message_id(self, message_ids: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        known = {_IDS[0]: [MailRef(kind="outbox", id=7)], _IDS[1]: [MailRef(kind="email", id=3)]}
        return {name: known[name] for name in message_ids if name in known}

    def by_token(self, tokens: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        return {token: [MailRef(kind="outbox", id=7)] for token in tokens if token == "crm:0001042"}

    def by_conversation(self, roots: Collection[bytes]) -> Mapping[bytes, Sequence[tuple[bytes, MailRef]]]:
        return {root: [(root, MailRef(kind="email", id=3))] for root in roots}

    def by_likeness(self, keys: Collection[int], *, since: str) -> Mapping[int, Sequence[MailRef]]:
        return {key: [MailRef(kind="email", id=3)] for key in keys}

    def hashes(self, mails: Collection[MailRef]) -> Mapping[MailRef, Hashes]:
        words, people = word_hashes("Visit next week", SmartMatching()), people_hashes(_ALIKE, SmartMatching())
        return {mail: Hashes(frozenset(words), frozenset(people)) for mail in mails}

    def facts(self, mails: Collection[MailRef]) -> Mapping[MailRef, MailFacts]:
        return {mail: MailFacts(people=frozenset({"anna@fabrikam.example"})) for mail in mails}


def decider(filter_: str, organization: Mapping[str, Leaf], *, directory: bool) -> Decider:
    parties = MemoryParties()
    if directory:
        parties.take_in(_PARTIES, whole=lambda: True, at="2026-03-01T08:00:00Z")
    boxes = {"sales": {"filter": filter_}, "box": {"filter": "replies"}, "fwd": {"type": "forward"}}
    resources = [_resource("Mailbox", name, {"emailAddress": f"{name}@contoso.example", **spec}) for name, spec in boxes.items()]
    resources.append(_resource("Organization", "o", organization))

    class Applied:
        def resources(self) -> Sequence[AppliedResource]:
            return resources

    found = Deciders(applied=Applied(), parties=parties, correlation=Lookup(), clock=StillClock())("sales")
    assert found is not None
    return found


def _resource(kind: str, name: str, spec: Mapping[str, Leaf]) -> AppliedResource:
    return AppliedResource(kind=kind, name=name, external_id=name, spec=spec, origins={})


def _candidates(blocks: Sequence[bytes]) -> list[Candidate]:
    return [
        Candidate(remote_id=RemoteId("imap", str(number)), header=scan(block), block=block, received="2026-03-01T08:00:00Z")
        for number, block in enumerate(blocks)
    ]


def _both(
    batches: Sequence[Sequence[bytes]], filter_: str, organization: Mapping[str, Leaf], *, directory: bool
) -> tuple[list[Decided], list[Decided], int]:
    """What the short way and the whole one decide, and how often the short one was gone."""
    short, whole = (decider(filter_, organization, directory=directory) for _ in range(2))
    whole._refuses_strangers = False
    found, wanted = [], []
    for batch in batches:
        found += short.decide(_candidates(batch), 1)
        wanted += whole.decide(_candidates(batch), 1)
    return found, wanted, len(short._strangers)


@given(
    st.lists(st.lists(_BLOCK, max_size=5), max_size=3),
    st.sampled_from(["all", "email-enabled", "known-senders", "replies", "none"]),
    _ORGANIZATION,
    st.booleans(),
)
@example([[b"From: x@y.example\r\nX-Loop: Sales@contoso.example\r\n\r\n"]], "replies", {}, True)
@example([[b"From: x@y.example\r\nTo: stranger@fabrikam.example\r\nSubject: RE: Visit next week\r\n\r\n"]], "replies", _SMART, True)
@example([[b"From: sales@contoso.example\r\nMessage-ID: <ours@contoso.example>\r\n\r\n"]], "replies", {}, False)
def test_strangers_are_refused_as_everybody_is(
    batches: list[list[bytes]], filter_: str, organization: dict[str, Leaf], directory: bool
) -> None:
    found, wanted, _ = _both(batches, filter_, organization, directory=directory)
    assert found == wanted


def test_strangers_of_the_hostile_corpus_are_refused_as_everybody_is() -> None:
    blocks = [raw[: end if (end := header_end(raw, 1 << 20)) >= 0 else 1 << 20] for _, raw in corpus()]
    found, wanted, gone = _both([blocks[:50], blocks[50:]], "known-senders", {}, directory=True)
    assert found == wanted
    assert gone > 3
