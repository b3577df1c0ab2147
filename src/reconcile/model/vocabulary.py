"""Finding a field by any of its names: path, product column, or a label of the product's forms in three languages. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from reconcile.lazy_dataclass import dataclass
from reconcile.model.fields import FieldInfo
from reconcile.model.key import KINDS
from reconcile.model.kinds import fields
from reconcile.model.labels import Label, by_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One field, with what the forms call it. `value` is set where a label of one of its values was looked up."""

    kind: str
    field: FieldInfo
    labels: tuple[Label, ...]
    value: str = ""


def terms() -> Iterator[Term]:
    """Every field of every kind, in the order of the kinds."""
    for kind in KINDS:
        labels = by_path(kind)
        for field in fields(kind):
            yield Term(kind=kind, field=field, labels=labels.get(field.path, ()))


def find(words: str) -> Sequence[Term]:
    """The fields that bear this name; when none does, those with a name that contains it. Case, accents and quotes are ignored."""
    wanted = folded(words)
    if not wanted:
        return ()
    exact = [term for all_names in terms() for term in _named(all_names, wanted)]
    return exact or [term for term in terms() if any(wanted in folded(name) for name in _names(term))]


def near(words: str) -> list[str]:
    """Names that are spelt much like the words, best first."""
    by_fold: dict[str, str] = {}
    for term in terms():
        for name in _names(term):
            by_fold.setdefault(folded(name), name)
    return [by_fold[match] for match in get_close_matches(folded(words), list(by_fold), n=3, cutoff=0.7)]


def folded(text: str) -> str:
    """Letters and digits alone, without accents, in lower case; words separated by single spaces."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("æ", "ae").replace("œ", "oe"))
    kept = (char if char.isalnum() or char in "./" else " " for char in plain if not unicodedata.combining(char))
    return " ".join("".join(kept).casefold().split())


def _named(term: Term, wanted: str) -> Iterator[Term]:
    path = term.field.path
    spellings = (path, f"{term.kind}.{path}", f"{term.kind}.spec.{path}", f"spec.{path}", path.rpartition(".")[2], term.field.column)
    if wanted in map(folded, spellings):
        yield term
        return
    for label in term.labels:
        if wanted in map(folded, (label.english, label.german, label.french)):
            yield Term(kind=term.kind, field=term.field, labels=term.labels, value=label.value)
            return


def _names(term: Term) -> Iterator[str]:
    yield term.field.path
    if term.field.column:
        yield term.field.column
    for label in term.labels:
        yield from filter(None, (label.english, label.german, label.french))
