"""The pieces of an expression's text: texts in quotes, comments, words, single characters. Pure.

For what is asked of the text alone; whether it is an expression the library says. Every character belongs to one piece, and the time it
takes grows with the length, whatever is written: no piece can be read in two ways.
"""

from __future__ import annotations

import re
from typing import Final

#: In raw texts a backslash is itself (specification of the Common Expression Language, "Syntax").
_RAW: Final = r"""(?:[bB]?[rR]|[rR][bB])(?:'''(?:[^']|'(?!''))*'''|\"\"\"(?:[^\"]|\"(?!\"\"))*\"\"\"|'[^'\n]*'|"[^"\n]*")"""
_TEXT: Final = r"""[bB]?(?:'''(?:\\.|[^'\\]|'(?!''))*'''|\"\"\"(?:\\.|[^\"\\]|\"(?!\"\"))*\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")"""
TOKEN: Final = re.compile(rf"{_RAW}|{_TEXT}|//[^\n]*|[A-Za-z_][A-Za-z0-9_]*|\|\||&&|.", re.DOTALL)
