"""Documents of every kind for hypothesis: sound ones, and sound ones with one place spoilt."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from reconcile.model import kinds
from reconcile.model.fields import FieldInfo
from reconcile.model.protocols import PROTOCOLS

Document = dict[str, Any]

_SLUGS = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
_DOMAINS = st.sampled_from(["contoso.example", "Fabrikam.example", "sub.contoso.example", "müller.example", "xn--mller-kva.example"])
_ADDRESSES = st.builds("{}@{}".format, st.sampled_from(["sales", "O'Hara+crm", "größe", "a.b"]), _DOMAINS)
_UUIDS = st.uuids().map(str)
_INSTANTS = st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:00{}".format,
    st.integers(1901, 9998),
    st.integers(1, 12),
    st.integers(1, 28),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(["Z", "+01:00", "-05:30"]),
)
_SECRETS = st.one_of(
    st.sampled_from(["env:MAIL_PASSWORD", "file:mail/password"]),
    st.fixed_dictionaries({"ref": st.just("env:X")}, optional={"generation": st.integers(1, 9), "expires": _INSTANTS}),
)

#: Fields whose form the type alone does not tell.
_BY_PATH: Mapping[str, st.SearchStrategy[object]] = {
    "emailAddress": _ADDRESSES,
    "ownerEmailAddress": _ADDRESSES,
    "profile": _SLUGS,
    "defaults.profile": _SLUGS,
    "provider": _SLUGS,
    "oauth.tenantId": _UUIDS,
    "organizationId": _UUIDS,
    "tenantId": _UUIDS,
    "defaultServerLocation": st.sampled_from(["mail.contoso.example", "https://mail.contoso.example/EWS/Exchange.asmx"]),
    "timeZone": st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo"]),
    "maxConcurrentConnections": st.integers(1, 300),
    "incoming.port": st.integers(1, 65535),
    "outgoing.port": st.integers(1, 65535),
    "minPollingInterval": st.integers(0, 1440).map("{}m".format),
    "timeoutMailboxConnectionAfter": st.integers(0, 100_000).map("{}ms".format),
    "alerts.retention": st.integers(0, 3650).map("{}d".format),
    "processing.itemFailureRetention": st.integers(0, 14).map("{}d".format),
    "processing.statisticsRetention": st.integers(0, 365).map("{}d".format),
    "tracking.token.userDigits": st.integers(1, 10),
    "tracking.token.maximumSubjectLength": st.integers(255, 400),
    "tracking.maximumFolderMappings": st.integers(1, 25),
    "sending.batchSize": st.integers(1, 255),
    "processing.exchangeBatchSize": st.integers(1, 1000),
    "priority": st.integers(-1_000_000, 1_000_000),
    "settings.profile": _SLUGS,
    "selector.types": st.lists(st.sampled_from(["user", "queue", "forward"]), min_size=1, max_size=3),
    "selector.domains": st.lists(_DOMAINS, min_size=1, max_size=3),
    "selector.labels": st.dictionaries(st.sampled_from(["team", "stage"]), _TEXT, min_size=1, max_size=2),
    "selector.businessUnits": st.lists(_TEXT, min_size=1, max_size=3),
    "selector.groups": st.lists(_TEXT, min_size=1, max_size=3),
    "selector.names": st.lists(st.sampled_from(["sales-*", "*@contoso.example", "a?b", "[x]"]), min_size=1, max_size=3),
    "facts.groups": st.lists(_TEXT, max_size=3),
    "facts.graphPermissions": st.lists(st.sampled_from(["Mail.ReadWrite", "Mail.Send"]), max_size=2),
    "ownedDomains": st.lists(_DOMAINS, max_size=3),
    "attachments.blockedExtensions": st.lists(st.sampled_from(["exe", ".JS", "vbs"]), max_size=3),
    "attachments.blockedMimeTypes": st.lists(st.sampled_from(["application/zip", "Text/HTML"]), max_size=2),
    "attachments.allowedMimeTypes": st.lists(st.sampled_from(["image/*", "text/plain"]), max_size=2),
    "allowedSenders": st.lists(st.one_of(_ADDRESSES, _DOMAINS.map("@{}".format), st.just("*")), max_size=3),
    "outgoing.messageSize": st.integers(1024, 50_000_000),
    "outgoing.messagesPerMinute": st.integers(1, 500),
    "outgoing.messagesPerDay": st.integers(1, 10_000),
    "outgoing.recipientsPerMessage": st.integers(1, 500),
    "smartMatching.subjectFilter": st.sampled_from([r"^(RE|FW): ?", "^x"]),
    "tracking.token.prefix": st.sampled_from(["CRM:", "Case:"]),
    "tracking.token.messageDigits": st.integers(1, 9),
    "outgoing.deliveryReports": st.lists(st.sampled_from(["failure", "delay", "success"]), max_size=3),
    "discovery.hosts": st.lists(_DOMAINS.flatmap(lambda name: st.sampled_from([f"a.{name}", f".a.{name}"])), max_size=2),
    "discovery.privateNetworks": st.lists(st.sampled_from(["10.0.0.0/8", "192.168.7.0/24", "fd00::/8"]), max_size=2),
    "alerts.recipients": st.lists(_ADDRESSES, max_size=2),
    "alerts.sender": _SLUGS,
    "linkedItems.filters": st.lists(st.sampled_from(["task owner=self state=open", "contact owner=any", "appointment"]), max_size=2),
    "linkedItems.directions": st.lists(st.sampled_from(["contact.jobtitle=to-records", "task.subject=both"]), max_size=2),
    "oauth.scopes": st.lists(st.sampled_from(["https://mail.contoso.example/", "offline_access"]), max_size=2),
    **{
        f"oauth.{name}Endpoint": st.just(f"https://login.contoso.example/{name}")
        for name in ("token", "authorization", "device", "revocation")
    },
    "tracking.token.formerPrefixes": st.lists(st.sampled_from(["CRM:", "Case:"]), max_size=2),
    "sendAs": st.lists(_SLUGS, max_size=2),
    "trackedFolders": st.lists(
        st.sampled_from(["Projects/Fabrikam = account:4711:Fabrikam", "Adatum", "A = lead:1"]), max_size=2, unique=True
    ),
    "settings.sendAs": st.lists(_SLUGS, max_size=2),
    "allowedRecipients": st.lists(st.one_of(_ADDRESSES, _DOMAINS.map("@{}".format), st.just("*")), max_size=3),
    **{
        f"ignore.{kind}": st.lists(st.sampled_from(patterns), max_size=3)
        for kind, patterns in (
            ("Mailbox", ["owner", "credentials.*", "credentials.password"]),
            ("EmailServerProfile", ["incoming.port", "oauth"]),
            ("Organization", ["tracking.*", "*"]),
        )
    },
    **{f"brakes.{brake}.percent": st.integers(0, 100) for brake in ("bulkDelete", "bulkUpdate", "itemDeletions")},
    "delimiter": st.sampled_from([",", ";", "\t"]),
    "file": st.sampled_from(["staff.csv", "people/STAFF.CSV", "../staff.csv"]),
    "columns": st.dictionaries(st.sampled_from(["Name", "Team", "x.y"]), st.one_of(st.none(), st.just("metadata.labels.team")), max_size=1),
    "layers": st.lists(st.sampled_from(["base", "teams/sales", "production/"]), max_size=3),
    "variables": st.dictionaries(
        st.from_regex(r"\A[A-Za-z][A-Za-z0-9_-]{0,8}\Z"), st.one_of(_TEXT, st.integers(), st.booleans()), max_size=3
    ),
}
_BY_TYPE: Mapping[str, st.SearchStrategy[object]] = {
    "boolean": st.booleans(),
    "integer": st.integers(0, 1000),
    "text": _TEXT,
    "instant": _INSTANTS,
    "duration": st.integers(1, 3650).map("{}d".format),
    "reference": st.just("file:ca.pem"),
    "secret": _SECRETS,
}


def _values(info: FieldInfo) -> st.SearchStrategy[object]:
    if info.path in _BY_PATH:
        values = _BY_PATH[info.path]
    elif info.type.startswith("`"):
        values = st.sampled_from([word.strip("` ") for word in info.type.split(",")])
    else:
        values = _BY_TYPE[info.type]
    return st.one_of(st.none(), values) if info.nullable else values


#: The group beside metadata and spec. `lifecycle: external` lets required fields go, so it is tried apart.
MANAGEMENT = st.fixed_dictionaries(
    {},
    optional={
        "lifecycle": st.just("managed"),
        "onRemoval": st.sampled_from([None, "disable", "forget", "delete"]),
        "protect": st.booleans(),
        "ignore": st.one_of(st.none(), st.lists(st.sampled_from(["*", "displayName"]), max_size=2)),
        "movedFrom": st.one_of(st.none(), _SLUGS),
    },
)


@st.composite
def documents(draw: st.DrawFn, kind: str) -> Document:
    """A document that decodes."""
    spec: dict[str, Any] = {}
    for info in kinds.fields(kind):
        if info.required or draw(st.booleans()):
            *groups, last = info.path.split(".")
            node = spec
            for group in groups:
                node = node.setdefault(group, {})
            node[last] = draw(_values(info))
    _agree(kind, spec, draw)
    document: Document = {"apiVersion": "reconcile/v1alpha2", "kind": kind, "metadata": {"name": draw(_SLUGS)}, "spec": spec}
    if draw(st.booleans()):
        document["management"] = draw(MANAGEMENT)
    return document


def _agree(kind: str, spec: dict[str, Any], draw: st.DrawFn) -> None:
    """Change what contradicts another field."""
    if kind == "Mailbox":
        owner = spec.get("type", "user")
        if owner != "user":
            spec.pop("appointmentsContactsTasks", None)
            spec.pop("outgoing", None)
            spec.pop("incoming", None)
            spec.pop("trackedFolders", None)
        elif "deleteAfterProcessing" in spec:
            spec["deleteAfterProcessing"] = False
    if kind == "MailboxAssignment":
        selector = spec.setdefault("selector", {})
        if selector.get("everything"):
            spec["selector"] = {"everything": True}
        elif not any(selector.get(name) for name in ("types", "domains", "labels", "businessUnits", "groups", "names")):
            selector["types"] = ["user"]
        if "labels" in selector and selector.get("scope") == "target":
            selector["scope"] = "both"
        if not spec.get("settings"):
            spec["settings"] = {"state": "active"}
    if kind == "Environment" and "target" in spec:
        # Only a snapshot has a path, and it must have one.
        spec["target"] = {"type": "engine"} if spec["target"].get("type") != "snapshot" else {"type": "snapshot", "path": "export"}
    if kind == "MailboxList":
        spec["columns"] = {"E-Mail": "emailAddress", **{name: path for name, path in spec["columns"].items() if path != "emailAddress"}}
    if kind == "Organization":
        if spec.get("deployment") == "online":
            spec.pop("deploymentSettings", None)
        if spec.get("deployment") == "on-premises" and "cloud" in spec:
            spec["cloud"] = None
    if kind == "EmailServerProfile":
        fetch, send = PROTOCOLS[spec["serverType"]]
        if fetch != "ews" and "autodiscover" in spec:
            spec["autodiscover"] = False
        for direction, protocol in (("incoming", fetch), ("outgoing", send)):
            group = spec.get(direction, {})
            if "protocol" in group:
                group["protocol"] = protocol
            if group.get("server") is not None:
                group["server"] = "https://mail.contoso.example/EWS/Exchange.asmx" if protocol == "ews" else "mail.contoso.example"
            if protocol == "ews" and group.get("tls") == "starttls":
                group["tls"] = draw(st.sampled_from(["implicit", "none"]))


_STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "yes", "5", "5m", "env:", "env:X", "${name}", "x\x00", "\x85", "a@b", "*", "ä" * 300, "1900-01-01", "none", "https://x/"]
    ),
    _TEXT,
    st.just([]),
    st.just(["x"]),
    st.just({}),
    st.just({"x": 1}),
)


@st.composite
def spoilt(draw: st.DrawFn, kind: str) -> Document:
    """A sound document in which one place holds something strange; it may be sound all the same."""
    document = copy.deepcopy(draw(documents(kind)))
    places: list[tuple[dict[str, Any], str]] = []

    def collect(node: dict[str, Any]) -> None:
        for name, value in node.items():
            places.append((node, name))
            if isinstance(value, dict):
                collect(value)

    collect(document)
    node, name = draw(st.sampled_from(places))
    match draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            node[name] = draw(_STRANGE)
        case "remove":
            del node[name]
        case _:
            node[draw(st.sampled_from(["extra", "protocol", "ref", name.upper()]))] = draw(_STRANGE)
    return document
