"""Mailboxes from a table: a CSV file that says who, and one document that says what its columns mean.

Not a row of any target: each line of the table is a mailbox of its own, as if it stood in a document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import StringConstraints

from reconcile.model.document import Document, Spec, required, setting
from reconcile.model.mailbox import MailboxSettings
from reconcile.model.problem import Problem
from reconcile.model.text import ONE_LINE_PATTERN

#: Path of a CSV file: relative, forward slashes, no control characters.
TABLE_PATH_PATTERN = r"^[^\x00-\x1f\x7f-\x9f/\\][^\x00-\x1f\x7f-\x9f\\]*\.[cC][sS][vV]$"

COLUMN_PATTERN = r"^[A-Za-z][A-Za-z0-9_./-]*$"

TablePath: TypeAlias = Annotated[str, StringConstraints(pattern=TABLE_PATH_PATTERN, max_length=1024)]
Header: TypeAlias = Annotated[str, StringConstraints(pattern=ONE_LINE_PATTERN)]
#: A field of Mailbox as in `spec`, or one beside it with its group in front.
ColumnPath: TypeAlias = Annotated[str, StringConstraints(pattern=COLUMN_PATTERN, max_length=300)]


class MailboxListSpec(Spec):
    """One table."""

    file: TablePath = required("The CSV file, relative to the folder of this document; it lies inside the estate.", examples=("staff.csv",))
    delimiter: Literal[",", ";", "\t", "|"] = setting("What stands between two cells.", default=",", examples=(";",))
    columns: dict[Header, ColumnPath | None] = required(
        "Header of each column → what it gives: a field of Mailbox (emailAddress), metadata.name, metadata.labels.NAME, "
        "metadata.annotations.NAME or management.NAME; null for a column that is not used.",
        examples=({"E-Mail": "emailAddress", "Team": "metadata.labels.team"},),
    )
    settings: MailboxSettings = setting(
        "Fields of every mailbox of the table; a cell that is not empty wins.", default=MailboxSettings.model_construct()
    )


class MailboxList(Document):
    """Mailboxes from a CSV file."""

    kind: Literal["MailboxList"] = required("MailboxList.")
    spec: MailboxListSpec = required("What is wanted.")


def problems(spec: MailboxListSpec) -> Iterator[Problem]:
    """Columns that give the same, or no address."""
    first: dict[str, str] = {}
    for header, path in spec.columns.items():
        if path is not None and (before := first.setdefault(path, header)) != header:
            yield Problem("columns", f"the columns {before!r} and {header!r} both give {path}: keep one")
    if "emailAddress" not in first:
        yield Problem("columns", "no column gives emailAddress, without which there is no mailbox")
