"""Who owns the row of a tracked e-mail (Power Platform: "How is an email record owner determined", 2022-04-02)."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.model.party import PartyRef, PartyRow, PartyType
from reconcile.sync.decide.resolution import ResolvedRows

#: Whose owner may become the owner of a mail, if he is among the recipients.
_SENDERS = (PartyType.CONTACT, PartyType.ACCOUNT, PartyType.LEAD)


def mail_owner(
    recipients: Sequence[ResolvedRows], *, correlated_owner: str, sender: PartyRow | None, mailbox: PartyRow | None
) -> tuple[PartyRef | None, str]:
    """The owner, and why, in words.

    To, Cc and Bcc are looked at in this order, and the first list with somebody who may own e-mail decides: there the owner of the
    correlated mail (`correlated_owner`, an id, "" for none), else the owner of the sender's contact, account or lead, else the first. A
    queue stands for its owner. `mailbox` is the user or queue whose mailbox is being processed: the last resort, for Bcc and lists.
    """
    for name in ("to", "cc", "bcc"):
        eligible = [owner for each in recipients if each.field == name for row in each.rows if (owner := _owner(row)) is not None]
        if eligible:
            return _chosen(eligible, name, correlated_owner, sender)
    last = _owner(mailbox) if mailbox is not None else None
    return last, "the mailbox's own: no recipient may own e-mail" if last else "nobody may own e-mail"


def _chosen(eligible: Sequence[PartyRef], name: str, correlated_owner: str, sender: PartyRow | None) -> tuple[PartyRef, str]:
    wanted = [(correlated_owner, f"owns the mail it belongs to, and is in {name}")]
    if sender is not None and sender.ref.type in _SENDERS:
        wanted.append((sender.owner, f"owns the sender's {sender.ref.type}, and is in {name}"))
    for owner, why in wanted:
        found = next((each for each in eligible if owner and each.id == owner), None)
        if found is not None:
            return found, why
    return eligible[0], f"the first in {name} who may own e-mail"


def _owner(row: PartyRow) -> PartyRef | None:
    if not row.active or not row.writes_email:
        return None
    match row.ref.type:
        case PartyType.USER | PartyType.TEAM:
            return row.ref
        case PartyType.QUEUE:
            # Nobody knows more of the owner than his id. A queue whose owner nobody knows owns its mail itself.
            return PartyRef(type=PartyType.USER, id=row.owner) if row.owner else row.ref
        case _:
            return None
