"""The namespaces of EWS, and the prefixes this server writes them with."""

from __future__ import annotations

from typing import Final

TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
ERRORS: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SCHEMA_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"

#: URI -> prefix. Every name inside the server is written with one of these ("t:Subject"), whatever the client wrote.
PREFIXES: Final = {TYPES: "t", MESSAGES: "m", ERRORS: "e", SOAP: "soap", SCHEMA_INSTANCE: "xsi"}

#: DavMail compares this string and ignores an answer of any other kind.
CONTENT_TYPE: Final = "text/xml; charset=utf-8"
ENDPOINT: Final = "/EWS/Exchange.asmx"
