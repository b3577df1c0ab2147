"""What the stable words of decisions mean, and what to do where it is not what was wanted."""

from __future__ import annotations

from typing import Final

#: Reason → (what it means, next step).
WORDS: Final[dict[str, tuple[str, str]]] = {
    "all-mail": ("the filter all takes every mail", ""),
    "reply": ("it answers a mail of ours, and the filter replies takes that", ""),
    "known-sender": ("the sender is a contact, account or lead, and the filter known-senders takes that", ""),
    "email-enabled-sender": ("the sender is a row with an address, and the filter email-enabled takes that", ""),
    "tracked-folder": ("it was put into a tracked folder, which no filter keeps out", ""),
    "no-recipient-match": (
        "no recipient is a user or queue with a mailbox here, and the mailbox it lies in does not take all mail",
        "Mail that comes by Bcc or a distribution list needs filter: all on the mailbox.",
    ),
    "not-by-forward-mailbox": (
        "the mail attached to it is for a mailbox that does not receive through a forward mailbox",
        "incoming: forward-mailbox on that mailbox takes it from here; by another way, it is tracked where it arrives.",
    ),
    "no-correlation-match": (
        "the filter replies takes answers to tracked mail only, and this is none that could be recognised",
        "A wider filter takes it; `reconcile reprocess` brings it in then.",
    ),
    "unknown-sender": (
        "the filter takes mail of known senders only, and nobody known has the sender's address",
        "Import the sender into the directory, or widen the filter; `reconcile reprocess` brings it in then.",
    ),
    "filter-none": ("the filter none takes nothing by itself", "Another filter takes it; `reconcile reprocess` brings it in then."),
    "no-automatic-tracking": ("the organization tracks nothing by itself", "tracking.doNotAutoTrackEmail: false lets filters decide."),
    "internal": ("it is mail between our own users and queues, whose record is here already", ""),
    "automatic-reply": ("a machine wrote it as a reply, and those are not tracked", "tracking.ignoreAutomaticReplies: false tracks them."),
    "own-mail": ("it is our own mail that came back: tracking it would go in circles", ""),
    "rights-managed": ("it is rights-managed, and such mail is not tracked", "tracking.skipRightsManagedEmail: false tracks it."),
    "released": ("a person released it from quarantine: filter and rules were not asked", ""),
    "tracking-failed": (
        "tracking it failed each time it was tried; its bytes are kept",
        "`reconcile quarantine show` has the error, `reconcile quarantine retry` tries again.",
    ),
    "unreadable": (
        "it could not be read as a mail; its bytes are kept",
        "`reconcile quarantine export` writes them out, `reconcile quarantine retry` tries again.",
    ),
    "no-attached-message": (
        "a forward mailbox takes mail that is attached as a whole, and this one has no mail attached, or several",
        "Let the rule at the mail server forward as attachment, each mail by itself.",
    ),
}


def meaning(reason: str) -> str:
    """In words; the word itself where it has none."""
    return WORDS.get(reason, (reason, ""))[0]


def next_step(reason: str) -> str:
    """What to do, "" for nothing."""
    return WORDS.get(reason, ("", ""))[1]
