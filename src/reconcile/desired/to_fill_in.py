"""Places that the writer of a file left to somebody else: `CHANGE-ME`, as `reconcile init` writes it.

The mark counts, never the value beside it: an example address may be what somebody wants (on a mail world of its own it is), and who
takes the mark away says that it is.
"""

from __future__ import annotations

import re
from typing import Final

from reconcile.desired.plaintext import looks_secret
from reconcile.desired.text import NotText, read_text, split_lines
from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position

MARK: Final = "CHANGE-ME"
_LONGEST: Final = 120  # characters

# As the first word of a comment or of a value: a text that only tells of the mark is none.
_MARKED = re.compile(r"(?:(?:^|(?<=[ \t]))#[ \t]*|^[ \t-]*[\"']?|: +[\"']?)(?P<mark>CHANGE-ME)(?![\w-])(?::[ \t]*(?P<what>.*))?")
_KEY = re.compile(r"[ \t]*(?:- +)?(?P<key>[A-Za-z0-9_./-]{1,64}):(?:[ \t]|$)")


def to_fill_in(content: bytes, *, file: str) -> list[Finding]:
    """One finding for each line that bears the mark. Nothing for what is no text."""
    if MARK.encode() not in content:
        return []
    text = read_text(content)
    if isinstance(text, NotText):
        return []
    lines = enumerate(split_lines(text), start=1)
    return [_finding(line, found, Position(file, number)) for number, line in lines if MARK in line and (found := _MARKED.search(line))]


def _finding(line: str, found: re.Match[str], position: Position) -> Finding:
    key = _KEY.match(line)
    what = (found["what"] or "").partition(". ")[0].strip(" .\t\"'")
    subject = f"{key['key']} is" if key is not None and key["key"] != MARK else "this is"
    start = found.start("mark")
    return Finding(
        rule="document/to-fill-in",
        severity=Severity.WARNING,
        message=f"{subject} still to be filled in" + (f": {_shown(what)}" if what else ""),
        hint="write your own and take the mark CHANGE-ME away; where the example is right for you, take only the mark away",
        position=position._replace(column=start + 1, end_column=start + 1 + len(MARK)),
    )


def _shown(what: str) -> str:
    """The writer's words, as far as they fit into a message."""
    if looks_secret(what):
        return "a value that is not shown"
    return what if len(what) <= _LONGEST else f"{what[: _LONGEST - 1]}…"
