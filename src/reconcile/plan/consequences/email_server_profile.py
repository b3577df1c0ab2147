"""What a changed field of an email server profile means for its mailboxes."""

from __future__ import annotations

from reconcile.model.alert_mail import AlertMail, alert_mail
from reconcile.plan.consequences.words import Before, Rule, Words, moved_floor, text

#: What a profile promises of mail that cannot be tracked.
MOVED = "mail that cannot be tracked is moved to a folder at the server"


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
    on = any(text(b.new.get(f"{direction}.useImpersonation")) == "true" for direction in ("incoming", "outgoing"))
    if on and b.around.engine:
        # The engine has none, and notes say so.
        return ""
    return f"{b.count} {'are' if not _s(b) else 'is'} opened by {'impersonation' if on else 'delegation instead of impersonation'}"


def _profile_floor(b: Before) -> str:
    return moved_floor(b, f" in {b.count}", lambda since, until: _messages(b, since, until))


def _messages(b: Before, since: str, until: str) -> int | None:
    """Over all its mailboxes; a mailbox with a later floor of its own reads from there. Unknown when one of them is."""
    if b.around.riders is None:
        return None
    total = 0
    for external_id, own in b.around.riders(b.key.name):
        start = max(since, own)
        if start < until:
            found = b.around.messages(external_id, start, until)
            if found is None:
                return None
            total += found
    return total


def _profile_state(b: Before) -> str:
    old, new = b.words("state", "active")
    if old == new:
        return ""
    if new == "inactive":
        return f"incoming and outgoing mail of {b.count} stop" if b.old else f"inactive: no mail of {b.count} comes in or goes out"
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
        return MOVED
    return "mail that cannot be tracked stays where it is" if b.old else ""


def _both(*names: str) -> tuple[str, ...]:
    return tuple(f"{direction}.{name}" for direction in ("incoming", "outgoing") for name in names)


def _owner(b: Before) -> str:
    both = b.moved("owner")
    return f"belongs to {both[1] or 'nobody'} instead of {both[0] or 'nobody'}" if both else ""


def _alerts(b: Before) -> str:
    if b.around.engine and not isinstance(alert_mail({**b.new, "sendEmailAlert": True}, b.around.organization), AlertMail):
        return ""  # a note says why nobody is mailed
    if text(b.new.get("sendEmailAlert")) != "true":
        return "its owner is no longer mailed alerts" if b.moved("sendEmailAlert") else ""
    whom = text(b.new.get("ownerEmailAddress")) or "its owner"
    return f"{whom} is mailed when more than half of its mailboxes fail"


def _version(b: Before) -> str:
    both = b.moved("exchangeVersion")
    return f"{b.count} {'are' if not _s(b) else 'is'} spoken to as {both[1] or 'whatever the server says'}" if both else ""


def _encoding(b: Before) -> str:
    both = b.moved("encodingCodePage")
    return f"content of new mail is encoded as {both[1] or 'the server prefers'}" if both else ""


def _patience(b: Before) -> str:
    if not b.old:
        return ""
    if text(b.new.get("timeoutMailboxConnection"), "true") == "false":
        return "a connection may take as long as it likes"
    after = text(b.new.get("timeoutMailboxConnectionAfter"))
    return f"a connection is given up after {after}" if after else "a connection that takes too long is given up"


def _delegates(b: Before) -> str:
    new = b.words("outgoing.autoGrantDelegateAccess", "false")[1]
    if new == "true":
        # The engine refuses to send then, and notes say so.
        return "" if b.around.engine else "the right to send for others is granted by itself"
    return "the right to send for others is no longer granted by itself" if b.moved("outgoing.autoGrantDelegateAccess") else ""


def _switch(path: str, on: str, off: str) -> Words:
    def words(b: Before) -> str:
        old, new = b.words(path, "false")
        if old == new:
            return ""
        return on if new == "true" else off if b.old else ""

    return words


