"""`--only` and `--exclude`, the same for every command that plans."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from reconcile.model.selection import Selection

_FORMS = "Kind, Kind/GLOB, GLOB of a slug, or LABEL=VALUE; may be repeated."


def selecting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds both options; the command gets them as `selection`, None when neither was given."""

    @functools.wraps(function)
    def with_selection(*arguments: Any, only: tuple[str, ...], exclude: tuple[str, ...], **options: Any) -> Any:
        selection = Selection(only=only, exclude=exclude) if only or exclude else None
        return function(*arguments, selection=selection, **options)

    excluding = click.option("--exclude", multiple=True, metavar="PATTERN", help=f"All but these. {_FORMS}")
    return click.option("--only", multiple=True, metavar="PATTERN", help=f"Only these resources. {_FORMS}")(excluding(with_selection))
