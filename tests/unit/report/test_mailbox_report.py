"""The list of mailboxes for a review."""

from __future__ import annotations

from reconcile.model.condition import Health
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.report.mailbox_report import HEADERS, mailbox_lines, mailbox_report_json, mailbox_report_text, mailbox_rows

PROFILES = {
    "own": {
        "serverType": "imap-smtp",
        "incoming.credentials": "profile",
        "useSameSettingsForOutgoing": False,
        "outgoing.credentials": "anonymous",
    },
    "same": {"serverType": "exchange", "incoming.credentials": "server-to-server", "useSameSettingsForOutgoing": True},
    "plain": {"serverType": "imap-smtp"},
}
MAILBOXES = {
    "sales": (
        {"emailAddress": "sales@contoso.example", "profile": "own", "incoming": "server-side", "outgoing": "server-side"},
        "m.yaml:3",
    ),
    "info": (
        {"emailAddress": "info@contoso.example", "profile": "same", "incoming": "none", "outgoing": "server-side", "type": "queue"},
        "",
    ),
    "idle": ({"emailAddress": "idle@contoso.example", "state": "inactive"}, ""),
    "plain": ({"emailAddress": "plain@contoso.example", "profile": "plain", "incoming": "server-side"}, ""),
    "lost": ({"emailAddress": "lost@contoso.example", "profile": "gone", "incoming": "server-side"}, ""),
}
STATUS = MailboxStatus(
    mailbox_id="1",
    name="sales",
    address="sales@contoso.example",
    health=Health.STALLED,
    why="the server refused the login",
    state=MailboxState(mailbox_id="1", tracked=7, last_success="2026-01-04T09:12:33Z", last_attempt="2026-01-05T09:12:33Z"),
    next_look="2026-01-05T09:20:00Z",
)


def test_profile_credentials_and_state() -> None:
    lines = {line.name: line for line in mailbox_lines(MAILBOXES, PROFILES, [STATUS])}
    assert [*lines] == sorted(MAILBOXES)
    credentials = {name: (line.incoming_credentials, line.outgoing_credentials) for name, line in lines.items()}
    assert credentials == {
        "sales": ("profile", "anonymous"),
        "info": ("", "server-to-server"),
        "idle": ("", ""),
        "plain": ("user-or-queue", ""),
        "lost": ("", ""),
    }
    assert (lines["info"].type, lines["sales"].type, lines["idle"].active, lines["sales"].server_type) == (
        "queue",
        "user",
        False,
        "imap-smtp",
    )
    sales = lines["sales"]
    assert (sales.state, sales.condition, sales.last_sync, sales.tracked) == (
        "stalled",
        "the server refused the login",
        "2026-01-04T09:12:33Z",
        7,
    )


def test_each_row_has_a_cell_for_each_header() -> None:
    lines = mailbox_lines(MAILBOXES, PROFILES, [STATUS])
    rows = [dict(zip(HEADERS, row, strict=True)) for row in mailbox_rows("dev", lines)]
    sales = next(row for row in rows if row["mailbox"] == "sales")
    assert (sales["environment"], sales["active"], sales["profile"], sales["last sync (UTC)"], sales["declared in"]) == (
        "dev",
        "yes",
        "own",
        "2026-01-04T09:12:33Z",
        "m.yaml:3",
    )
    assert next(row for row in rows if row["mailbox"] == "idle")["active"] == "no"
    found = next(one for one in mailbox_report_json(lines) if one["name"] == "sales")
    assert (found["lastSync"], found["incomingCredentials"], found["declaredIn"]) == ("2026-01-04T09:12:33Z", "profile", "m.yaml:3")
    assert "2026-01-04 09:12:33" in mailbox_report_text(lines)
    assert mailbox_report_text([]) == "no mailbox was applied"
