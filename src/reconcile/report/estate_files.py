"""Which file each document that is taken over goes to. Files that exist are never named again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal, TypeAlias

from reconcile.model.slug import slug
from reconcile.plan.takeover.declare import Draft
from reconcile.report.document_text import document_text

Layout: TypeAlias = Literal["files", "grouped"]

#: Mailboxes beyond this many stand together by domain, unless asked otherwise.
MANY: Final = 200
#: Documents of one file. A source reads at most a megabyte of a file; these are some 300 kilobytes.
_TOGETHER: Final = 500
_FOLDERS: Final = {"EmailServerProfile": "profiles/", "Mailbox": "mailboxes/"}


@dataclass(frozen=True, slots=True)
class EstateFile:
    """`path` relative to the estate; `drafts` are the documents in it."""

    path: str
    text: str
    drafts: tuple[Draft, ...]


def estate_files(
    drafts: Sequence[Draft], *, layout: Layout | None, folder: str, origin: str, exists: Callable[[str], bool]
) -> Iterator[EstateFile]:
    """In the order of `drafts`. `folder` is "" or ends with a slash; `layout` None decides by the number of mailboxes."""
    taken: set[str] = set()

    def free(stem: str) -> str:
        number = 1
        while (path := f"{folder}{stem}{f'-{number}' if number > 1 else ''}.yaml") in taken or exists(path):
            number += 1
        taken.add(path)
        return path

    mailboxes = sum(1 for draft in drafts if draft.key.kind == "Mailbox")
    together = layout == "grouped" or (layout is None and mailboxes > MANY)
    for is_mailbox, run in groupby(drafts, key=lambda draft: draft.key.kind == "Mailbox"):
        if is_mailbox and together:
            yield from _grouped(run, free, origin)
            continue
        for draft in run:
            folder_of_kind = _FOLDERS.get(draft.key.kind, "")
            stem = f"{folder_of_kind}{draft.key.name if folder_of_kind else draft.key.kind.lower()}"
            yield EstateFile(free(stem), document_text(draft, origin=origin), (draft,))


def _grouped(drafts: Iterable[Draft], free: Callable[[str], str], origin: str) -> Iterator[EstateFile]:
    """Several documents a file, by domain. They come sorted by domain."""
    for domain, run in groupby(drafts, key=lambda draft: str(draft.spec["emailAddress"]).rpartition("@")[2]):
        part: list[Draft] = []
        for draft in run:
            part.append(draft)
            if len(part) == _TOGETHER:
                yield _file(part, domain, free, origin)
                part = []
        if part:
            yield _file(part, domain, free, origin)


def _file(drafts: list[Draft], domain: str, free: Callable[[str], str], origin: str) -> EstateFile:
    texts = (document_text(draft, origin=origin, first=number == 0) for number, draft in enumerate(drafts))
    return EstateFile(free(f"mailboxes/{slug(domain) or 'others'}"), "---\n".join(texts), tuple(drafts))
