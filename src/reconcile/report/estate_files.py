"""Which file each document that is taken over goes to. Files that exist are never named again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, groupby
from typing import Final, Literal, Protocol, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.mail_address import readable
from reconcile.model.slug import slug
from reconcile.plan.takeover.declare import Draft
from reconcile.report.document_text import document_text
from reconcile.report.mailbox_table import fits_a_cell, list_text, table_octets

Layout: TypeAlias = Literal["files", "grouped", "csv"]

#: Mailboxes beyond this many stand together by domain, unless asked otherwise.
MANY: Final = 200
#: Documents of one file, and the octets after which no more are added: a source reads at most a megabyte of a file.
_TOGETHER: Final = 500
_LARGE: Final = 512 * 1024
_FOLDERS: Final = {"EmailServerProfile": "profiles/", "Mailbox": "mailboxes/"}


@dataclass(frozen=True, slots=True)
class EstateFile:
    """`path` relative to the estate; `drafts` are what it declares, in documents or in rows."""

    path: str
    content: bytes
    drafts: tuple[Draft, ...] = ()


class Tree(Protocol):
    """What stands in the estate already."""

    def exists(self, path: str) -> bool: ...

    def holds(self, path: str, content: bytes) -> bool:
        """Whether there is an ordinary file with exactly this content."""
        ...


def estate_files(drafts: Sequence[Draft], tree: Tree, *, layout: Layout | None, folder: str, origin: str) -> Iterator[EstateFile]:
    """In the order of `drafts`. `folder` is "" or ends with a slash; `layout` None decides by the number of mailboxes."""
    names = _Names(tree, folder)
    mailboxes = sum(1 for draft in drafts if draft.key.kind == "Mailbox")
    chosen = layout or ("grouped" if mailboxes > MANY else "files")
    for is_mailbox, run in groupby(drafts, key=lambda draft: draft.key.kind == "Mailbox"):
        some = [*run]
        if is_mailbox and chosen == "grouped":
            yield from _grouped(some, names, origin)
            continue
        if is_mailbox and chosen == "csv":
            fitting: list[Draft] = []
            rest: list[Draft] = []
            for draft in some:
                (fitting if fits_a_cell(draft) else rest).append(draft)
            yield from _table(fitting, names, origin)
            some = rest
        for draft in some:
            folder_of_kind = _FOLDERS.get(draft.key.kind, "")
            stem = f"{folder_of_kind}{draft.key.name if folder_of_kind else draft.key.kind.lower()}"
            yield EstateFile(names.free(stem), document_text(draft, origin=origin).encode(), (draft,))


class _Names:
    """Names that nothing has yet."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree = tree
        self._folder = folder
        self._taken: set[str] = set()

    def free(self, stem: str) -> str:
        """Path of a new document."""
        path = next(path for path in self._candidates(stem, ".yaml") if path not in self._taken and not self._tree.exists(path))
        self._taken.add(path)
        return path

    def of_table(self, stem: str, content: bytes) -> str:
        """Path of a new table, or of the one that an import wrote before it was killed."""
        for path in self._candidates(stem, ".csv"):
            document = path.removesuffix(".csv") + ".yaml"
            if not self._tree.exists(document) and (not self._tree.exists(path) or self._tree.holds(path, content)):
                return path
        raise AssertionError("there are endless numbers")

    def _candidates(self, stem: str, ending: str) -> Iterator[str]:
        for number in count(1):
            yield f"{self._folder}{stem}{f'-{number}' if number > 1 else ''}{ending}"


def _table(drafts: list[Draft], names: _Names, origin: str) -> Iterator[EstateFile]:
    """The table comes before the list that names it, so that every part of what is written is an estate."""
    if drafts:
        content = table_octets(drafts)
        path = names.of_table("mailboxes/mailboxes", content)
        yield EstateFile(path, content, tuple(drafts))
        stem = path.removesuffix(".csv")
        file = path.rpartition("/")[2]
        yield EstateFile(f"{stem}.yaml", list_text(stem.rpartition("/")[2], file, drafts, origin=origin).encode())


def _grouped(drafts: Iterable[Draft], names: _Names, origin: str) -> Iterator[EstateFile]:
    """Several documents a file, by domain. They come sorted by domain."""
    for domain, run in groupby(drafts, key=lambda draft: readable(str(draft.spec["emailAddress"])).rpartition("@")[2]):
        part: list[Draft] = []
        texts: list[bytes] = []
        size = 0
        for draft in run:
            part.append(draft)
            texts.append(document_text(draft, origin=origin, first=len(part) == 1).encode())
            size += len(texts[-1])
            if len(part) == _TOGETHER or size > _LARGE:
                yield _file(part, texts, domain, names)
                part, texts, size = [], [], 0
        if part:
            yield _file(part, texts, domain, names)


def _file(drafts: list[Draft], texts: list[bytes], domain: str, names: _Names) -> EstateFile:
    return EstateFile(names.free(f"mailboxes/{slug(domain) or 'others'}"), b"---\n".join(texts), tuple(drafts))
