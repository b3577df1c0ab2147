"""libyaml's syntax errors in words that say what to do, with our own line and column."""

from __future__ import annotations

from reconcile.desired.text import line_and_column, split_lines

_LOST = "the rest of the file was not read"

# Fragment of libyaml's message: (what we say, what to do). The first that fits is used.
_PROBLEMS: tuple[tuple[str, str, str], ...] = (
    ("found unexpected end of stream", "the quote that opens here is never closed", "close it with the same quote"),
    (
        "mapping values are not allowed",
        "a colon followed by a space cannot stand here",
        "put the whole value in quotes, or check the indentation",
    ),
    (
        "found unexpected ':'",
        "inside braces or brackets a value with a colon must be in quotes",
        'put it in quotes, as in {password: "env:NAME"}, or write one key per line without braces',
    ),
    ("found unknown escape character", "unknown escape after the backslash", "write \\\\ for a backslash, or use single quotes"),
    ("did not find expected '-' indicator", "the list ends here without reason", "indent the line like the other items of the list"),
    ("did not find expected key", "a key is expected here", "check the indentation against the lines above"),
    ("could not find expected ':'", "this line has a key without a colon", "write `key: value`"),
    ("did not find expected ',' or ']'", "the list in brackets is not closed", "add a comma or ]"),
    ("did not find expected ',' or '}'", "the mapping in braces is not closed", "add a comma or }"),
    ("did not find expected node content", "a value is missing inside the brackets", "write the value, or close the bracket"),
    ("block sequence entries are not allowed", "a list item cannot start here", "start the list on a line of its own"),
    ("did not find expected <document start>", "a new document must start with a line of three dashes", "insert --- above this line"),
    ("found a tab character", "a tab is not allowed as indentation", "indent with spaces"),
    ("found undefined tag handle", "tags are not allowed", "remove the tag"),
)

_STARTERS = {
    "\t": ("a tab is not allowed as indentation", "indent with spaces"),
    "@": ("a value cannot begin with @", "put it in quotes"),
    "`": ("a value cannot begin with a back quote", "put it in quotes"),
    "%": ("a value cannot begin with %", "put it in quotes"),
}


def explain(error: Exception, text: str) -> tuple[str, str, int, int]:
    """Message, hint, line, column (from 1, inside the text) of a scanner, parser or reader error."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML")
    mark = getattr(error, "problem_mark", None)
    context_mark = getattr(error, "context_mark", None)
    if mark is None:
        line, column = line_and_column(text, min(int(getattr(error, "position", 0) or 0), len(text)))
    else:
        line, column = _inside(text, mark.line + 1, mark.column + 1)
    if "cannot start any token" in problem:
        lines = split_lines(text)
        found = lines[line - 1][column - 1 : column]
        message, hint = _STARTERS.get(found, (f"a value cannot begin with {found!r}", "put it in quotes"))
        return f"{message}; {_LOST}", hint, line, column
    for fragment, message, hint in _PROBLEMS:
        if fragment in problem:
            if fragment == "found unexpected end of stream" and context_mark is not None:
                line, column = _inside(text, context_mark.line + 1, context_mark.column + 1)
            return f"{message}; {_LOST}", hint, line, column
    return f"not valid YAML: {problem}; {_LOST}", "check quotes, colons and indentation around this place", line, column


def _inside(text: str, line: int, column: int) -> tuple[int, int]:
    """A mark after the last character, moved back to the end of the last line that has any."""
    lines = split_lines(text)
    line = min(line, len(lines))
    while line > 1 and not lines[line - 1].strip():
        line -= 1
        column = len(lines[line - 1]) + 1
    return line, min(column, len(lines[line - 1]) + 1)
