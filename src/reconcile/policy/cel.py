"""Expressions of rules, in the Common Expression Language: checked when a rule is loaded, run on plain values. Pure.

The only module that knows the library. Two ways in: `check` (types, unknown names, words that a field cannot have; gives a `Program`,
whose bytes can be kept) and `load` (bytes to something that runs, without types and without the compiler).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from reconcile.desired.suggest import did_you_mean
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.policy.variable import Type, Variable

if TYPE_CHECKING:
    from cel_expr_python.cel import Env

    from reconcile.policy.checked_expression import Comparison

#: Part of every key that compiled programs are kept under; rises when the same text comes to mean something else.
PROGRAM_VERSION: Final = 2

#: Extensions of the language that rules may use, by the names of its reference implementation.
EXTENSIONS: Final = ("math", "optional", "sets", "strings")
_CONFIG: Final = "name: rules\nextensions:\n" + "".join(f"- name: {name}\n" for name in EXTENSIONS)

#: Runs a program on the values of the variables it reads (text, number, truth value, None, list, dict): its result, or `Failed`.
Run: TypeAlias = Callable[[Mapping[str, object]], object]


class Program(NamedTuple):
    """A checked expression. `code` can be kept and given to `load`; `reads` are the variables it reads, sorted; `result` names the type
    of what comes out ("bool", "string", "int" …). Of the variables in `asked` it only asks whether they are null."""

    code: bytes
    reads: tuple[str, ...]
    result: str
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a text is no expression. `line` and `column` count from 1 inside the text; `width` is how many characters are meant."""

    message: str
    line: int
    column: int
    width: int = 1
    hint: str = ""

    def excerpt(self, text: str) -> str:
        """The line with a caret under what is meant."""
        lines = text.split("\n")
        line = lines[self.line - 1] if self.line <= len(lines) else ""
        return f"{line}\n{' ' * (self.column - 1)}{'^' * max(self.width, 1)}"


@dataclass(frozen=True, slots=True)
class Failed:
    """An expression that ended in an error, or in no value; never to be read as an answer."""

    why: str


def check(text: str, variables: Mapping[str, Variable], *, boolean: bool) -> Program | list[Fault]:
    """`boolean`: the result must be a truth value. Never raises for bad input."""
    # Whoever runs kept programs checks nothing.
    from reconcile.policy.checked_expression import read_checked
    from reconcile.policy.expression_size import growth

    if refused := [*_refused(text)]:
        return refused
    compiled = _compile(text, variables)
    if isinstance(compiled, list):
        return compiled
    code, result = compiled
    if (grown := growth(code)) is not None:
        line, column = _line_of(text, grown.offset)
        return [Fault(message="this may become too large", line=line, column=column, hint=_grows())]
    checked = read_checked(code)
    if boolean and result not in ("bool", "dyn", "wrapper(bool)"):
        return [
            Fault(
                message=f"this must be true or false, but it is {_WORDS.get(result, result)}",
                line=1,
                column=1,
                width=len(text.split("\n")[0]),
            )
        ]
    if impossible := [*_impossible(text, checked.comparisons, variables)]:
        return impossible
    reads = tuple(sorted(checked.reads & variables.keys()))
    if any(variables[name].type is Type.MOMENT for name in reads):
        # Programs that are kept take no dates, so the moment goes in as a text.
        names = [name for name in reads if variables[name].type is Type.MOMENT]
        again = _compile(_with_moments(text, names), {**variables, **{name: Variable(name=name, type=Type.TEXT) for name in names}})
        if isinstance(again, list):
            return [Fault(message=f"{names[0]} cannot be the name of anything else here", line=1, column=1)]
        code = again[0]
    return Program(code, reads, result, tuple(name for name in reads if name in checked.asked))


def load(code: bytes) -> Run:
    """Something that runs. Raises ValueError where the bytes are no program."""
    try:
        run = _runtime().deserialize(code).eval
    except RuntimeError as error:
        raise ValueError("not a program") from error

    def evaluate(values: Mapping[str, object]) -> object:
        try:
            value = run(data=values)
        except MemoryError:
            return Failed("it needs more memory than there is")
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            return Failed(str(error))
        answer = value.plain_value()
        if answer is True or answer is False:
            return answer
        kind = value.type().name()
        return Failed(_why(str(answer))) if kind in ("ERROR", "UNKNOWN") else answer

    return evaluate


def moment(today: datetime) -> str:
    """What goes in for a variable of type MOMENT."""
    return instant.text(today)


_WORDS: Final = {"string": "a text", "int": "a number", "uint": "a number", "double": "a number", "null_type": "null", "list": "a list"}


def _grows() -> str:
    from reconcile.policy.expression_size import MOST, VALUE

    return f"what an expression makes may have {MOST // 1_000_000} million characters, and a value of a document counts as {VALUE:,}"


def _why(message: str) -> str:
    """What the library says went wrong, without its codes."""
    text = re.sub(r"^[A-Z_]+: ", "", message)
    return text.replace("No matching overloads found : ", "a value is null, or of another type, where one is needed: ")


@lru_cache(maxsize=1)
def _runtime() -> Env:
    from cel_expr_python import cel

    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(_CONFIG))


def _types(variables: Iterable[Variable]) -> dict[str, Any]:
    from cel_expr_python.cel import Type as T

    plain = {
        Type.TEXT: (T.STRING, "StringValue"),
        Type.INSTANT: (T.STRING, "StringValue"),
        Type.DURATION: (T.STRING, "StringValue"),
        Type.NUMBER: (T.INT, "Int64Value"),
        Type.TRUTH: (T.BOOL, "BoolValue"),
        Type.MOMENT: (T.TIMESTAMP, "Timestamp"),
        Type.TEXTS: (T.List(T.STRING), ""),
        Type.MAP: (T.Map(T.STRING, T.DYN), ""),
    }
    wrappers = {kind: T(f"google.protobuf.{name}") for kind, (_, name) in plain.items() if name}
    return {one.name: wrappers[one.type] if one.nullable and one.type in wrappers else plain[one.type][0] for one in variables}


