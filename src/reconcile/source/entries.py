"""Which entries of a tree are documents, and the findings for those that are refused: the same for folders and revisions.

Links are never followed. A tree must mean the same whether it is read as a folder or from git, where a link is only a text.
"""

from __future__ import annotations

from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position

#: Bytes. A mailbox is 14 lines; a file beyond this is a mistake or an attack.
LARGEST_FILE = 1024 * 1024

#: Bytes of a table. A mailbox is a line of some hundred bytes, and lists of a hundred thousand exist.
LARGEST_TABLE = 64 * 1024 * 1024

_EXTENSIONS = (".yaml", ".yml", ".csv")


def is_hidden(name: str) -> bool:
    """Dot files and dot folders belong to tools."""
    return name.startswith(".")


def is_document(name: str) -> bool:
    """By extension, whatever its case."""
    return name.lower().endswith(_EXTENSIONS)


def largest(path: str, largest_document: int) -> int:
    """How large a file may be, in bytes."""
    return max(LARGEST_TABLE, largest_document) if path.lower().endswith((".csv", ".json")) else largest_document


def shown(name: str) -> str:
    """A name with undecodable bytes written as \\xNN, so that it can be printed and encoded."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_utf8(name: str) -> bool:
    """False when the name came with bytes that are not UTF-8."""
    return name.isascii() or not any("\udc80" <= character <= "\udcff" for character in name)


def _error(rule: str, path: str, message: str, hint: str) -> Finding:
    return Finding(rule=rule, severity=Severity.ERROR, message=message, hint=hint, position=Position(shown(path)))


def name_not_utf8(path: str) -> Finding:
    return _error("source/name", path, "the name of this file is not UTF-8", "rename it")


def folder_name_not_utf8(path: str) -> Finding:
    return _error("source/unreadable-folder", path, "the name of this folder is not UTF-8: nothing in it was read", "rename it")


def link(path: str, why: str) -> Finding:
    return _error("source/link", path, f"a symbolic link is not followed ({why})", "put the file itself here, or remove the link")


def link_to_folder(path: str) -> Finding:
    return _error(
        "source/link-to-folder",
        path,
        "a symbolic link to a folder is not followed: nothing in it was read",
        "put the folder itself here, or remove the link",
    )


def not_a_file(path: str, what: str) -> Finding:
    return _error("source/not-a-file", path, f"{what} is not read", "remove it, or give it another extension")


def folder_named_like_a_file(path: str) -> Finding:
    return Finding(
        rule="source/folder-name",
        severity=Severity.INFORMATION,
        message="this is a folder although its name ends like a file",
        hint="rename the folder",
        position=Position(shown(path)),
    )


def too_large(path: str, size: int, limit: int) -> Finding:
    message = f"the file has {size:,} bytes; more than {limit:,} are not read"
    return _error("source/too-large", path, message, "split it into several files")


def unreadable(path: str, why: str) -> Finding:
    return _error("source/unreadable", path, f"the file cannot be read: {why}", "check its permissions")


def unreadable_folder(path: str, why: str) -> Finding:
    return _error("source/unreadable-folder", path, f"the folder cannot be read: {why}", "check its permissions")


def submodule(path: str) -> Finding:
    # A checkout of the same commit may well have its files, so their documents are unknown, not gone.
    return _error(
        "source/submodule",
        path,
        "a submodule is not read: nobody knows what stands in it",
        "copy its files here, or name the Environment's folders without it",
    )
