"""What a changed field of a mailbox means for the mail."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.model.mail_address import same_mailbox
from reconcile.model.shortfall import Effect
from reconcile.model.tracked_folder import read_folders
from reconcile.plan.consequences.words import Before, Rule, floor, is_active, messages, moved_floor, some

#: How the sentence begins that promises an effect.
PROMISED: Mapping[Effect, str] = {
    Effect.INCOMING: "incoming mail starts",
    Effect.OUTGOING: "outgoing mail starts",
    Effect.APPOINTMENTS: "appointments, contacts and tasks start",
    Effect.FOLDERS: "tracks what lies in",
}
FORWARDED = "its mail comes through the forward mailbox from now on"
BOTH_START = "incoming and outgoing mail start again"


def _incoming(b: Before) -> str:
    old, new = b.words("incoming", "none")
    if old == new or not is_active(b.new):
        return ""
    if new == "forward-mailbox" and b.around.engine:
        return ("incoming mail stops; " if old == "server-side" else "") + FORWARDED
    if new == "server-side":
        since = floor(b.new, b.around)
        row = b.around.external_id(b.key) if b.old else ""
        count = b.around.messages(row, since, "") if row else None
        return f"{PROMISED[Effect.INCOMING]} from {since or 'the oldest message'}" + (f": {messages(count)}" if count is not None else "")
    if old == "server-side":
        return "incoming mail stops" if new == "none" else f"incoming mail stops here; {new} takes over"
    if not b.old:
        return ""
    return (
        f"incoming mail by {old} ends"
        if new == "none"
        else f"incoming mail comes by {new}" + (f" instead of {old}" if old != "none" else "")
    )


def _outgoing(b: Before) -> str:
    old, new = b.words("outgoing", "none")
    if old == new or not is_active(b.new):
        return ""
    if new == "server-side":
        return PROMISED[Effect.OUTGOING]
    if old == "server-side":
        return "outgoing mail stops" if new == "none" else f"outgoing mail stops here; {new} takes over"
    if not b.old:
        return ""
    return (
        f"outgoing mail by {old} ends"
        if new == "none"
        else f"outgoing mail goes by {new}" + (f" instead of {old}" if old != "none" else "")
    )


def _appointments(b: Before) -> str:
    old, new = b.words("appointmentsContactsTasks", "none")
    if old == new or not is_active(b.new):
        return ""
    if new == "server-side":
        return PROMISED[Effect.APPOINTMENTS]
    return "appointments, contacts and tasks stop" if old == "server-side" else ""


def mailbox_state(b: Before) -> str:
    """An inactive mailbox does nothing."""
    old, new = b.words("state", "active")
    if old == new or not b.old:
        return "inactive: no mail comes in or goes out" if new == "inactive" and not b.old else ""
    return "incoming and outgoing mail stop" if new == "inactive" else BOTH_START


def _profile_of_mailbox(b: Before) -> str:
    old, new = b.words("profile")
    if old == new or not b.old:
        return ""
    if b.around.renamed_profiles.get(new) == old:
        return f"same server and credentials: profile {old} is now called {new}"
    if not new:
        return "no profile: incoming and outgoing mail stop"
    words = f"moves to the server and credentials of profile {new}" + (f" (was {old})" if old else "")
    before, after = floor(b.old, b.around), floor(b.new, b.around)
    if after >= before:
        return words
    row = b.around.external_id(b.key)
    again = messages(b.around.messages(row, after, before) if row else None)
    return f"{words}; mail from {after or 'the oldest message'} is read again: {again}"


def _address(b: Before) -> str:
    old, new = b.words("emailAddress")
    if old and new and old != new and same_mailbox(old, new):
        return f"its address is spelled {new}; it is the same mailbox"
    return f"mail of {new} is read and sent instead of {old}" if old and old != new else ""


def _secret(path: str) -> tuple[str, ...]:
    """What makes it another one; the day it ends is what people are told of."""
    return path, f"{path}.ref", f"{path}.generation"


def _mailbox_credentials(b: Before) -> str:
    return "connects with other credentials" if b.old else ""


def _mailbox_floor(b: Before) -> str:
    return moved_floor(b, "", lambda since, until: _messages(b, since, until))


def _messages(b: Before, since: str, until: str) -> int | None:
    """The floor of the profile still counts."""
    profile = floor({"profile": b.new.get("profile")}, b.around)
    row = b.around.external_id(b.key)
    return b.around.messages(row, max(since, profile), until) if row else None


def _deleting(b: Before) -> str:
    old, new = b.words("deleteAfterProcessing", "false")
    if old == new:
        return ""
    return "mail is deleted at the server once it is tracked" if new == "true" else "mail stays at the server"


def _filter(b: Before) -> str:
    old, new = b.words("filter", "the user's choice")
    return f"tracks {new} instead of {old}" if b.old and old != new else ""


def _type(b: Before) -> str:
    both = b.moved("type")
    return f"is treated as a {both[1]} mailbox instead of a {both[0]} mailbox" if both else ""


def _owner(b: Before) -> str:
    both = b.moved("owner")
    return f"belongs to {both[1] or 'nobody'} instead of {both[0] or 'nobody'}" if both else ""


def _send_as(b: Before) -> str:
    old, new = b.words("sendAs")
    if old == new:
        return ""
    return f"{new} may send as this mailbox" if new else "only its owner sends as this mailbox"


def _folders(b: Before) -> str:
    old, new = ({one.comparable: one for one in read_folders(spec.get("trackedFolders"))} for spec in (b.old, b.new))
    words = []
    if added := [str(one) for name, one in new.items() if name not in old]:
        words.append(f"{PROMISED[Effect.FOLDERS]} {some(added)}, now and from now on, whatever the filter says")
    if moved := [str(one) for name, one in new.items() if name in old and old[name].regarding != one.regarding]:
        words.append(f"mail that is put into a folder from now on belongs to another record: {some(moved)}")
    if gone := [one.path for name, one in old.items() if name not in new]:
        words.append(f"mail in {some(gone)} is no longer tracked for lying there; what is tracked stays")
    return "; ".join(words)


MAILBOX: tuple[Rule, ...] = (
    (("state",), mailbox_state),
    (("incoming",), _incoming),
    (("outgoing",), _outgoing),
    (("appointmentsContactsTasks",), _appointments),
    (("profile",), _profile_of_mailbox),
    (("emailAddress",), _address),
    (("type",), _type),
    (("owner",), _owner),
    (
        ("credentials.allowUse", "credentials.username", *_secret("credentials.password"), *_secret("credentials.refreshToken")),
        _mailbox_credentials,
    ),
    (("processEmailFrom",), _mailbox_floor),
    (("deleteAfterProcessing",), _deleting),
    (("filter",), _filter),
    (("sendAs",), _send_as),
    (("trackedFolders",), _folders),
)