def _sent_copy(b: Before) -> str:
    old, new = b.words("outgoing.sentCopy", "none")
    if old == new:
        return ""
    return "a copy of each sent mail is put into the folder for sent mail" if new == "append" else "no more copies of sent mail are made"


def _delivery_reports(b: Before) -> str:
    both = b.words("outgoing.deliveryReports")
    if both[0] == both[1]:
        return ""
    return f"servers are asked to report {both[1]} of each mail" if both[1] else "servers decide whether they report failures"


def _sending_limits(b: Before) -> str:
    parts = []
    for name, what in (
        ("messagesPerMinute", "messages a minute"),
        ("messagesPerDay", "messages in 24 hours"),
        ("recipientsPerMessage", "recipients of one handing over"),
        ("messageSize", "bytes of one message"),
    ):
        old, new = b.words(f"outgoing.{name}")
        if old != new:
            parts.append(f"a mailbox sends at most {new} {what}" if new else f"no limit of {what} is kept")
    return "; ".join(parts)


def _discovery(b: Before) -> str:
    """What Autodiscover may do from now on; what was found before stays pinned."""
    parts = []
    for name, wider, narrower in (
        (
            "rootDomain",
            "the web server of the mail domain is asked and shown credentials",
            "the web server of the mail domain is not asked",
        ),
        ("plainHttp", "Autodiscover is asked over plain http, too", "nobody is asked over plain http"),
    ):
        old, new = b.words(f"discovery.{name}")
        if old != new:
            parts.append(wider if new == "true" else narrower)
    for name, what in (("hosts", "hosts outside the mail domain"), ("privateNetworks", "networks that are not public")):
        old, new = b.words(f"discovery.{name}")
        if old != new:
            parts.append(f"Autodiscover may lead to {what}: {new}" if new else f"Autodiscover may lead to no {what}")
    return "; ".join(parts)


PROFILE: tuple[Rule, ...] = (
    (("state",), _profile_state),
    ((*_both("server", "port"), "autodiscover", "defaultServerLocation"), _server),
    (("discovery.*",), _discovery),
    (("serverType", *_both("protocol")), _protocol),
    (
        (
            *_both(
                "username",
                "password",
                "password.ref",
                "password.generation",
                "credentials",
                "authentication",
                "clientCertificate.*",
                "certificateSignIn",
            ),
            "oauth.*",
        ),
        _profile_credentials,
    ),
    (("incoming.idle",), _switch("incoming.idle", "a connection of each mailbox stays open", "new mail is found by polling alone")),
    (("incoming.compression",), _switch("incoming.compression", "connections are compressed", "connections are no longer compressed")),
    (
        ("incoming.keywords",),
        _switch(
            "incoming.keywords",
            "messages at the server are marked as tracked or undeliverable",
            "messages at the server are no longer marked",
        ),
    ),
    (("outgoing.sentCopy",), _sent_copy),
    (("outgoing.deliveryReports",), _delivery_reports),
    (tuple(f"outgoing.{name}" for name in ("messagesPerMinute", "messagesPerDay", "recipientsPerMessage", "messageSize")), _sending_limits),
    (("incoming.tls",), _tls("incoming")),
    (("outgoing.tls",), _tls("outgoing")),
    (_both("caCertificate"), _authority),
    (_both("useImpersonation"), _impersonation),
    (("useSameSettingsForOutgoing",), _same_settings),
    (("processEmailFrom",), _profile_floor),
    (("minPollingInterval",), _polling),
    (("maxConcurrentConnections",), _connections),
    (("moveUndeliveredEmails",), _undelivered),
    (("timeoutMailboxConnection", "timeoutMailboxConnectionAfter"), _patience),
    (("exchangeVersion",), _version),
    (("encodingCodePage",), _encoding),
    (("outgoing.autoGrantDelegateAccess",), _delegates),
    (("owner",), _owner),
    (("sendEmailAlert", "ownerEmailAddress"), _alerts),
)
