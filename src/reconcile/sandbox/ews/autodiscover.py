"""Autodiscover of the sandbox's Exchange: where a mailbox is reached, in JSON, SOAP and POX.

After the samples and pages of Microsoft Learn ("GetUserSettings operation (SOAP)", "POX Autodiscover response for Exchange"); the JSON
form rests on reading alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote
from xml.sax.saxutils import escape

from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.reading import read_tree

JSON_PATH: Final = "/autodiscover/autodiscover.json/v1.0/"
SOAP_PATH: Final = "/autodiscover/autodiscover.svc"
POX_PATH: Final = "/autodiscover/autodiscover.xml"
_NAMESPACE: Final = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
_POX: Final = "http://schemas.microsoft.com/exchange/autodiscover"
#: Most mailboxes of one GetUserSettings (Microsoft Learn: "GetUserSettings operation (SOAP)").
_MOST_USERS: Final = 100
_XML: Final = "text/xml; charset=utf-8"


class Answer(NamedTuple):
    """One answer over HTTP."""

    status: int
    content: bytes
    content_type: str = _XML


def as_json(path: str, *, url: str, knows: Callable[[str], bool]) -> Answer:
    """`path` with its query; asked without credentials, so it tells of no mailbox whether it exists."""
    place, _, query = path.partition("?")
    address = unquote(place[len(JSON_PATH) :])
    wanted = {name.lower(): value for name, _, value in (part.partition("=") for part in query.split("&"))}.get("protocol", "")
    if wanted.lower() != "ews":
        return _json(400, {"ErrorCode": "InvalidProtocol", "ErrorMessage": f"The given protocol value '{wanted[:60]}' is invalid."})
    if "@" not in address or not knows(address):
        return _json(404, {"ErrorCode": "UserNotFound", "ErrorMessage": "The given user is not found."})
    return _json(200, {"Protocol": "EWS", "Url": url})


def as_soap(content: bytes, *, url: str, knows: Callable[[str], bool]) -> Answer:
    """GetUserSettings."""
    try:
        root = read_tree(content)
    except ValueError:
        return Answer(500, _fault("The request is no XML."))
    asked = next(_named(root, "GetUserSettingsRequestMessage"), None)
    if asked is None:
        return Answer(500, _fault("Only GetUserSettings is answered here."))
    users = [node.text.strip() for node in _named(asked, "Mailbox")]
    settings = [node.text.strip() for node in _named(asked, "Setting")]
    if not users or len(users) > _MOST_USERS:
        return Answer(200, _response("InvalidRequest", f"1 to {_MOST_USERS} users may be asked for.", ""))
    return Answer(200, _response("NoError", "", "".join(_user(user, settings, url, known=knows(user)) for user in users)))


def as_pox(content: bytes, *, url: str, knows: Callable[[str], bool]) -> Answer:
    """The account of one mailbox."""
    try:
        asked = next(_named(read_tree(content), "EMailAddress"), None)
    except ValueError:
        asked = None
    if asked is None or not knows(asked.text.strip()):
        code, words = ("600", "Invalid Request") if asked is None else ("500", "The email address can't be found.")
        error = f'<Error Time="00:00:00" Id="1"><ErrorCode>{code}</ErrorCode><Message>{words}</Message><DebugData/></Error>'
        return Answer(200, _pox(error, "responseschema/2006"))
    address = escape(asked.text.strip())
    protocols = "".join(
        f"<Protocol><Type>{kind}</Type><ASUrl>{escape(url)}</ASUrl><EwsUrl>{escape(url)}</EwsUrl></Protocol>" for kind in ("EXCH", "EXPR")
    )
    return Answer(
        200,
        _pox(
            f"<User><DisplayName>{address}</DisplayName><AutoDiscoverSMTPAddress>{address}</AutoDiscoverSMTPAddress></User>"
            f"<Account><AccountType>email</AccountType><Action>settings</Action>{protocols}</Account>",
            "outlook/responseschema/2006a",
        ),
    )


def _user(address: str, settings: Sequence[str], url: str, *, known: bool) -> str:
    values = {
        "ExternalEwsUrl": url,
        "InternalEwsUrl": url,
        "EwsSupportedSchemas": "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, Exchange2013",
        "UserDisplayName": address.partition("@")[0],
        "AutoDiscoverSMTPAddress": address,
    }
    if not known:
        return (
            "<UserResponse><ErrorCode>InvalidUser</ErrorCode><ErrorMessage>Invalid user.</ErrorMessage>"
            '<RedirectTarget i:nil="true"/><UserSettingErrors/><UserSettings/></UserResponse>'
        )
    given = "".join(
        f'<UserSetting i:type="StringSetting"><Name>{name}</Name><Value>{escape(values[name])}</Value></UserSetting>'
        for name in settings
        if name in values
    )
    lacking = "".join(
        "<UserSettingError><ErrorCode>SettingIsNotAvailable</ErrorCode><ErrorMessage>The setting is not there.</ErrorMessage>"
        f"<SettingName>{escape(name)}</SettingName></UserSettingError>"
        for name in settings
        if name not in values
    )
    return (
        "<UserResponse><ErrorCode>NoError</ErrorCode><ErrorMessage>No error.</ErrorMessage>"
        f'<RedirectTarget i:nil="true"/><UserSettingErrors>{lacking}</UserSettingErrors><UserSettings>{given}</UserSettings></UserResponse>'
    )


def _response(code: str, words: str, users: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{_NAMESPACE}/Autodiscover/GetUserSettingsResponse</a:Action>'
        f'<h:ServerVersionInfo xmlns:h="{_NAMESPACE}"><h:MajorVersion>15</h:MajorVersion><h:MinorVersion>2</h:MinorVersion>'
        "<h:MajorBuildNumber>1544</h:MajorBuildNumber><h:MinorBuildNumber>4</h:MinorBuildNumber><h:Version>Exchange2016</h:Version>"
        "</h:ServerVersionInfo></s:Header><s:Body>"
        f'<GetUserSettingsResponseMessage xmlns="{_NAMESPACE}"><Response xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        f"<ErrorCode>{code}</ErrorCode><ErrorMessage>{words}</ErrorMessage><UserResponses>{users}</UserResponses>"
        "</Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>"
    ).encode()


def _fault(words: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        f"<faultcode>s:Client</faultcode><faultstring>{words}</faultstring></s:Fault></s:Body></s:Envelope>"
    ).encode()


def _pox(inside: str, schema: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{_POX}/responseschema/2006">'
        f'<Response xmlns="{_POX}/{schema}">{inside}</Response></Autodiscover>'
    ).encode()


def _json(status: int, said: dict[str, str]) -> Answer:
    return Answer(status, json.dumps(said).encode(), "application/json; charset=utf-8")


def _named(node: Node, name: str) -> Iterator[Node]:
    """By local name: what is in no namespace of EWS keeps its own."""
    return (each for each in node.walk() if each.local.rpartition("}")[2] == name)
