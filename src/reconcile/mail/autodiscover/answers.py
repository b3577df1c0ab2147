"""Questions and answers of Autodiscover as they stand on the wire: JSON, SOAP, POX. Pure.

Microsoft Learn: "GetUserSettings operation (SOAP)", "POX Autodiscover request for Exchange", "POX Autodiscover response for
Exchange", "Handling Autodiscover error messages"; the JSON form after what Outlook asks. Answers are strangers' text: cut before
they are parsed, no entity of theirs is expanded, and their words are repeated only where they are one of a known few.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final
from xml.sax.saxutils import escape

from reconcile.mail.autodiscover.found import Address, Answer, Nothing, OtherAddress, OtherUrl

#: Octets of an answer that are read.
LARGEST: Final = 1_000_000
_SOAP: Final = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_POX: Final = "http://schemas.microsoft.com/exchange/autodiscover/outlook"
_WORD: Final = re.compile(r"[A-Za-z0-9]{1,64}")
#: What a mailbox's own server says of it ("Handling Autodiscover error messages"): asking others would not change it.
_SETTLED: Final = frozenset({"InvalidUser", "NotFederated"})


class Unreadable(ValueError):
    """The answer is not what was asked for."""


def soap_question(address: str, url: str) -> bytes:
    """GetUserSettings for one mailbox."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:a="{_SOAP}" '
        'xmlns:wsa="http://www.w3.org/2005/08/addressing"><soap:Header>'
        "<a:RequestedServerVersion>Exchange2010</a:RequestedServerVersion>"
        f"<wsa:Action>{_SOAP}/Autodiscover/GetUserSettings</wsa:Action><wsa:To>{escape(url)}</wsa:To>"
        "</soap:Header><soap:Body><a:GetUserSettingsRequestMessage><a:Request>"
        f"<a:Users><a:User><a:Mailbox>{escape(address)}</a:Mailbox></a:User></a:Users>"
        "<a:RequestedSettings><a:Setting>ExternalEwsUrl</a:Setting><a:Setting>InternalEwsUrl</a:Setting></a:RequestedSettings>"
        "</a:Request></a:GetUserSettingsRequestMessage></soap:Body></soap:Envelope>"
    ).encode()


def pox_question(address: str) -> bytes:
    """The account of one mailbox."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_POX}/requestschema/2006"><Request>'
        f"<EMailAddress>{escape(address)}</EMailAddress>"
        f"<AcceptableResponseSchema>{_POX}/responseschema/2006a</AcceptableResponseSchema>"
        "</Request></Autodiscover>"
    ).encode()


def json_answer(content: bytes) -> Answer:
    """Raises Unreadable."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON") from None
    if not isinstance(said, dict):
        raise Unreadable("it is no JSON object")
    url, code = said.get("Url"), said.get("ErrorCode")
    if isinstance(url, str) and str(said.get("Protocol", "")).lower() == "ews":
        return Address(url=url)
    return Nothing(why=_code(code))


def soap_answer(content: bytes) -> Answer:
    """Raises Unreadable."""
    root = _tree(content)
    one = next(root.iter(f"{{{_SOAP}}}UserResponse"), None)
    if one is None:
        code = next(root.iter(f"{{{_SOAP}}}ErrorCode"), None)
        if code is None:
            raise Unreadable("it is no answer to GetUserSettings")
        return Nothing(why=_code(_text(code)))
    code, target = _text(one.find(f"{{{_SOAP}}}ErrorCode")), _text(one.find(f"{{{_SOAP}}}RedirectTarget"))
    match code:
        case "RedirectAddress" if target:
            return OtherAddress(address=target)
        case "RedirectUrl" if target:
            return OtherUrl(url=target)
        case "NoError" | "":
            settings = one.iter(f"{{{_SOAP}}}UserSetting")
            found = {_text(each.find(f"{{{_SOAP}}}Name")): _text(each.find(f"{{{_SOAP}}}Value")) for each in settings}
            # The outer address is reached from anywhere; the inner one may lead to a name that only the site knows.
            url = found.get("ExternalEwsUrl") or found.get("InternalEwsUrl")
            return Address(url=url) if url else Nothing(why="it names no Exchange Web Services for the mailbox")
        case _:
            return Nothing(why=_code(code), settled=code in _SETTLED)


def pox_answer(content: bytes) -> Answer:
    """Raises Unreadable."""
    root = _tree(content)
    account = _named(root, "Account")
    if account is None:
        error = _named(root, "ErrorCode")
        if error is None:
            raise Unreadable("it is no answer of Autodiscover")
        return Nothing(why=_code(_text(error)))
    action = _text(_named(account, "Action"))
    match action:
        case "redirectAddr":
            return OtherAddress(address=_text(_named(account, "RedirectAddr")))
        case "redirectUrl":
            return OtherUrl(url=_text(_named(account, "RedirectUrl")))
    by_type: dict[str, str] = {}
    for protocol in (each for each in account.iter() if _local(each) == "Protocol"):
        url = _text(_named(protocol, "EwsUrl")) or _text(_named(protocol, "ASUrl"))
        if url:
            by_type.setdefault(_text(_named(protocol, "Type")), url)
    # EXPR is reached from outside, EXCH from within ("Protocol (POX)").
    found = by_type.get("EXPR") or by_type.get("EXCH")
    return Address(url=found) if found else Nothing(why="it names no Exchange Web Services for the mailbox")


def _tree(content: bytes) -> Any:
    from lxml import etree

    if len(content) > LARGEST:
        raise Unreadable("it is too large")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Unreadable("it is no XML") from None
    if root.getroottree().docinfo.doctype:
        raise Unreadable("it has a document type, which no answer of Autodiscover has")
    return root


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _named(element: Any, name: str) -> Any:
    """The first below it by its local name: servers differ in the namespaces of POX."""
    return next((each for each in element.iter() if _local(each) == name), None)


def _text(element: Any) -> str:
    return (element.text or "").strip() if element is not None else ""


def _code(code: object) -> str:
    word = str(code or "")
    return f"it answers {word}" if _WORD.fullmatch(word) else "it answers with an error"
