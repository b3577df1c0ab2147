"""What somebody does in Outlook while the demo runs: a client of the sandbox's Exchange that makes an appointment and looks for it."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from http.client import HTTPSConnection
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from reconcile.lazy_dataclass import dataclass

_T: Final = "{http://schemas.microsoft.com/exchange/services/2006/types}"
_ENVELOPE: Final = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body>{}</s:Body></s:Envelope>'
)
#: The category that asks for an item to be kept in step.
TRACKED: Final = "Tracked to reconcile"


class Shown(NamedTuple):
    """An entry of a calendar."""

    subject: str
    start: datetime
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Signed in as the owner of a mailbox. `authority` is the PEM of the server's CA."""

    url: str
    authority: str
    address: str
    password: str

    def make(self, entry: Shown, *, minutes: int = 60) -> None:
        """An appointment in the category that is tracked; nobody is invited."""
        start = entry.start.timestamp()
        zone = entry.start.tzinfo
        begins, ends = (datetime.fromtimestamp(moment, zone).isoformat() for moment in (start, start + 60 * minutes))
        self._ask(
            '<m:CreateItem SendMeetingInvitations="SendToNone"><m:Items><t:CalendarItem>'
            f"<t:Subject>{escape(entry.subject)}</t:Subject><t:Categories><t:String>{TRACKED}</t:String></t:Categories>"
            f"<t:Start>{begins}</t:Start><t:End>{ends}</t:End><t:Location>{escape(entry.location)}</t:Location>"
            "</t:CalendarItem></m:Items></m:CreateItem>"
        )

    def calendar(self) -> Iterator[Shown]:
        """Everything in it, in the order of time."""
        found = self._ask(
            '<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>'
            '<m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem>'
        )
        entries = [
            Shown(
                one.findtext(f"{_T}Subject") or "",
                datetime.fromisoformat(one.findtext(f"{_T}Start") or ""),
                one.findtext(f"{_T}Location") or "",
            )
            for one in found.iter(f"{_T}CalendarItem")
        ]
        yield from sorted(entries, key=lambda entry: entry.start)

    def _ask(self, request: str) -> Any:
        from lxml import etree

        parts = urlsplit(self.url)
        server = HTTPSConnection(parts.hostname or "", parts.port, context=ssl.create_default_context(cadata=self.authority), timeout=30)
        sign_in = "Basic " + b64encode(f"{self.address}:{self.password}".encode()).decode("ascii")
        try:
            server.request("POST", parts.path, _ENVELOPE.format(request).encode(), {"Authorization": sign_in, "Content-Type": "text/xml"})
            answer = server.getresponse()
            content = answer.read()
        finally:
            server.close()
        if answer.status != 200 or b'ResponseClass="Error"' in content:
            raise RuntimeError(f"the sandbox's Exchange answers {answer.status}: {content[:300]!r}")
        return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
