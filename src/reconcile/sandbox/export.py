"""An export of a product that does not exist: profiles, users, queues and forward mailboxes as an administrator would find them.

Made of a seed, so the same call gives the same file. Rows have the columns and numbers of the product (Dataverse table reference:
Mailbox, Email Server Profile, Organization), with labels beside them as the Web API adds them on request.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from typing import Final, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.columns import COLUMNS
from reconcile.model.slug import slug

Row: TypeAlias = dict[str, object]

#: Roles, no people.
_ROLES: Final = (
    "Field sales", "Inside sales", "Account desk", "Service desk", "Dispatch", "Accounting", "Einkauf", "Vertrieb Süd", "Büro Zürich",
    "Käuferbetreuung", "Façade projects", "Achats", "Qualité", "Logística", "Obsługa", "Warehouse", "Personalabteilung", "Workshop",
)  # fmt: skip
_QUEUES: Final = ("Sales", "Support", "Info", "Billing", "Verkauf Süd", "Bewerbungen", "Newsletter: replies", "Returns & Repairs")
_UNITS: Final = ("Contoso", "Sales Europe", "Service", "Zürich")
_UNSET: Final = "1900-01-01T00:00:00Z"
_NOW: Final = "2026-06-30T06:00:00Z"
_LABEL: Final = "@OData.Community.Display.V1.FormattedValue"
_LABELS: Final = {0: "None", 2: "Server-Side Synchronization", 3: "Forward Mailbox"}

_SETTINGS: Final = (
    "<OrgSettings><AutoTrackSentFolderItems>false</AutoTrackSentFolderItems><BackgroundSendBatchSize>10</BackgroundSendBatchSize>"
    "<TrackCategorizedItems>true</TrackCategorizedItems><MaximumSubjectLengthOnMailServer>255</MaximumSubjectLengthOnMailServer>"
    "<TraceLogPersistenceTimeInDays>30</TraceLogPersistenceTimeInDays></OrgSettings>"
)
_DEFAULT_METHODS: Final = (
    "<EmailSettings><IncomingEmailDeliveryMethod>2</IncomingEmailDeliveryMethod>"
    "<OutgoingEmailDeliveryMethod>2</OutgoingEmailDeliveryMethod><ACTDeliveryMethod>1</ACTDeliveryMethod></EmailSettings>"
)


@dataclass(frozen=True, slots=True)
class _Profile:
    """`share` of the mailboxes that are on it, in percent."""

    identity: str
    domain: str
    share: int
    cells: Row


def export_chunks(mailboxes: int, *, seed: int = 1) -> Iterator[str]:
    """The text of the file, a row at a time. `mailboxes` counts all of them, also those that no document can hold."""
    rng = random.Random(seed)
    ids = _Ids(rng)
    organization, units = ids.new(), [ids.new() for _ in _UNITS]
    profiles = _profiles(ids)
    yield "{" + f'"exportedAt": "{_NOW}",\n"organization": [{_text(_organization(organization, profiles[1].identity))}],\n'
    yield '"businessunit": [' + ",\n".join(_text({"businessunitid": one, "name": name}) for one, name in zip(units, _UNITS, strict=True))
    yield '],\n"emailserverprofile": [\n'
    yield ",\n".join(_text(_complete("EmailServerProfile", {"emailserverprofileid": one.identity, **one.cells})) for one in profiles)
    yield '\n],\n"mailbox": [\n'
    owners: list[Row] = []
    for number in range(mailboxes):
        yield (",\n" if number else "") + _text(_mailbox(number, rng, ids, profiles, units, owners))
    yield '\n],\n"systemuser": [\n' + ",\n".join(map(_text, owners)) + "\n]}\n"


class _Ids:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _text(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)


def _complete(kind: str, cells: Row) -> Row:
    """Every column of the table; what is not set is null, as the Web API writes it."""
    return {column.name: None for column in COLUMNS[kind] if "/" not in column.name} | cells


def _organization(identity: str, profile: str) -> Row:
    return {
        "organizationid": identity,
        "name": "contoso",
        "requireapprovalforuseremail": True,
        "requireapprovalforqueueemail": True,
        "_defaultemailserverprofileid_value": profile,
        "emailcorrelationenabled": True,
        "trackingprefix": "CRM:",
        "trackingtokenidbase": 0,
        "trackingtokeniddigits": 3,
        "maximumtrackingnumber": 999,
        "ignoreinternalemail": False,
        "enablesmartmatching": False,
        "maxuploadfilesize": 5242880,
        "blockedattachments": "ade;adp;app;asa;asp;bat;cmd;com;exe;js;vbs",
        "blockedmimetypes": None,
        "emailconnectionchannel": 0,
        "generatealertsforerrors": True,
        "generatealertsforwarnings": True,
        "generatealertsforinformation": False,
        "orgdborgsettings": _SETTINGS,
        "defaultemailsettings": _DEFAULT_METHODS,
    }


def _profiles(ids: _Ids) -> list[_Profile]:
    common: Row = {"statecode": 0, "statuscode": 1, "maxconcurrentconnections": 10, "minpollingintervalinminutes": 5}
    common |= {"processemailsreceivedafter": _UNSET, "timeoutmailboxconnection": True, "timeoutmailboxconnectionafteramount": 60_000}
    tls: Row = {"incomingusessl": True, "outgoingusessl": True}

    def both(column: str, value: object) -> Row:
        return {f"incoming{column}": value, f"outgoing{column}": value}

    online: Row = {"name": "Microsoft Exchange Online", "servertype": 0, **both("credentialretrieval", 2), "useautodiscover": False}
    hybrid: Row = {
        "name": "Exchange Zürich",
        "description": "On-premises Exchange behind the hybrid connector.\r\nAsk the messaging team before changing the account.",
        "servertype": 2,
        "exchangeversion": 5,
        **both("serverlocation", "https://mail.contoso.example/EWS/Exchange.asmx"),
        **both("portnumber", 443),
        **both("authenticationprotocol", 0),
        **both("credentialretrieval", 1),
        **both("useimpersonation", True),
        "incomingusername": "CONTOSO\\crm-sync",
        "usesamesettingsforoutgoingconnections": True,
        "owneremailaddress": "postmaster@contoso.example",
        "sendemailalert": True,
    }
    pop: Row = {
        "name": "Hosted mail (POP3)",
        "servertype": 1,
        "incomingserverlocation": "pop.fabrikam.example",
        "incomingportnumber": 995,
        "outgoingserverlocation": "smtp.fabrikam.example",
        "outgoingportnumber": 587,
        **both("authenticationprotocol", 3),
        **both("credentialretrieval", 0),
        "usesamesettingsforoutgoingconnections": True,
    }
    imap: Row = {
        **pop,
        "name": "Partner: IMAP",
        "servertype": 4,
        "incomingserverlocation": "imap.partner.example",
        "incomingportnumber": 143,
        "outgoingserverlocation": "smtp.partner.example",
        "processemailsreceivedafter": "2026-01-01T00:00:00Z",
        "minpollingintervalinminutes": 15,
    }
    old: Row = {**hybrid, "name": "Exchange 2010 (old)", "statecode": 1, "statuscode": 2, "description": None, "exchangeversion": 3}
    table = [(online, "contoso.example", 55), (hybrid, "contoso.example", 25), (pop, "fabrikam.example", 10)]
    table += [(imap, "büro.example", 7), (old, "contoso.example", 3)]
    return [_Profile(ids.new(), domain, share, {**common, **tls, **cells}) for cells, domain, share in table]


def _mailbox(number: int, rng: random.Random, ids: _Ids, profiles: list[_Profile], units: list[str], owners: list[Row]) -> Row:
    kind = rng.choices(("user", "queue", "forward"), (85, 13, 2))[0]
    profile = rng.choices(profiles, [one.share for one in profiles])[0]
    owner = ids.new()
    if kind == "user":
        name = f"{rng.choice(_ROLES)} {number}"
        address = f"{slug(name)}@{profile.domain}"
    else:
        name = f"{rng.choice(_QUEUES)}{f' {number}' if number > 8 else ''}" if kind == "queue" else f"Forward {number}"
        address = f"{kind}-{number}@{profile.domain}"
    inactive = rng.random() < 0.06
    if kind == "user" and rng.random() < 0.01:
        address = ""  # an application user, or one whose licence went
    if number == 40:
        address = "Desk@contoso.example"
    if number == 41:
        address = "desk@contoso.example"  # the same as another, but for case
    owners.append({"systemuserid": owner, "fullname": name, "isdisabled": inactive})
    broken = rng.random() < 0.08
    method = 0 if inactive else 2
    cells: Row = {
        "mailboxid": ids.new(),
        "name": name,
        "emailaddress": address or None,
        "statecode": int(inactive),
        "statuscode": 1 + inactive,
        "isforwardmailbox": kind == "forward",
        "regardingobjecttypecode": {"user": "systemuser", "queue": "queue", "forward": None}[kind],
        "_regardingobjectid_value": owner if kind != "forward" else None,
        "_ownerid_value": owner,
        f"_ownerid_value{_LABEL}": name,
        "_owningbusinessunit_value": rng.choice(units),
        "_emailserverprofile_value": profile.identity,
        f"_emailserverprofile_value{_LABEL}": profile.cells["name"],
        "incomingemaildeliverymethod": method,
        f"incomingemaildeliverymethod{_LABEL}": _LABELS[method],
        "outgoingemaildeliverymethod": 0 if kind == "forward" else method,
        "actdeliverymethod": 1 if kind == "user" and not inactive and profile in profiles[:2] else 2,
        "allowemailconnectortousecredentials": profile in profiles[2:4],
        "username": address if profile in profiles[2:4] and address else None,
        "processanddeleteemails": kind == "queue" and rng.random() < 0.1,
        "processemailreceivedafter": _UNSET if broken or inactive else _NOW,
        "tagemailsafter": _UNSET,
        "emailrouteraccessapproval": 2 if broken else 1,
        "incomingemailstatus": 2 if broken else 1,
        "outgoingemailstatus": 2 if broken else 1,
        "lastsyncerror": "The e-mail address of the mailbox is not approved." if broken else None,
    }
    row = _complete("Mailbox", cells)
    for lookup in ("emailserverprofile", "ownerid", "owningbusinessunit", "regardingobjectid"):
        row.pop(lookup, None)  # the Web API has them as _…_value
    return row
