"""Whom an error concerns, where only the caller of what raised it knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconcile.errors import About, ReconcileError


@contextmanager
def concerning(about: About) -> Iterator[None]:
    """Errors that leave it are about the server, before anything about one mailbox was said, or about what a profile declares."""
    try:
        yield
    except ReconcileError as error:
        error.about = about
        raise
