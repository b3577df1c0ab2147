"""Whether a received message is tracked: one table from what is known of it to an answer with the values it was decided by.

Order and rules follow the product (Power Platform: "Email message filtering and correlation"; Dynamics 365 support: "NoRecipientMatch",
"NoCorrelationMatch"). Where it is silent: a mailbox that takes all mail always takes what lies in it, whoever else is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.party import PartyRef, PartyType


class Filter(StrEnum):
    """Which mail a recipient takes, widest first (0, 1, 2, 3, 4 in the product)."""

    ALL = "all"
    EMAIL_ENABLED = "email-enabled"
    KNOWN_SENDERS = "known-senders"
    REPLIES = "replies"
    NONE = "none"


#: Whom `known-senders` knows.
KNOWN: Final = frozenset({PartyType.LEAD, PartyType.CONTACT, PartyType.ACCOUNT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody whose filter is asked. `party` is None for a mailbox whose user or queue nobody knows; `processed` marks the mailbox in
    which the message lies, `named` whether the message names it as a recipient."""

    name: str
    filter: Filter
    party: PartyRef | None = None
    processed: bool = False
    named: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the organization decides. `only_processed`: tracking.onlySynchronizingMailboxDecides."""

    only_processed: bool = False
    track_by_hand: bool = False
    ignore_automatic: bool = False
    skip_rights_managed: bool = False

    @property
    def asks_signals(self) -> bool:
        """Whether anything depends on what a header says of machines and rights."""
        return self.ignore_automatic or self.skip_rights_managed


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a message. Each text is empty where there is nothing, else what it was recognised by. `sender_row` is the row the
    sender was resolved to, `sender_why` how. `unbelieved` is a clue that did not count, and why; `direct` are recipients with a mailbox
    here that does not receive through the forward mailbox it lies in. `folder` is the tracked folder where somebody put it."""

    sender: str
    sender_row: PartyRef | None = None
    sender_why: str = ""
    recipients: Sequence[Recipient] = ()
    reply_to: str = ""
    unbelieved: str = ""
    direct: str = ""
    own: str = ""
    automatic: str = ""
    rights_managed: str = ""
    internal: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """See `Decision` for the words. `by` is who took it; None where it was not taken."""

    accepted: bool
    reason: str
    facts: tuple[tuple[str, str], ...]
    by: Recipient | None = None


#: Going through the class itself takes ten times as long.
_WIDEST_FIRST: Final = tuple(Filter)
_TAKEN: Final = {
    Filter.ALL: "all-mail",
    Filter.EMAIL_ENABLED: "email-enabled-sender",
    Filter.KNOWN_SENDERS: "known-sender",
    Filter.REPLIES: "reply",
}


def accept(mailbox: Recipient, known: Known, rules: Rules) -> Verdict:
    """`mailbox` is the one being processed; it is among `known.recipients`, too, where the message names it."""
    barred = _barred(known, rules)
    asked = _asked(mailbox, known, rules)
    facts = [("mailbox", f"{mailbox.name}, filter {mailbox.filter}")]
    facts += barred[1] if barred else _facts(known, asked)
    if barred:
        return Verdict(accepted=False, reason=barred[0], facts=tuple(facts))
    if known.folder:
        return Verdict(accepted=True, reason="tracked-folder", facts=(facts[0], ("tracked folder", known.folder), *facts[1:]), by=mailbox)
    if not asked:
        return Verdict(accepted=False, reason="not-by-forward-mailbox" if known.direct else "no-recipient-match", facts=tuple(facts))
    # Whoever takes it by the widest filter is who it is tracked for; among equals the first named.
    for filter_ in _WIDEST_FIRST:
        for recipient in asked:
            if recipient.filter is filter_ and takes(filter_, known):
                return Verdict(accepted=True, reason=_TAKEN[filter_], facts=(*facts, ("accepted by", _who(recipient))), by=recipient)
    return Verdict(accepted=False, reason=_refusal(asked, known), facts=tuple(facts))


def _barred(known: Known, rules: Rules) -> tuple[str, list[tuple[str, str]]] | None:
    """What keeps a message out whatever the filters say. Rules about what is tracked by itself say nothing of a tracked folder, where a
    person put it."""
    if known.own:
        return "own-mail", [("sent by us", known.own)]
    if rules.track_by_hand and not known.folder:
        return "no-automatic-tracking", [("tracking.doNotAutoTrackEmail", "true")]
    if rules.skip_rights_managed and known.rights_managed:
        return "rights-managed", [("tracking.skipRightsManagedEmail", "true"), ("rights-managed by", known.rights_managed)]
    if known.folder:
        return None
    if rules.ignore_automatic and known.automatic:
        return "automatic-reply", [("tracking.ignoreAutomaticReplies", "true"), ("automatic by", known.automatic)]
    if known.internal:
        return "internal", [("internal mail", known.internal)]
    return None


def _asked(mailbox: Recipient, known: Known, rules: Rules) -> list[Recipient]:
    """Behind Bcc and lists nobody is named: then only a mailbox that takes all mail is asked."""
    if rules.only_processed:
        return [mailbox] if mailbox.named or mailbox.filter is Filter.ALL else []
    asked = [each for each in known.recipients if not each.processed]
    if mailbox.named or mailbox.filter is Filter.ALL:
        asked.insert(0, mailbox)
    return asked


def takes(filter_: Filter, known: Known) -> bool:
    """Whether a filter lets a message in, as far as it goes by sender and correlation."""
    match filter_:
        case Filter.ALL:
            return True
        case Filter.EMAIL_ENABLED:
            return known.sender_row is not None
        case Filter.KNOWN_SENDERS:
            return known.sender_row is not None and known.sender_row.type in KNOWN
        case Filter.REPLIES:
            return bool(known.reply_to)
        case Filter.NONE:
            return False
        case _:
            assert_never(filter_)


def _refusal(asked: Sequence[Recipient], known: Known) -> str:
    """The word for the widest filter that refused."""
    widest = next(filter_ for filter_ in _WIDEST_FIRST if any(each.filter is filter_ for each in asked))
    match widest:
        case Filter.EMAIL_ENABLED | Filter.KNOWN_SENDERS:
            return "unknown-sender"
        case Filter.REPLIES:
            return "no-correlation-match"
        case Filter.NONE:
            return "filter-none"
        case Filter.ALL:
            raise AssertionError("a recipient that takes all mail refuses none")
        case _:
            assert_never(widest)


def _facts(known: Known, asked: Sequence[Recipient]) -> list[tuple[str, str]]:
    nobody = f"none: {known.direct}" if known.direct else "none: no recipient is a user or queue with a mailbox here"
    facts = [("recipients asked", "; ".join(_who(each) for each in asked) or nobody)]
    row = known.sender_row
    who = f"{row.type} {row.name or row.id}" if row else "nobody known"
    facts.append(("sender", f"{known.sender or '(none)'} is {who}" + (f": {known.sender_why}" if known.sender_why else "")))
    facts.append(("answers", known.reply_to or known.unbelieved or "no mail of ours"))
    return facts


def _who(recipient: Recipient) -> str:
    return f"{recipient.name} (filter {recipient.filter})"
