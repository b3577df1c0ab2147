"""Values as YAML that our own reader reads back the same (a property test holds both together), for documents that we write.

Our own few lines: a round trip through ruamel takes a millisecond a document, and an export has a hundred thousand.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from reconcile.desired.yaml import plain_value

#: Letters and digits of any script first, then these; a colon only inside, as in an address of the web. Anything else is quoted.
_PLAIN: Final = re.compile(r"[^\W_](?:[\w .@/+=()&;,'-]|:(?=[\w/]))*", re.UNICODE)
#: Read as truth values by YAML 1.1; not by us, but people and other tools read these files too.
_OLD_BOOLEANS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
_JOINERS: Final = "\u200d"
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
#: Items of a list that stand on one line.
_FLOW: Final = 6


def scalar(value: str | int | bool | None) -> str:
    """One value. Raises ValueError for half of a surrogate pair, which no file can hold."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value) if isinstance(value, str) else str(value)


def text(value: str) -> str:
    """Text: plain where nobody could read it otherwise, else in double quotes."""
    if _PLAIN.fullmatch(value) and value[-1] != " " and value.lower() not in _OLD_BOOLEANS and _is_text(value):
        return value
    return '"' + "".join(_SHORT.get(character) or (_escape(character) if _escaped(character) else character) for character in value) + '"'


def paragraphs(value: str, indent: str) -> str | None:
    """Several lines as a literal block, below a key that stands at `indent`; None where only quotes keep the text as it is."""
    lines = value.split("\n")
    if len(lines) < 2 or not lines[0] or lines[0][0] in " \t" or not lines[-1]:
        return None
    if any(line != line.rstrip() or any(_escaped(character) for character in line) for line in lines):
        return None
    return "|-\n" + "\n".join(f"{indent}  {line}" if line else "" for line in lines)


def items(values: tuple[str, ...], indent: str) -> str:
    """A list: short ones on one line, long ones an item a line below a key that stands at `indent`."""
    if len(values) <= _FLOW:
        return "[" + ", ".join(_item(value) for value in values) + "]"
    return "\n" + "\n".join(f"{indent}  - {text(value)}" for value in values)


def comment(words: str) -> str:
    """One line, whatever the words hold."""
    return "# " + "".join(_visible(character) for character in words)


def is_visible(value: str) -> bool:
    """Whether an eye sees all of a text: no control or format characters, no line breaks."""
    return not any(_escaped(character) for character in value)


def _item(value: str) -> str:
    """Between brackets commas and brackets count, and a plain text with them would be several."""
    plain = text(value)
    return plain if plain.startswith('"') or not any(character in plain for character in ",[]{}:") else f'"{plain}"'


def _is_text(value: str) -> bool:
    """Neither a constant nor a number, nor one of the numbers of YAML 1.1 that we do not have (12:30, 1_000)."""
    if value[0].isdecimal() and (":" in value or "_" in value):
        return False
    try:
        return isinstance(plain_value(value), str)
    except ValueError:
        return False


def _escaped(character: str) -> bool:
    """Control and format characters, what reorders text, what is no character: all that an eye would miss."""
    if " " <= character <= "~":
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and character not in _JOINERS


def _escape(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("half of a surrogate pair is no text")
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _visible(character: str) -> str:
    if not _escaped(character):
        return character
    return "\\ufffd" if "\ud800" <= character <= "\udfff" else _escape(character)