_ENVIRONMENTS: dict[tuple[Variable, ...], Env] = {}


def _environment(variables: Mapping[str, Variable]) -> Env:
    """Rules without parameters of their own share one."""
    from cel_expr_python import cel

    key = tuple(variables.values())
    found = _ENVIRONMENTS.get(key)
    if found is None:
        if len(_ENVIRONMENTS) >= 16:
            _ENVIRONMENTS.clear()
        found = _ENVIRONMENTS[key] = cel.NewEnv(config=cel.NewEnvConfigFromYaml(_CONFIG), variables=_types(key))
    return found


def _compile(text: str, variables: Mapping[str, Variable]) -> tuple[bytes, str] | list[Fault]:
    if (lone := next((place for place, char in enumerate(text) if "\ud800" <= char <= "\udfff"), None)) is not None:
        line, column = _line_of(text, lone)
        return [Fault(message="half of a character, which no text can have", line=line, column=column)]
    try:
        expression = _environment(variables).compile(text)
    except (RuntimeError, ValueError) as error:
        return [*_faults(text, str(error), variables)]
    return expression.serialize(), expression.return_type().name().lower()


_ERROR: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*?)(?: \(in container ''\))?(?: \[[A-Z_]+\])?$", re.MULTILINE)
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")
_CLASH: Final = re.compile(r"found no matching overload for '([^']*)' applied to '(.*)'")


def _faults(text: str, said: str, variables: Mapping[str, Variable]) -> Iterator[Fault]:
    found = False
    for line, column, message in _ERROR.findall(said):
        if found and ("Syntax error" in message):
            continue  # the first says it, the rest follows from it
        found = True
        yield _worded(text, int(line), int(column), message, variables)
    if not found:
        yield Fault(message=_why(said).removesuffix(" [CANCELLED]"), line=1, column=1)


def _worded(text: str, line: int, column: int, message: str, variables: Mapping[str, Variable]) -> Fault:
    lines = text.split("\n")
    written = lines[line - 1] if line <= len(lines) else ""
    column = min(column, len(written) + 1)
    if (match := _UNDECLARED.search(message)) is not None:
        name = match[1]
        if written[column - 1 : column] == "(":
            start = written.rfind(name, 0, column)
            hint = f"functions are those of the language and of its extensions {', '.join(EXTENSIONS)}"
            return Fault(message=f"unknown function {name}", line=line, column=max(start, 0) + 1, width=len(name), hint=hint)
        # The library marks the last dot of a name.
        start = next((at for at in range(max(0, column - len(name) - 1), column) if written.startswith(name, at)), column - 1)
        hint = did_you_mean(name, variables) or _prefix_hint(name, variables)
        return Fault(message=f"unknown variable {name}", line=line, column=start + 1, width=len(name), hint=hint)
    if (match := _CLASH.search(message)) is not None:
        operator = match[1].replace("_", "").replace("@", "")
        words = match[2].replace("wrapper(", "nullable (").replace("google.protobuf.Timestamp", "timestamp")
        return Fault(
            message=f"{operator} does not fit what it is given: {words}",
            line=line,
            column=column,
            hint="both sides need one type; timestamp() and duration() read texts",
        )
    if message.startswith("Syntax error"):
        unfinished = "'<EOF>'" in message
        return Fault(
            message="the expression ends too early" if unfinished else message.partition(" expecting")[0], line=line, column=column
        )
    return Fault(message=message, line=line, column=column)


def _prefix_hint(name: str, variables: Mapping[str, Variable]) -> str:
    prefixes = sorted({known.partition(".")[0] for known in variables})
    prefix = name.partition(".")[0]
    if prefix in prefixes:
        return f"see the variables that begin with {prefix}. in the list of variables"
    return f"a rule of this kind sees {', '.join(prefixes)}"


def _refused(text: str) -> Iterator[Fault]:
    """What compiles but does not do what it looks like."""
    from reconcile.policy.expression_tokens import TOKEN

    tokens = [(match.start(), match[0]) for match in TOKEN.finditer(text) if not match[0].isspace() and not match[0].startswith("//")]
    for (start, token), (_, following) in pairwise(tokens):
        if token == "has" and following == "(":
            line, column = _line_of(text, start)
            hint = "compare with null (mailbox.profile != null), or ask a map for a name ('team' in mailbox.labels)"
            yield Fault(
                message="has() tells nothing here: every variable has a value or null", line=line, column=column, width=3, hint=hint
            )


def _with_moments(text: str, names: Iterable[str]) -> str:
    """The same with `timestamp(today)` for `today`."""
    from reconcile.policy.expression_tokens import TOKEN

    wanted = set(names)
    out: list[str] = []
    for match in TOKEN.finditer(text):
        field = bool(out) and "".join(out[-2:]).rstrip().endswith(".")
        out.append(f"timestamp({match[0]})" if match[0] in wanted and not field else match[0])
    return "".join(out)


def _impossible(text: str, comparisons: Iterable[Comparison], variables: Mapping[str, Variable]) -> Iterator[Fault]:
    for one in comparisons:
        known = variables.get(one.variable)
        if known is None or not known.values or one.text in known.values:
            continue
        line, column = _line_of(text, one.offset)
        hint = did_you_mean(one.text, known.values) or f"it is one of {', '.join(known.values)}"
        yield Fault(message=f"{one.variable} is never {one.text!r}", line=line, column=column, width=len(one.text) + 2, hint=hint)


def _line_of(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
