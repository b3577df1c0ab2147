"""Extended (MAPI) properties: the many ways a client may name one, brought to one key."""

from __future__ import annotations

from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError

#: Distinguished property sets (MS-OXPROPS, section 1.3.2).
PROPERTY_SETS: Final = {
    "Meeting": "6ed8da90-450b-101b-98da-00aa003f1305",
    "Appointment": "00062002-0000-0000-c000-000000000046",
    "Common": "00062008-0000-0000-c000-000000000046",
    "PublicStrings": "00020329-0000-0000-c000-000000000046",
    "Address": "00062004-0000-0000-c000-000000000046",
    "InternetHeaders": "00020386-0000-0000-c000-000000000046",
    "CalendarAssistant": "11000e07-b51b-40d6-af21-caa85edab1d0",
    "UnifiedMessaging": "4442858e-a9e3-4e80-b900-317a210cc15b",
    "Task": "00062003-0000-0000-c000-000000000046",
    "Sharing": "00062040-0000-0000-c000-000000000046",
}


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """`set` is a GUID in lower case, or "" for a property tag; `name` a tag or dispatch id as int, or a name."""

    set: str
    name: int | str


def number_in(text: str) -> int:
    """A tag or id in hex ("0x1090") or decimal ("4240"). Raises EwsError."""
    try:
        return int(text.strip(), 16) if text.strip().lower().startswith("0x") else int(text.strip())
    except ValueError:
        raise EwsError("ErrorInvalidExtendedProperty", f"{text!r} is no property tag.") from None


def extended_key(field: Node) -> ExtendedKey:
    """The key of a t:ExtendedFieldURI. Raises EwsError ErrorInvalidExtendedProperty when it names nothing, or two things."""
    given = field.attributes
    if (tag := given.get("PropertyTag")) is not None:
        if given.keys() & {"PropertySetId", "DistinguishedPropertySetId", "PropertyName", "PropertyId"}:
            raise EwsError("ErrorInvalidExtendedProperty", "A property tag stands alone.")
        return ExtendedKey("", number_in(tag) & 0xFFFF)
    guid = given.get("PropertySetId", "").strip("{}").lower() or PROPERTY_SETS.get(given.get("DistinguishedPropertySetId", ""), "")
    if not guid:
        raise EwsError("ErrorInvalidExtendedProperty", "An extended property needs a tag or a property set.")
    if (name := given.get("PropertyName")) is not None:
        # names of internet headers do not depend on case (MS-OXPROPS, 1.3.2)
        return ExtendedKey(guid, name.lower() if guid == PROPERTY_SETS["InternetHeaders"] else name)
    if (number := given.get("PropertyId")) is not None:
        return ExtendedKey(guid, number_in(number))
    raise EwsError("ErrorInvalidExtendedProperty", "An extended property needs a name or an id beside its set.")


def value_texts(value: Node) -> list[str]:
    """The texts of an extended property's t:Value or t:Values."""
    return [child.text for child in value.children] if value.local == "Values" else [value.text]
