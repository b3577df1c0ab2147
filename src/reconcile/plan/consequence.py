"""What a change means for the mail, in words. One table a kind: which fields, and the function that finds the words.

A function gets the spec before and after (defaults of what is not declared filled in by the reading of the target) and answers
with one sentence, or "" when nothing follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from reconcile.model.canonical import Leaf, Spec
from reconcile.model.key import Key
from reconcile.plan.list_change import list_change


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the words need to know beyond the resource: mailboxes a profile has in desired state, profiles as they will be, and
    the old slug of renamed profiles."""

    mailboxes: Mapping[str, int] = field(default_factory=dict)
    profiles: Mapping[str, Spec] = field(default_factory=dict)
    renamed_profiles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """One resource on its way from `old` to `new`. Both are flat specs; `old` is empty on create."""

    key: Key
    old: Spec
    new: Spec
    around: Surroundings

    def words(self, path: str, default: str = "") -> tuple[str, str]:
        """Both values as text, for comparing."""
        return _text(self.old.get(path), default), _text(self.new.get(path), default)

    @property
    def count(self) -> str:
        """ "3 mailboxes": those of this profile."""
        return _mailboxes(self.around.mailboxes.get(self.key.name, 0))


Words: TypeAlias = Callable[[Before], str]
Rule: TypeAlias = tuple[tuple[str, ...], Words]


def _text(leaf: Leaf, default: str = "") -> str:
    if leaf is None:
        return default
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return ", ".join(leaf) if isinstance(leaf, tuple) else str(leaf)


def _mailboxes(count: int) -> str:
    return "1 mailbox" if count == 1 else f"{count} mailboxes"


def _some(items: Collection[str]) -> str:
    shown = list(items)[:5]
    return ", ".join(shown) + (f" and {len(items) - 5} more" if len(items) > 5 else "")


def floor(new: Spec, around: Surroundings) -> str:
    """The date before which mail is not read: the later of mailbox and profile, "" for none. Canonical instants sort as text."""
    profile = around.profiles.get(_text(new.get("profile")), {})
    return max(_text(new.get("processEmailFrom")), _text(profile.get("processEmailFrom")))


def _is_active(spec: Spec) -> bool:
    return _text(spec.get("state"), "active") == "active"


def _incoming(b: Before) -> str:
    old, new = b.words("incoming", "none")
    if old == new or not _is_active(b.new):
        return ""
    if new == "server-side":
        since = floor(b.new, b.around)
        return f"incoming mail starts from {since}" if since else "incoming mail starts from the oldest message"
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
    if old == new or not _is_active(b.new):
        return ""
    if new == "server-side":
        return "outgoing mail starts"
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
    if old == new or not _is_active(b.new):
        return ""
    if new == "server-side":
        return "appointments, contacts and tasks start"
    return "appointments, contacts and tasks stop" if old == "server-side" else ""


def _mailbox_state(b: Before) -> str:
    old, new = b.words("state", "active")
    if old == new or not b.old:
        return "inactive: no mail comes in or goes out" if new == "inactive" and not b.old else ""
    return "incoming and outgoing mail stop" if new == "inactive" else "incoming and outgoing mail start again"


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
    return words + (f"; mail from {after or 'the oldest message'} is read again" if after < before else "")


def _address(b: Before) -> str:
    old, new = b.words("emailAddress")
    return f"mail of {new} is read and sent instead of {old}" if old and old != new else ""


def _mailbox_credentials(b: Before) -> str:
    return "connects with other credentials" if b.old else ""


def _moved_floor(b: Before, where: str) -> str:
    old, new = b.words("processEmailFrom")
    if old == new or not b.old:
        return ""
    if not new:
        return f"mail from before {old} is read again{where}: unknown number of messages"
    if not old or new > old:
        return f"mail before {new} is no longer read{where}"
    return f"mail from {new} is read again{where}: unknown number of messages"


def _mailbox_floor(b: Before) -> str:
    return _moved_floor(b, "")


def _deleting(b: Before) -> str:
    old, new = b.words("deleteAfterProcessing", "false")
    if old == new:
        return ""
    return "mail is deleted at the server once it is tracked" if new == "true" else "mail stays at the server"


