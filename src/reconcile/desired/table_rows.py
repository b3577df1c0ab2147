"""A table of mailboxes or profiles, as somebody exported it, read as if a target showed its rows.

Headers are the product's columns, our paths, or labels of the forms in one of three languages; cells are our words, the product's
numbers or labels. A cell that means none of them makes its row Unknown; it is never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from reconcile.desired.csv_text import BadTable, Record, records
from reconcile.desired.text import NotText, read_text
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.canonical import Leaf, digest
from reconcile.model.column_values import Amount, Encrypted, Joined, Moment, Numbers, Values
from reconcile.model.columns import by_path
from reconcile.model.fields import FieldInfo
from reconcile.model.kinds import fields
from reconcile.model.labels import by_path as labels_of
from reconcile.model.normal import normal
from reconcile.model.observation import ObservedState, Present
from reconcile.model.vocabulary import folded

NAME: Final = "csv"
DELIMITERS: Final = (",", ";", "\t", "|")

#: A table is of the kind that its headers give this field of.
_TELLING: Final = {"Mailbox": "emailAddress", "EmailServerProfile": "serverType"}
#: What people call an address or a password where the forms say more; folded.
_COMMON: Final = {
    **dict.fromkeys(("email", "e mail", "mail", "e mail adresse", "mailadresse", "adresse e mail", "courriel"), "emailAddress"),
    "passwort": "credentials.password",
}
#: What the product's lists call ways of delivery, in the words of several releases (Dataverse table reference: Mailbox); folded.
_DELIVERY: Final = {
    "server side synchronization": "server-side",
    "server side synchronization or email router": "server-side",
    "microsoft dynamics 365 for outlook": "outlook",
    "microsoft dynamics crm for outlook": "outlook",
}
_TRUTHS: Final = {
    **dict.fromkeys(("true", "1", "yes", "ja", "oui", "wahr", "vrai"), True),
    **dict.fromkeys(("false", "0", "no", "nein", "non", "falsch", "faux"), False),
}


class NoTable(Exception):
    """The text as a whole cannot be used. `hint` is the next step."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """`unused` are headers that mean no field, `secret` those of secrets, whose cells were not read."""

    observed: ObservedState
    unused: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()


def table_rows(content: bytes, *, delimiter: str | None, time_zone: str) -> TableRows:
    """Rows by their line. Without `delimiter` the one that the header holds most often. Raises NoTable."""
    text = read_text(content)
    if isinstance(text, NotText):
        raise NoTable(f"line {text.line}: {text.message}", text.hint)
    try:
        every = [*records(text, delimiter or _delimiter(text))]
    except BadTable as error:
        raise NoTable(f"line {error.line}: {error.message}", error.hint) from error
    if not every:
        raise NoTable("the table is empty", "Write a first line with the names of the columns.")
    headers = [header.strip() for header in every[0].cells]
    kind = next((kind for kind, path in _TELLING.items() if path in map(_meanings(kind).get, map(folded, headers))), None)
    if kind is None:
        raise NoTable(
            f"no column gives an address (of mailboxes) or a server type (of profiles): {', '.join(headers[:8])}",
            "Name the columns as the product does (emailaddress), as its forms do (Email Address), or as documents do (emailAddress).",
        )
    paths = [_meanings(kind).get(folded(header)) for header in headers]
    twice = next((header for number, header in enumerate(headers) if paths[number] and paths[number] in paths[:number]), None)
    if twice is not None:
        raise NoTable(f"the column {twice!a} gives what another column gives already", "Remove one of the two.")
    known = {info.path: info for info in fields(kind)}
    secret = [header for header, path in zip(headers, paths, strict=True) if path and known[path].type == "secret"]
    readers = [_reader(kind, known[path], time_zone) if path and known[path].type != "secret" else None for path in paths]
    rows: list[Present] = []
    unknown: dict[str, str] = {}
    for record in every[1:]:
        try:
            spec = normal(kind, _spec(record, headers, paths, readers))
        except ValueError as error:
            unknown[f"on line {record.line}"] = str(error)
            continue
        rows.append(Present(kind=kind, external_id=f"on line {record.line}", spec=spec, version=digest(spec)))
    given = {path for path in paths if path}
    hidden = {path: "the table has no column for it" for path in known if path not in given}
    observed = ObservedState(target=NAME, rows=tuple(rows), unknown_rows=unknown, hidden={kind: hidden})
    unused = tuple(header for header, path in zip(headers, paths, strict=True) if path is None)
    return TableRows(observed=observed, unused=unused, secret=tuple(secret))


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(DELIMITERS, key=header.count)


@lru_cache(maxsize=4)
def _meanings(kind: str) -> Mapping[str, str]:
    """Every name of a field, folded → its path. A name that two fields share means neither."""
    found: dict[str, set[str]] = {}
    for info in fields(kind):
        names = [info.path, info.column, info.column.rpartition("/")[2], info.path.rpartition(".")[2]]
        names += [name for label in labels_of(kind).get(info.path, ()) if not label.value for name in _label_names(label)]
        for name in filter(None, names):
            found.setdefault(folded(name), set()).add(info.path)
    exact = {folded(info.path): info.path for info in fields(kind)} | {
        folded(info.column): info.path for info in fields(kind) if info.column
    }
    common = _COMMON if kind == "Mailbox" else {}
    return common | {name: next(iter(paths)) for name, paths in found.items() if len(paths) == 1} | exact


def _label_names(label: object) -> tuple[str, ...]:
    return tuple(getattr(label, language) for language in ("english", "german", "french"))


def _spec(
    record: Record, headers: Sequence[str], paths: Sequence[str | None], readers: Sequence[Callable[[str], Leaf] | None]
) -> dict[str, Leaf]:
    if len(record.cells) != len(headers):
        raise ValueError(f"it has {len(record.cells)} cell{'' if len(record.cells) == 1 else 's'}, the header has {len(headers)}")
    spec: dict[str, Leaf] = {}
    for header, path, read, cell in zip(headers, paths, readers, record.cells, strict=True):
        if path is None or read is None or not cell.strip():
            continue
        try:
            spec[path] = read(cell)
        except ValueError as error:
            raise ValueError(f"column {header}: {error}") from error
    return dict(sorted(spec.items()))


def _reader(kind: str, info: FieldInfo, time_zone: str) -> Callable[[str], Leaf]:
    """How a cell of a field is read. Raises ValueError for a cell that means nothing."""
    column = by_path(kind).get(info.path)
    values = column.values if column is not None else None
    words = _words(info, values, kind)

    def read(cell: str) -> Leaf:
        text = cell.strip()
        if words:
            word = words.get(folded(text))
            if word is None:
                raise ValueError(f"{text[:40]!a} is none of {', '.join(sorted(set(words.values())))}")
            return word
        if info.type == "boolean":
            if folded(text) not in _TRUTHS:
                raise ValueError(f"{text[:40]!a} is neither true nor false")
            return _TRUTHS[folded(text)]
        if info.type == "integer":
            return int(text)
        if info.type == "instant" or isinstance(values, Moment):
            return None if text.startswith("1900-01-01") else instant.text(instant.parse(text, time_zone))
        if isinstance(values, Amount) and text.isdecimal():
            return values.read(int(text))
        if info.type == "list" or isinstance(values, Joined):
            return tuple(sorted({item.strip() for item in text.replace("|", ";").split(";") if item.strip()}))
        return cell

    return read


def _words(info: FieldInfo, values: Values | None, kind: str) -> dict[str, str]:
    """What a cell may say for each word of a field: the word, the product's number, a label of its forms."""
    if isinstance(values, Encrypted):
        return {**{word: word for word in ("implicit", "starttls", "none")}, **{yes: "implicit" for yes, on in _TRUTHS.items() if on}} | {
            no: "none" for no, on in _TRUTHS.items() if not on
        }
    named = [word.strip().strip("`") for word in info.type.split(",")] if info.type.startswith("`") else []
    found = {folded(word): word for word in named}
    if isinstance(values, Numbers):
        found |= {str(number): word for word, number in values.numbers.items()}
        found |= {folded(word): word for word in values.numbers}
    found |= {label: word for label, word in _DELIVERY.items() if word in found.values()}
    for label in labels_of(kind).get(info.path, ()):
        if label.value in found.values():
            found |= {folded(name): label.value for name in _label_names(label) if name}
    return found
