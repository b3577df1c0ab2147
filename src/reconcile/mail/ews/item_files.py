"""Files that hang on appointments: read once for their digests and once more where their bytes are wanted, added and taken off one by one.

No operation here tells attendees anything. A file is known by its name and the digest of its content, so that adding what is there already
adds nothing, whoever died when.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from reconcile.errors import PermanentError, PreconditionFailed
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews.answers import Answer, T
from reconcile.mail.ews.codes import GONE
from reconcile.mail.ews.collection_requests import ItemRequests
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.link import Link
from reconcile.model.item import Appointment, Attachment
from reconcile.ports.collection import Contents, Excluded

#: Claimed octets of the files of one question, and how much larger than claimed an answer may be.
_AT_ONCE: Final = 16 << 20
_SLACK: Final = 16 << 20
_STALE: Final = GONE | {"ErrorIrresolvableConflict", "ErrorStaleObject"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFile:
    """A file as an item names it. `stamp` moves when it becomes another."""

    id: str
    name: str
    media_type: str
    size: int
    stamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Of one item: those that take part, each with its id; and why others do not."""

    ids: tuple[tuple[str, Attachment], ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """In order, each once."""
        return tuple(sorted({one for _, one in self.ids}))


class ItemFiles:
    """For one connection. `excluded` None: no file takes part, and none is asked for."""

    def __init__(self, link: Link, ask: ItemRequests, excluded: Excluded | None) -> None:
        self._link = link
        self._ask = ask
        self._excluded = excluded
        self._known: dict[ItemFile, Attachment] = {}

    def of(self, item: Any) -> Files:
        """Digests need contents: what was not seen before over this connection is fetched."""
        if self._excluded is None:
            return Files()
        named = list(_named(item))
        why = {one: self._excluded(one.name, one.media_type, one.size) for one in named}
        for one, content in self._fetched([one for one in named if not why[one] and one not in self._known]):
            # What is claimed of a size decides only what is fetched.
            why[one] = self._excluded(one.name, one.media_type, len(content))
            self._known[one] = _attachment(one, content)
        left_out = tuple(f"{one.name[:80]!a} {why[one]}" for one in named if why[one])
        return Files(ids=tuple((one.id, self._known[one]) for one in named if not why[one]), left_out=left_out)

    def content(self, item: Any, digest: str) -> bytes:
        """Of the file with this digest, fetched anew: what was fetched for the digest is not kept, as it may be a lot.

        Raises PermanentError where there is none (any more).
        """
        found = self.of(item)
        wanted = next((one for one, attachment in found.ids if attachment.digest == digest), None)
        for _, content in self._fetched([one for one in _named(item) if one.id == wanted]):
            if hashlib.sha256(content).hexdigest() == digest:
                return content
        raise PermanentError(f"{self._link.where}: the item has no such attachment (any more)", hint="Read the item again.")

    def write(self, name: str, version: str, item: Any, wanted: Appointment, contents: Contents, *, replacing: bool) -> str:
        """Add what is missing to `item` (as it was read, None: it has none yet), then, with `replacing`, take off what is not wanted any
        more. The version behind it."""
        if self._excluded is None:
            return version
        there = self.of(item) if item is not None else Files()
        keys = {_key(one) for _, one in there.ids}
        for one in wanted.attachments:
            if _key(one) in keys or self._excluded(one.filename, one.mimetype, one.filesize):
                continue
            content = base64.b64encode(contents(one.digest)).decode("ascii")
            request = self._ask.attach(name, version, one.filename, one.mimetype, content)
            version = self._done(self._link.ask(request, again=False)) or version
        kept = {_key(one) for one in wanted.attachments}
        over = [number for number, one in there.ids if _key(one) not in kept] if replacing else []
        if over:
            version = self._done(self._link.ask(self._ask.detach(over), again=False)) or version
        return version

    def _done(self, answers: Sequence[Answer]) -> str:
        """The version of the item behind them, "" where none is told."""
        version = ""
        for answer in answers:
            if answer.code in _STALE:
                raise PreconditionFailed(f"somebody changed or deleted it meanwhile ({answer.code})")
            if not answer.done:
                raise refusal(answer, self._link.where)
            told = (one.get("RootItemChangeKey") for one in answer.element.iter(f"{T}AttachmentId", "{*}RootItemId"))
            version = next((one for one in told if one), version)
        return version

    def _fetched(self, files: Sequence[ItemFile]) -> Iterator[tuple[ItemFile, bytes]]:
        for group in _groups(files):
            answers = self._link.ask(self._ask.attachments([one.id for one in group]), largest=2 * sum(one.size for one in group) + _SLACK)
            for one, answer in zip(group, answers, strict=True):
                if answer.code in GONE:
                    raise PermanentError(f"{self._link.where}: an attachment was taken off while it was read", hint="It is read again.")
                if not answer.done:
                    raise refusal(answer, self._link.where)
                yield one, _decoded(answer, self._link.where)


def _named(item: Any) -> Iterator[ItemFile]:
    for one in item.findall(f"{T}Attachments/{T}FileAttachment"):
        found = one.find(f"{T}AttachmentId")
        size = one.findtext(f"{T}Size") or ""
        if found is not None and found.get("Id"):
            yield ItemFile(
                id=found.get("Id"),
                name=one.findtext(f"{T}Name") or "",
                media_type=one.findtext(f"{T}ContentType") or "application/octet-stream",
                size=int(size) if size.isascii() and size.isdigit() and len(size) < 16 else 0,
                stamp=one.findtext(f"{T}LastModifiedTime") or "",
            )


def _attachment(file: ItemFile, content: bytes) -> Attachment:
    digest = hashlib.sha256(content).hexdigest()
    return Attachment(filename=file.name, mimetype=file.media_type, filesize=len(content), digest=digest)


def _key(one: Attachment) -> tuple[str, str]:
    return one.filename, one.digest


def _groups(files: Sequence[ItemFile]) -> Iterator[list[ItemFile]]:
    group, octets = list[ItemFile](), 0
    for one in files:
        if group and octets + one.size > _AT_ONCE:
            yield group
            group, octets = [], 0
        group.append(one)
        octets += one.size
    if group:
        yield group


def _decoded(answer: Answer, where: str) -> bytes:
    file = next(answer.element.iter(f"{T}FileAttachment"), None)
    try:
        return base64.b64decode((file.findtext(f"{T}Content") if file is not None else "") or "")
    except binascii.Error as error:
        raise PermanentError(f"{where} gives an attachment that is no base64", hint="Look at the item in Outlook.") from error
