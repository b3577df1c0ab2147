"""Reading answers: XML that a stranger wrote, so without DTD, entities or network, and never more of it than was agreed.

Each response message is read by itself: one that is refused says nothing about the others, and their order is that of what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews.codes import KINDS

M: Final = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
T: Final = "{http://schemas.microsoft.com/exchange/services/2006/types}"
_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
#: References to characters that XML 1.0 does not have; Exchange writes them where a mail holds them.
_IMPOSSIBLE: Final = re.compile(
    rb"&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));|[\x00-\x08\x0b\x0c\x0e-\x1f]", re.IGNORECASE
)
_CODE: Final = re.compile(r"\b(Error[A-Za-z]{3,100}|NoError)\b")
#: A server's pause, at most (seconds).
_LONGEST_PAUSE: Final = 3600.0
#: Inner codes that say more than the code itself ("EWS throttling in Exchange").
_INNER: Final = frozenset({"ErrorInternalServerError", "ErrorInternalServerTransientError"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One response message. `code` as the server says it; `pause` in seconds where it names one; `element` is the message itself."""

    code: str
    text: str
    pause: float | None
    element: Any = field(repr=False, compare=False)

    @property
    def done(self) -> bool:
        return self.code == "NoError"


class Fault(Exception):
    """The request as a whole was refused. `code` is "" where the server names none."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


def no_answer(where: str) -> Unavailable:
    """A page, or whatever else it is."""
    return Unavailable(f"{where} answers with something that is no XML", hint="Check that the address is that of Exchange Web Services.")


def parsed(document: bytes, where: str) -> Any:
    """The root. Raises Unavailable when it is no XML that is accepted here."""
    from lxml import etree

    def parser() -> Any:
        return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)

    try:
        try:
            root = etree.fromstring(document, parser())
        except etree.XMLSyntaxError:
            root = etree.fromstring(_IMPOSSIBLE.sub(b"?", document), parser())
    except (etree.XMLSyntaxError, ValueError):
        raise no_answer(where) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unavailable(f"{where} answers with XML that declares a DTD, which is not read")
    return root


def answers(document: bytes, where: str) -> list[Answer]:
    """The response messages, in the order of what was asked. Raises Fault, Unavailable."""
    body = parsed(document, where).find(f"{_SOAP}Body")
    first = next(iter(body), None) if body is not None else None
    if first is None:
        raise Unavailable(f"{where} answers with something that is no answer of Exchange Web Services")
    if first.tag == f"{_SOAP}Fault":
        raise Fault(_fault(first))
    messages = first.find(f"{M}ResponseMessages")
    if messages is None:
        # GetUserAvailability and a few others have one answer without a list around it.
        return [_answer(first)]
    return [_answer(message) for message in messages]


def _answer(message: Any) -> Answer:
    code = message.findtext(f"{M}ResponseCode") or ("NoError" if message.get("ResponseClass") == "Success" else "")
    inner, pause = _details(message.find(f"{M}MessageXml"))
    if code in _INNER and inner in KINDS:
        code = inner
    return Answer(code, message.findtext(f"{M}MessageText") or "", pause, message)


def _fault(fault: Any) -> Answer:
    detail = fault.find("detail")
    code, words, inner, pause = "", fault.findtext("faultstring") or fault.findtext(f"{_SOAP}faultstring") or "", "", None
    for one in () if detail is None else detail:
        name = one.tag.rpartition("}")[2] if isinstance(one.tag, str) else ""
        if name == "ResponseCode":
            code = (one.text or "").strip()
        elif name == "Message" and one.text:
            words = one.text
        elif name == "MessageXml":
            inner, pause = _details(one)
    if not code:
        named = _CODE.search(fault.findtext("faultcode") or fault.findtext(f"{_SOAP}faultcode") or "")
        code = named[1] if named else ""
    return Answer(inner if code in _INNER and inner in KINDS else code, words, pause, fault)


def _details(element: Any) -> tuple[str, float | None]:
    """The inner code and the pause in seconds that stand beside a refusal."""
    inner, pause = "", None
    for value in () if element is None else element.iter(f"{T}Value"):
        match value.get("Name"):
            case "BackOffMilliseconds":
                with_digits = re.fullmatch(r"\s*(\d{1,9})\s*", value.text or "")
                pause = min(int(with_digits[1]) / 1000, _LONGEST_PAUSE) if with_digits else None
            case "InnerErrorResponseCode":
                inner = (value.text or "").strip()
            case _:
                continue
    return inner, pause


def items_of(answer: Answer) -> Iterator[Any]:
    """The items of one response message, whatever their class."""
    for container in answer.element.iter(f"{M}Items", f"{T}Items"):
        yield from container


def id_of(item: Any) -> tuple[str, str]:
    """Id and change key of an item or folder; empty where it has none."""
    found = item.find(f"{T}ItemId")
    if found is None:
        found = item.find(f"{T}FolderId")
    return ("", "") if found is None else (found.get("Id") or "", found.get("ChangeKey") or "")
