"""The part of a plan that was asked for by `--only` and `--exclude`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase

from reconcile.errors import SettingsError
from reconcile.model.change import Note
from reconcile.model.key import KINDS, Key
from reconcile.model.selection import Selection

Labels = Mapping[str, str]
_Fits = Callable[[Key, Labels], bool]

_FORMS = "Write a kind (Mailbox), a kind and a slug (Mailbox/sales-*), a slug (sales-*) or a label (team=sales)."


class Selected:
    """Tells of each key whether it is wanted. Without `only` everything is, what `exclude` names never; of all that only `keys`.

    Raises SettingsError for a pattern that cannot be read.
    """

    def __init__(self, selection: Selection | None, keys: Collection[Key] | None = None) -> None:
        self._keys = keys
        self._only = [(text, _fitting("--only", text)) for text in selection.only] if selection else []
        self._exclude = [(text, _fitting("--exclude", text)) for text in selection.exclude] if selection else []
        self.everything = not self._only and not self._exclude and keys is None

    def __call__(self, key: Key, labels: Labels) -> bool:
        if self._keys is not None and key not in self._keys:
            return False
        if self._only and not any(fits(key, labels) for _, fits in self._only):
            return False
        return not any(fits(key, labels) for _, fits in self._exclude)

    def notes(self, known: Collection[tuple[Key, Labels]], gone: Collection[Key]) -> Iterator[Note]:
        """Patterns that fit nothing, which is usually a typo, and labels that nothing knows any more."""
        for option, patterns in (("--only", self._only), ("--exclude", self._exclude)):
            for text, fits in patterns:
                if not any(fits(key, labels) for key, labels in known):
                    yield Note(message=f"{option} {text} fits nothing that is declared or ours")
                if "=" in text and gone:
                    count = "1 resource" if len(gone) == 1 else f"{len(gone):,} resources"
                    yield Note(message=f"{option} {text}: labels went with the documents, so it fits none of {count} no longer declared")


def _fitting(option: str, text: str) -> _Fits:
    name, equals, value = text.partition("=")
    if equals:
        if not name or not value:
            raise _unreadable(option, text, "a label is written label=value")
        return lambda key, labels: name in labels and fnmatchcase(labels[name], value)
    kind, slash, slug = text.partition("/")
    if slash:
        _check_kind(option, text, kind)
        if not slug:
            raise _unreadable(option, text, "a slug is missing behind the /")
        return lambda key, labels: key.kind == kind and fnmatchcase(key.name, slug)
    if not text.strip():
        raise _unreadable(option, text, "it is empty")
    if text in KINDS:
        return lambda key, labels: key.kind == text
    if text[:1].isupper():
        _check_kind(option, text, text)
    return lambda key, labels: fnmatchcase(key.name, text)


def _check_kind(option: str, text: str, kind: str) -> None:
    if kind not in KINDS:
        raise _unreadable(option, text, f"there is no kind {kind!a}; kinds are {', '.join(KINDS)}")


def _unreadable(option: str, text: str, why: str) -> SettingsError:
    return SettingsError(f"{option} {text!a} cannot be read: {why}", hint=_FORMS)