def _filter(b: Before) -> str:
    old, new = b.words("filter", "the user's choice")
    return f"tracks {new} instead of {old}" if b.old and old != new else ""


_MAILBOX: tuple[Rule, ...] = (
    (("state",), _mailbox_state),
    (("incoming",), _incoming),
    (("outgoing",), _outgoing),
    (("appointmentsContactsTasks",), _appointments),
    (("profile",), _profile_of_mailbox),
    (("emailAddress",), _address),
    (("credentials.allowUse", "credentials.username", "credentials.password.*", "credentials.refreshToken.*"), _mailbox_credentials),
    (("processEmailFrom",), _mailbox_floor),
    (("deleteAfterProcessing",), _deleting),
    (("filter",), _filter),
)


def _server(b: Before) -> str:
    return f"{b.count} connect{_s(b)} to another server or port" if b.old else ""


def _s(b: Before) -> str:
    return "s" if b.around.mailboxes.get(b.key.name, 0) == 1 else ""


def _protocol(b: Before) -> str:
    return f"{b.count} speak{_s(b)} another protocol with the server" if b.old else ""


def _profile_credentials(b: Before) -> str:
    return f"{b.count} connect{_s(b)} with other credentials" if b.old else ""


_STRENGTH = {"none": 0, "starttls": 1, "implicit": 2}


def _tls(direction: str) -> Words:
    def words(b: Before) -> str:
        old, new = b.words(f"{direction}.tls", "implicit")
        if new == "none" and (not b.old or old != new):
            return f"{direction} mail and passwords of {b.count} travel unencrypted"
        if not b.old or old == new:
            return ""
        if _STRENGTH.get(new, 0) < _STRENGTH.get(old, 0):
            return f"{direction} TLS is weaker ({old} → {new}) for {b.count}"
        return f"{direction} TLS is stronger ({old} → {new}) for {b.count}"

    return words


def _authority(b: Before) -> str:
    return f"{b.count} trust{_s(b)} another certificate authority" if b.old else ""


def _impersonation(b: Before) -> str:
    if not b.old:
        return ""
    on = any(_text(b.new.get(f"{direction}.useImpersonation")) == "true" for direction in ("incoming", "outgoing"))
    return f"{b.count} {'are' if not _s(b) else 'is'} opened by {'impersonation' if on else 'delegation instead of impersonation'}"


def _profile_floor(b: Before) -> str:
    return _moved_floor(b, f" in {b.count}")


def _profile_state(b: Before) -> str:
    old, new = b.words("state", "active")
    if old == new:
        return ""
    if new == "inactive":
        return f"incoming and outgoing mail of {b.count} stop"
    return f"incoming and outgoing mail of {b.count} start again" if b.old else ""


def _polling(b: Before) -> str:
    old, new = b.words("minPollingInterval")
    return f"new mail is looked for every {new} instead of every {old}" if old and new and old != new else ""


def _connections(b: Before) -> str:
    old, new = b.words("maxConcurrentConnections")
    return f"at most {new} connections at a time instead of {old}" if old and new and old != new else ""


def _same_settings(b: Before) -> str:
    old, new = b.words("useSameSettingsForOutgoing", "true")
    if not b.old or old == new:
        return ""
    return f"{b.count} send{_s(b)} with the credentials of {'incoming' if new == 'true' else 'outgoing'}"


def _undelivered(b: Before) -> str:
    new = b.words("moveUndeliveredEmails", "false")[1]
    if new == "true":
        return "mail that cannot be tracked is moved to a folder at the server"
    return "mail that cannot be tracked stays where it is" if b.old else ""


def _both(*names: str) -> tuple[str, ...]:
    return tuple(f"{direction}.{name}" for direction in ("incoming", "outgoing") for name in names)


