"""A slug for what has none yet: from its name or address, in ASCII, given once."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from reconcile.model.key import Key

_LONGEST: Final = 63
_NOT_ALLOWED: Final = re.compile(r"[^a-z0-9]+")
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "å": "a", "œ": "oe", "ł": "l", "đ": "d"})
#: No file may be called so on Windows, whatever its extension.
_DEVICES: Final = frozenset({"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(10))})


def slug(words: str) -> str:
    """`Verkauf Süd` → verkauf-sued; "" where nothing is left, as of most other scripts."""
    folded = unicodedata.normalize("NFC", words).casefold().translate(_GERMAN)
    ascii_only = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode("ascii")
    return _NOT_ALLOWED.sub("-", ascii_only).strip("-")[:_LONGEST].rstrip("-")


def free_key(kind: str, name: str, address: str, identity: str, taken: set[Key]) -> Key:
    """The first free one: of the name, of the address before its @, of the address with the first part of its domain, of the whole
    address, and then with a mark made from `identity` (which is the row's own, so that no other row changes it)."""
    mark = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    for word in _candidates(name, address):
        if word and word not in _DEVICES and Key(kind, word) not in taken:
            return Key(kind, word)
    base = next((word for word in _candidates(name, address) if word), kind.lower())
    return Key(kind, f"{base[: _LONGEST - 9].rstrip('-')}-{mark}")


def _candidates(name: str, address: str) -> Iterator[str]:
    if name:
        yield slug(name)
    local, _, domain = address.removeprefix("recent:").rpartition("@")
    if local:
        yield slug(local)
        yield slug(f"{local} {domain.partition('.')[0]}") if slug(local) else ""
        yield slug(address) if slug(local) else ""
