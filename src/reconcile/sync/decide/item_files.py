"""Attachments of an item as a CRM writes them: base64, a path where files may be read, or one that the record has already. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from reconcile.errors import ReconcileError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.attachment_name import unfit
from reconcile.model.item import Attachment
from reconcile.model.item_json import ItemFormatError

_KNOWN: Final = frozenset({"filename", "mimetype", "filesize", "digest", "base64", "path"})


def no_files(path: str) -> bytes:
    """For where nobody may name files of this machine."""
    raise ItemFormatError((), f"attachment {path!r} is given by its path, and no files are read here: send its content as base64")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesIn:
    """`read` gives a file by its path, `media_type` guesses by a name; `excluded` says why a file of this name, media type and size is not
    wanted, "" when it is."""

    read: Callable[[str], bytes] = no_files
    media_type: Callable[[str], str] = field(default=lambda _: "application/octet-stream")
    excluded: Callable[[str, str, int], str] = field(default=lambda *_: "")


def files_in(given: object, files: FilesIn) -> tuple[object, dict[str, bytes]]:
    """The column as `item_json` reads it, and the bytes that came with it by their digests. Raises ItemFormatError."""
    if not isinstance(given, list):
        return given, {}
    found, contents = list[object](), dict[str, bytes]()
    for number, one in enumerate(given):
        if not isinstance(one, dict) or not one.keys() & {"base64", "path"}:
            found.append(one)
            continue
        made, content = _file(one, files, ("attachments", number))
        contents[made.digest] = content
        found.append({"filename": made.filename, "mimetype": made.mimetype, "filesize": made.filesize, "digest": made.digest})
    return found, contents


def file_of(name: str, media_type: str, content: bytes, files: FilesIn, path: Sequence[str | int] = ()) -> Attachment:
    """An attachment that is new. Raises ItemFormatError for a name that is none, and for what the organization does not want."""
    if why := unfit(name):
        raise ItemFormatError((*path, "filename"), why)
    kind = media_type or files.media_type(name)
    if why := files.excluded(name, kind, len(content)):
        raise ItemFormatError(path, f"{name!r} {why}")
    return Attachment(filename=name, mimetype=kind, filesize=len(content), digest=hashlib.sha256(content).hexdigest())


def _file(one: Mapping[str, Any], files: FilesIn, path: Sequence[str | int]) -> tuple[Attachment, bytes]:
    for key, each in one.items():
        if key not in _KNOWN:
            raise ItemFormatError((*path, key), f"unknown; known are {', '.join(sorted(_KNOWN))}")
        if key != "filesize" and not isinstance(each, str):
            raise ItemFormatError((*path, key), "a text is wanted")
    if "base64" in one and "path" in one:
        raise ItemFormatError((*path, "path"), "give either path or base64")
    content, name = _content(one, files, path), one.get("filename", "")
    if not name and "path" in one:
        name = one["path"].replace("\\", "/").rpartition("/")[2]
    made = file_of(name, one.get("mimetype", ""), content, files, path)
    for key, so in (("filesize", made.filesize), ("digest", made.digest)):
        if key in one and one[key] != so:
            raise ItemFormatError((*path, key), f"the content has {so}")
    return made, content


def _content(one: Mapping[str, Any], files: FilesIn, path: Sequence[str | int]) -> bytes:
    if "base64" in one:
        try:
            return base64.b64decode(one["base64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise ItemFormatError((*path, "base64"), f"this is no base64 ({error}): write it as RFC 4648, section 4 says") from error
    try:
        return files.read(one["path"])
    except (ReconcileError, OSError) as error:
        words = error.message if isinstance(error, ReconcileError) else f"attachment {one['path']!r}: {error.strerror or error}"
        raise ItemFormatError((*path, "path"), words) from error