_PROFILE: tuple[Rule, ...] = (
    (("state",), _profile_state),
    ((*_both("server", "port"), "autodiscover", "defaultServerLocation"), _server),
    (("serverType", *_both("protocol")), _protocol),
    ((*_both("username", "password.*", "credentials", "authentication"), "oauth.*"), _profile_credentials),
    (("incoming.tls",), _tls("incoming")),
    (("outgoing.tls",), _tls("outgoing")),
    (_both("caCertificate"), _authority),
    (_both("useImpersonation"), _impersonation),
    (("useSameSettingsForOutgoing",), _same_settings),
    (("processEmailFrom",), _profile_floor),
    (("minPollingInterval",), _polling),
    (("maxConcurrentConnections",), _connections),
    (("moveUndeliveredEmails",), _undelivered),
)


def _approval(path: str, whom: str) -> Words:
    def words(b: Before) -> str:
        old, new = b.words(path, "false")
        if old == new:
            return ""
        if new == "true":
            return f"mail of {whom} waits until their address is approved"
        return f"mail of {whom} moves without approval" if b.old else ""

    return words


def _non_ssl(b: Before) -> str:
    old, new = b.words("deploymentSettings.allowNonSslEmail", "false")
    if old == new:
        return ""
    return "profiles may connect without encryption" if new == "true" else "profiles without encryption no longer connect"


def _correlation(b: Before) -> str:
    return "which mail is tracked, and to what it is attached, changes from now on" if b.old else ""


def _new_mailboxes(b: Before) -> str:
    return "new mailboxes start with other settings; existing ones stay" if b.old else ""


_ORGANIZATION: tuple[Rule, ...] = (
    (("approval.requireForUsers",), _approval("approval.requireForUsers", "users")),
    (("approval.requireForQueues",), _approval("approval.requireForQueues", "queues")),
    (("deploymentSettings.allowNonSslEmail",), _non_ssl),
    (("tracking.*", "smartMatching.*"), _correlation),
    (("defaults.*",), _new_mailboxes),
)


def _recipients(b: Before) -> str:
    old, new = b.old.get("allowedRecipients"), b.new.get("allowedRecipients")
    before = old if isinstance(old, tuple) else ()
    after = new if isinstance(new, tuple) else ()
    added, removed = list_change(before, after) if before != after else ((), ())
    if "*" in added:
        return "mail may now reach everybody"
    parts = [f"mail may now reach {_some(added)}"] if added else []
    if removed:
        parts.append("mail may no longer reach " + ("everybody" if "*" in removed else _some(removed)))
    if not after and before:
        parts.append("nobody may be mailed")
    return "; ".join(parts)


_ENVIRONMENT: tuple[Rule, ...] = ((("allowedRecipients",), _recipients),)

_TABLE: Mapping[str, tuple[Rule, ...]] = {
    "Mailbox": _MAILBOX,
    "EmailServerProfile": _PROFILE,
    "Organization": _ORGANIZATION,
    "Environment": _ENVIRONMENT,
}


def _touches(rule: tuple[str, ...], paths: Collection[str]) -> bool:
    return any(path in paths if not path.endswith("*") else any(other.startswith(path[:-1]) for other in paths) for path in rule)


def of_change(key: Key, old: Spec, new: Spec, paths: Collection[str], around: Surroundings) -> tuple[str, ...]:
    """Of a create (`old` empty, `paths` everything declared), an adoption or an update."""
    before = Before(key=key, old=old, new=new, around=around)
    if key.kind == "Mailbox" and "state" in paths and not _is_active(new):
        # Directions of an inactive mailbox do nothing, so only this is said of them.
        return tuple(filter(None, (_mailbox_state(before),)))
    found = (words(before) for rule, words in _TABLE.get(key.kind, ()) if _touches(rule, paths))
    return tuple(dict.fromkeys(text for text in found if text))


def of_delete(key: Key, before: Spec) -> tuple[str, ...]:
    """Of a delete, as far as the resource alone tells."""
    match key.kind:
        case "Mailbox":
            return (f"incoming and outgoing mail of {_text(before.get('emailAddress'), key.name)} stop; already tracked mail stays",)
        case "Environment":
            return ("nobody may be mailed",)
        case _:
            return ()


def of_lost_profile(users: int) -> tuple[str, ...]:
    """Of the delete of a profile that mailboxes will still refer to."""
    return (f"{_mailboxes(users)} lose{'s' if users == 1 else ''} the profile: incoming and outgoing mail stop",)
