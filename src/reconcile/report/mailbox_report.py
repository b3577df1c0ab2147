"""Mailboxes for a review: which profile, whose credentials, when it was last synchronised, in what state. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.kinds import defaults
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.report.table import table

HEADERS = (
    "environment",
    "mailbox",
    "address",
    "type",
    "active",
    "incoming",
    "outgoing",
    "profile",
    "server type",
    "incoming credentials",
    "outgoing credentials",
    "state",
    "condition",
    "last sync (UTC)",
    "last attempt (UTC)",
    "next look (UTC)",
    "tracked",
    "declared in",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxLine:
    """One mailbox. Instants are UTC RFC 3339, "" where there is none."""

    name: str
    address: str
    type: str
    active: bool
    incoming: str
    outgoing: str
    profile: str
    server_type: str
    incoming_credentials: str
    outgoing_credentials: str
    state: str
    condition: str
    last_sync: str
    last_attempt: str
    next_look: str
    tracked: int
    declared_in: str


def mailbox_lines(
    mailboxes: Mapping[str, tuple[Spec, str]], profiles: Mapping[str, Spec], statuses: Sequence[MailboxStatus]
) -> list[MailboxLine]:
    """Sorted by name. `mailboxes` maps a name to its applied spec and where it is declared (file:line), `profiles` a name to its spec."""
    known = {status.name: status for status in statuses}
    full = {name: _full("EmailServerProfile", spec) for name, spec in profiles.items()}
    return [_line(name, spec, place, full, known.get(name)) for name, (spec, place) in sorted(mailboxes.items())]


def _full(kind: str, spec: Spec) -> Spec:
    """What is not declared is as the defaults have it."""
    return {**defaults(kind, spec), **{path: leaf for path, leaf in spec.items() if leaf is not None}}


def _line(name: str, applied: Spec, place: str, profiles: Mapping[str, Spec], status: MailboxStatus | None) -> MailboxLine:
    spec = _full("Mailbox", applied)
    profile = _text(spec.get("profile"))
    used = profiles.get(profile, {})
    incoming, outgoing = _text(spec.get("incoming")), _text(spec.get("outgoing"))
    received, sent = _text(used.get("incoming.credentials")), _text(used.get("outgoing.credentials"))
    if used.get("useSameSettingsForOutgoing") is True:
        sent = received
    state = status.state if status is not None else None
    return MailboxLine(
        name=name,
        address=_text(spec.get("emailAddress")),
        type=_text(spec.get("type")),
        active=spec.get("state") != "inactive",
        incoming=incoming,
        outgoing=outgoing,
        profile=profile,
        server_type=_text(used.get("serverType")),
        incoming_credentials=received if incoming not in ("", "none") else "",
        outgoing_credentials=sent if outgoing not in ("", "none") else "",
        state=status.health.value if status is not None else "",
        condition=status.why if status is not None else "",
        last_sync=state.last_success if state is not None else "",
        last_attempt=state.last_attempt if state is not None else "",
        next_look=status.next_look if status is not None else "",
        tracked=state.tracked if state is not None else 0,
        declared_in=place,
    )


def _text(leaf: Leaf) -> str:
    return leaf if isinstance(leaf, str) else ""


def mailbox_rows(environment: str, lines: Sequence[MailboxLine]) -> list[tuple[object, ...]]:
    """Cells in the order of `HEADERS`."""
    return [(environment, *(_cell(value) for value in astuple(line))) for line in lines]


def _cell(value: object) -> object:
    return ("yes" if value else "no") if isinstance(value, bool) else value


def mailbox_report_text(lines: Sequence[MailboxLine], *, fit: int | None = None) -> str:
    """The columns that fit a terminal."""
    rows = [
        (
            line.name,
            line.profile,
            line.incoming_credentials or line.outgoing_credentials,
            line.last_sync[:19].replace("T", " "),
            line.state,
            line.condition,
        )
        for line in lines
    ]
    headers = ("mailbox", "profile", "credentials", "last sync (UTC)", "state", "condition")
    return table(headers, rows, limits=(48, 32, None, None, None, 60), fit=fit, empty="no mailbox was applied")


def mailbox_report_json(lines: Sequence[MailboxLine]) -> list[dict[str, object]]:
    """One document a mailbox; null where there is nothing to tell."""
    return [{_camel(name): None if value == "" else value for name, value in asdict(line).items()} for line in lines]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
