"""`reconcile plan --against git:REF`: two revisions compared, with nothing but the repository."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from reconcile.cli.context import Context
from reconcile.errors import DesiredStateError, SettingsError
from reconcile.model.change import Plan
from reconcile.model.finding import Severity
from reconcile.model.resource import DesiredState
from reconcile.model.selection import Selection

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.desired.load import LoadResult

_PREFIX = "git:"
#: What the other revision may lack without being broken: it did not have this environment yet.
_NOT_YET = {"environment/unknown", "environment/missing"}


def plan_against(context: Context, wanted: str, *, lifted: Collection[str], selection: Selection | None) -> Plan | None:
    """None when the estate cannot be used: what is wrong has been said then. Raises DesiredStateError for the other revision."""
    from reconcile.apply.against import against
    from reconcile.cli.estate import load_desired

    revision = wanted.removeprefix(_PREFIX)
    if not wanted.startswith(_PREFIX) or not revision:
        raise SettingsError(f"--against takes git:REF, not {wanted!r}", hint="For example: --against git:origin/main.")
    cache = _cache(context)
    loaded = load_desired(context, cache)
    if loaded is None:
        return None
    base = _base(context, revision, loaded.desired, cache)
    return against(loaded.desired, base, wanted, lifted=lifted, selection=selection)


def _cache(context: Context) -> DocumentCache | None:
    """Parsed documents between runs, unless they would lie in the state directory: that stays untouched."""
    from reconcile.wiring.estate import document_cache

    settings = context.settings
    return None if settings.cache_directory.is_relative_to(settings.state_directory) else document_cache(settings)


def _base(context: Context, revision: str, head: DesiredState, cache: DocumentCache | None) -> DesiredState:
    from reconcile.desired.load import load
    from reconcile.wiring.estate import base_source

    source = base_source(context.directory, revision)
    try:
        commit = source.revision
    except DesiredStateError as error:
        raise DesiredStateError(error.message, hint=_fetch(revision) if "has no revision" in error.message else error.hint) from error
    listing = source.list()
    result = load(
        listing.files,
        listing.findings,
        source.read,
        environment=head.environment,
        source=head.source,
        revision=commit,
        cache=cache,
    )
    return result.desired if result.desired is not None else _nothing_yet(result, head, revision, commit)


def _nothing_yet(result: LoadResult, head: DesiredState, revision: str, commit: str) -> DesiredState:
    """The environment is new. Raises DesiredStateError when it may be there and cannot be read: then nothing is known to be new."""
    errors = [finding for finding in result.findings if finding.severity >= Severity.ERROR and finding.rule not in _NOT_YET]
    if errors:
        first = errors[0]
        raise DesiredStateError(
            f"environment {head.environment} cannot be read at {revision}: {first.position}: {first.message}",
            hint=f"Look at the whole with `reconcile lint --revision {revision}`; compare with a revision that is sound.",
        )
    return DesiredState(
        source=head.source, revision=commit, environment=head.environment, resources={}, locate=lambda key, path: head.locate(key, path)
    )


def _fetch(revision: str) -> str:
    """The command that brings a revision into this clone."""
    if re.fullmatch(r"[0-9a-f]{7,64}", revision):
        return f"Clones of a pipeline have few commits. Fetch it: git fetch origin {revision}, or all with git fetch --unshallow."
    remote, slash, branch = revision.partition("/")
    if slash and remote == "origin":
        return f"Clones of a pipeline have few branches. Fetch it: git fetch origin +refs/heads/{branch}:refs/remotes/origin/{branch}"
    return f"Clones of a pipeline have few branches. Fetch it: git fetch origin {revision}, and compare with git:FETCH_HEAD."
