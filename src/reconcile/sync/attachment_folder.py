"""Attachments by path: files below one folder. A batch comes from elsewhere and must not mail this machine's secrets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from reconcile.errors import UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.sync.decide.draft import LARGEST


@dataclass(frozen=True, slots=True)
class AttachmentFolder:
    """`folder` exists."""

    folder: Path

    def read(self, path: str) -> bytes:
        """Raises UserError for a path that leads out of the folder, by whatever links, and for what is no regular file."""
        folder = self.folder.resolve()
        try:
            found = (folder / path).resolve(strict=True)
            if not found.is_relative_to(folder):
                raise UserError(f"attachment {path!r} lies outside of {self.folder}", hint="Put the file below that folder.")
            # O_NONBLOCK: a named pipe is refused below and must not block here. O_NOFOLLOW: links were followed above.
            with open(os.open(found, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123  flags of ours
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise UserError(f"attachment {path!r} is no regular file", hint="Name a file.")
                data = file.read(LARGEST + 1)
        except (OSError, ValueError, RuntimeError) as error:  # a NUL in the path; a loop of links before Python 3.13
            words = error.strerror if isinstance(error, OSError) and error.strerror else "no usable path"
            raise UserError(f"attachment {path!r}: {words}", hint=f"Put the file below {self.folder}.") from error
        if len(data) > LARGEST:
            raise UserError(f"attachment {path!r} has more than {LARGEST:,} octets", hint="Send a link instead.")
        return data
