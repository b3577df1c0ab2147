"""Bytes of a file to text, or the reason why they are not text that YAML may be written in.

Everything that makes two readers see different lines is refused here, so that line and column mean the same to libyaml,
to an editor and to the person who reads the finding.
"""

from __future__ import annotations

import re

from reconcile.lazy_dataclass import dataclass

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

# What YAML 1.2 (5.1, character set) calls not printable, plus U+FEFF in the middle of a text. Said by what is refused: the expression
# of what is allowed takes ten times as long to compile.
_NOT_PRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")

# YAML 1.2 (5.4) says these are no line breaks; libyaml, whose scanner is YAML 1.1, breaks lines at them.
_FOREIGN_BREAK = re.compile("[\x85\u2028\u2029]")

# What git writes around the two sides of a merge that it leaves to a person. No YAML of ours begins a line so, and no table a cell.
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)

_LINE_BREAK = re.compile("\r\n|\n|\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotText:
    """`line` and `column` count from 1."""

    rule: str
    message: str
    hint: str
    line: int = 1
    column: int = 1


def read_text(data: bytes) -> str | NotText:
    """UTF-8 with or without a byte-order mark; the mark is not part of the text."""
    if data.startswith(_UTF8_BOM):
        data = data[len(_UTF8_BOM) :]
    if b"\0" in data or data.startswith(_UTF16_BOMS):
        return _binary(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(data, error.start)
    if (bad := _NOT_PRINTABLE.search(text)) is not None:
        line, column = line_and_column(text, bad.start())
        return NotText(
            rule="text/control-character",
            message=f"the file contains the control character U+{ord(bad.group()):04X}",
            hint="remove it; where a value needs it, write an escape in double quotes",
            line=line,
            column=column,
        )
    if (bad := _FOREIGN_BREAK.search(text)) is not None:
        line, column = line_and_column(text, bad.start())
        return NotText(
            rule="text/line-separator",
            message=f"U+{ord(bad.group()):04X} is a line break to some YAML readers and a character to others",
            hint=f'use an ordinary line break, or write "\\u{ord(bad.group()):04x}" in double quotes',
            line=line,
            column=column,
        )
    if ("<<<<<<< " in text or ">>>>>>> " in text) and (bad := _CONFLICT.search(text)) is not None:
        line, column = line_and_column(text, bad.start())
        return NotText(
            rule="text/merge-conflict",
            message="the file holds both sides of a merge that git could not join",
            hint="choose what is right between <<<<<<< and >>>>>>>, remove those lines and =======, and finish the merge",
            line=line,
            column=column,
        )
    return text


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """Both counted from 1; CR LF, LF and CR each end one line."""
    line, start = 1, 0
    for found in _LINE_BREAK.finditer(text, 0, index):
        line, start = line + 1, found.end()
    return line, index - start + 1


def split_lines(text: str) -> list[str]:
    """Lines as YAML counts them (unlike str.splitlines, which also breaks at form feeds and separators)."""
    return _LINE_BREAK.split(text)


def _binary(data: bytes) -> NotText:
    sample = data[:512]
    if data.startswith(_UTF16_BOMS) or _looks_like_utf16(sample):
        return NotText(
            rule="text/encoding",
            message="the file is encoded in UTF-16",
            hint="save it as UTF-8 (in PowerShell: Set-Content -Encoding utf8)",
        )
    line, column = line_and_column(data.decode("latin-1"), data.index(b"\0"))
    return NotText(
        rule="text/binary",
        message="the file contains a NUL byte: it is not a text",
        hint="remove the file from the estate, or give it another extension than .yaml",
        line=line,
        column=column,
    )


def _looks_like_utf16(sample: bytes) -> bool:
    """Without a mark: every second byte of ASCII text in UTF-16 is NUL."""
    pairs = len(sample) // 2
    return pairs >= 4 and any(sample[side::2].count(0) >= 0.9 * pairs and sample[1 - side :: 2].count(0) == 0 for side in (0, 1))


def _not_utf8(data: bytes, at: int) -> NotText:
    before = data[:at].decode("utf-8")
    line, column = line_and_column(before + "?", len(before))
    meant = data[at : at + 1].decode("cp1252", "replace")
    guess = f" (in Windows-1252 it would be {meant!r})" if meant.isprintable() and meant != "\ufffd" else ""
    return NotText(
        rule="text/encoding",
        message=f"byte 0x{data[at]:02X} is not UTF-8{guess}",
        hint="save the file as UTF-8",
        line=line,
        column=column,
    )
