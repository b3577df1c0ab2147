"""File names that strangers wrote, made fit to be written into a folder of ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

#: Octets of a name in UTF-8 that every usual file system takes, with room for a number.
_LONGEST = 200
#: Names that Windows gives to devices, with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$)(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')


def safe_file_name(name: str, *, number: int, taken: Collection[str] = ()) -> str:
    """One plain name, never empty, no path, nothing that is not seen, nothing reserved, and none of `taken` (compared as systems do that
    do not tell case apart). `number` names what has no usable name."""
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(one for one in unicodedata.normalize("NFC", last) if unicodedata.category(one)[0] != "C" and one not in "\u2028\u2029")
    plain = _FORBIDDEN.sub("_", shown).strip(" .\u00a0\u3000")
    if not plain or _RESERVED.match(plain):
        plain = f"attachment-{number}{'-' + plain if plain else ''}"
    stem, dot, extension = plain.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = plain, "", ""
    short = _cut(stem, _LONGEST - len((dot + extension).encode())).rstrip(" .") or f"attachment-{number}"
    known = {one.casefold() for one in taken}
    found, again = f"{short}{dot}{extension}", 2
    while found.casefold() in known:
        found, again = f"{short}-{again}{dot}{extension}", again + 1
    return found


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode("utf-8", "ignore")
