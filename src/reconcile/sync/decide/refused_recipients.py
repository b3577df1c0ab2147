"""Which recipients must not get a waiting mail, by what is applied now."""

from __future__ import annotations

from reconcile.model.mail_address import is_allowed, same_address
from reconcile.model.outbox_step import RecipientResult
from reconcile.model.outgoing import OutboxEntry, RecipientState
from reconcile.sync.decide.submission import SendingMailbox, SendingSetup, not_consented, oversized


def refused_recipients(setup: SendingSetup, entry: OutboxEntry) -> dict[str, RecipientResult]:
    """Of those that wait, by address, with the reason."""
    pending = [one.address for one in entry.in_state(RecipientState.PENDING)]
    why = _whole_mail(setup, entry)
    if why:
        return {address: RecipientResult(state=RecipientState.FAILED, reason=why) for address in pending}
    why = "not in allowedRecipients of the applied environment"
    return {
        address: RecipientResult(state=RecipientState.FAILED, reason=why) for address in pending if not is_allowed(address, setup.allowed)
    }


def _whole_mail(setup: SendingSetup, entry: OutboxEntry) -> str:
    mailbox = setup.mailboxes.get(entry.mailbox_id)
    if not isinstance(mailbox, SendingMailbox):
        return mailbox.condition.message if mailbox else "the mailbox is no longer applied"
    if not same_address(mailbox.address, entry.sender):
        return f"the mailbox's address is now {mailbox.address}; the mail was written as {entry.sender}"
    return not_consented(setup, mailbox, entry.submitter_id) or oversized(entry, mailbox)
