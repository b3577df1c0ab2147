"""Whom an error concerns, where only the caller of what raised it knows."""

from __future__ import annotations

from reconcile.errors import About, ReconcileError


class concerning:
    """Errors that leave it are about the server, before anything about one mailbox was said, or about what a profile declares."""

    __slots__ = ("_about",)

    def __init__(self, about: About) -> None:
        self._about = about

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ReconcileError):
            error.about = self._about
