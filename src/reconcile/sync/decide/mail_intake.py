"""An outgoing mail as a CRM writes it, checked where it enters."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.activity_details import Regarding
from reconcile.sync.decide.draft import Draft, DraftRefused
from reconcile.sync.decide.edit_intake import LARGEST_ID, Line, RegardingIn, Word, refused
from reconcile.sync.decide.intake_line import LineError, column, parsed

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
#: A header line may be longer, nobody's subject is.
_LONGEST = 2000
#: Names of a draft's fields in JSON.
_NAMES = {"in_reply_to": "inReplyTo", "key": "clientKey", "postponed_until": "postponeUntil", "send_as": "sendAs"}


def _moment(value: str) -> str:
    instant.parse(value, "UTC")
    return value


class AttachmentIn(BaseModel):
    """Either `base64`, with a name, or `path`, where the intake may read files."""

    model_config = _STRICT
    name: Line = ""
    mediaType: Line = ""
    path: Word | None = None
    base64: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> AttachmentIn:
        if (self.path is None) == (self.base64 is None):
            raise ValueError("give either path or base64")
        if self.base64 is not None and not self.name:
            raise ValueError("give the attachment a name")
        return self


Address = Annotated[str, Field(max_length=_LONGEST)]
Addresses = Annotated[list[Address], Field(max_length=1000)]


class MailIn(BaseModel):
    """One line of `outbox import`. What stands in the fields is judged where the mail is made (sync/decide/compose.py). `inReplyTo` is a
    Message-ID or the number of an activity; `postponeUntil` is in UTC where it names no offset."""

    model_config = _STRICT
    clientKey: Word
    from_: Annotated[Line, Field(alias="from", min_length=1)]
    to: Addresses = []
    cc: Addresses = []
    bcc: Addresses = []
    subject: Annotated[str, Field(max_length=_LONGEST)] = ""
    text: str = ""
    html: str = ""
    attachments: Annotated[list[AttachmentIn], Field(max_length=1000)] = []
    inReplyTo: Annotated[int, Field(ge=1, le=LARGEST_ID)] | Annotated[str, Field(max_length=_LONGEST)] = ""
    sendAs: Line = ""
    postponeUntil: Annotated[str, Field(max_length=40), AfterValidator(_moment)] | None = None
    regarding: RegardingIn | None = None
    draft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment still to be read or typed: `path` or `content` is set. `media_type` may be empty."""

    name: str
    media_type: str
    path: str | None
    content: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailOrder:
    """A mail that is asked for. `draft` is without its attachments. `text` is the line, for columns."""

    client_key: str
    mailbox: str
    draft: Draft
    files: tuple[File, ...]
    text: str

    def column_of(self, *path: str | int) -> int:
        """Where a field stands in the line."""
        return column(self.text, path)


def mail_order(data: bytes) -> MailOrder:
    """One line of a batch. Raises LineError."""
    text, fields = parsed(data)
    try:
        given = MailIn.model_validate(fields)
    except ValidationError as error:
        raise refused(error, text) from error
    files = tuple(_file(one, text, number) for number, one in enumerate(given.attachments))
    about = given.regarding
    draft = Draft(
        to=tuple(given.to),
        cc=tuple(given.cc),
        bcc=tuple(given.bcc),
        subject=given.subject,
        text=given.text,
        html=given.html,
        in_reply_to=given.inReplyTo if isinstance(given.inReplyTo, str) else "",
        reply_to=given.inReplyTo if isinstance(given.inReplyTo, int) else None,
        send_as=given.sendAs,
        postponed_until=instant.parse(given.postponeUntil, "UTC") if given.postponeUntil else None,
        regarding=Regarding(type=about.type, id=about.id, name=about.name) if about else None,
        held=given.draft,
    )
    return MailOrder(client_key=given.clientKey, mailbox=given.from_, draft=draft, files=files, text=text)


def placed(order: MailOrder, error: DraftRefused) -> LineError:
    """What compose refuses, with its place in the line."""
    path = [_NAMES.get(step, step) if isinstance(step, str) else step for step in error.path]
    field = ".".join(map(str, path))
    return LineError(error.message, column=order.column_of(*path), field=field, hint=error.hint)


def _file(given: AttachmentIn, text: str, number: int) -> File:
    content = None
    if given.base64 is not None:
        try:
            content = base64.b64decode(given.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            path = ("attachments", number, "base64")
            raise LineError(
                f"attachments.{number}.base64: this is no base64 ({error})",
                column=column(text, path),
                field=".".join(map(str, path)),
                hint="Encode the file as RFC 4648, section 4 says, without line breaks.",
            ) from error
    return File(name=given.name, media_type=given.mediaType, path=given.path, content=content)
