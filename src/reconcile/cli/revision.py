"""The desired state of another revision of the estate, beside the one that is worked with. Reads the repository only."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from reconcile.cli.context import Context
from reconcile.errors import DesiredStateError
from reconcile.model.finding import Severity
from reconcile.model.resource import DesiredState

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.desired.load import LoadResult

#: What another revision may lack without being broken: it did not have this environment yet.
NOT_YET = {"environment/unknown", "environment/missing"}


def untouched_cache(context: Context) -> DocumentCache | None:
    """Parsed documents between runs, unless they would lie in the state directory: that stays untouched."""
    from reconcile.wiring.estate import document_cache

    settings = context.settings
    return None if settings.cache_directory.is_relative_to(settings.state_directory) else document_cache(settings)


def state_at(context: Context, revision: str, head: DesiredState, cache: DocumentCache | None) -> DesiredState:
    """The same environment there; nothing at all where it was not declared yet.

    Raises DesiredStateError when there is no such revision, or the environment cannot be read there.
    """
    from reconcile.desired.load import load
    from reconcile.wiring.estate import base_source

    source = base_source(context.directory, revision)
    try:
        commit = source.revision
    except DesiredStateError as error:
        raise DesiredStateError(error.message, hint=fetch_hint(revision) if "has no revision" in error.message else error.hint) from error
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
    return result.desired if result.desired is not None else _not_yet(result, head, revision, commit)


def nothing_at(head: DesiredState, revision: str) -> DesiredState:
    """Where nothing was declared."""
    return DesiredState(
        source=head.source, revision=revision, environment=head.environment, resources={}, locate=lambda key, path: head.locate(key, path)
    )


def _not_yet(result: LoadResult, head: DesiredState, revision: str, commit: str) -> DesiredState:
    """The environment is new. Raises DesiredStateError when it may be there and cannot be read: then nothing is known to be new."""
    errors = [finding for finding in result.findings if finding.severity >= Severity.ERROR and finding.rule not in NOT_YET]
    if errors:
        first = errors[0]
        raise DesiredStateError(
            f"environment {head.environment} cannot be read at {revision}: {first.position}: {first.message}",
            hint=f"Look at the whole with `reconcile lint --revision {revision}`; choose a revision that is sound.",
        )
    return nothing_at(head, commit)


def fetch_hint(revision: str) -> str:
    """The command that brings a revision into this clone."""
    if re.fullmatch(r"[0-9a-f]{7,64}", revision):
        return f"Clones of a pipeline have few commits. Fetch it: git fetch origin {revision}, or all with git fetch --unshallow."
    if re.search(r"[~^@:{]", revision):
        return "The history here may be shorter: git log --oneline shows it; git fetch --unshallow brings what a shallow clone lacks."
    if revision.startswith("-") or re.search(r"\s", revision):
        # A command that is copied from here must not be another one.
        return "No branch, tag or commit is called so: git branch --all and git tag list those that are here."
    remote, slash, branch = revision.partition("/")
    if slash and remote == "origin":
        what = shlex.quote(f"+refs/heads/{branch}:refs/remotes/origin/{branch}")
        return f"Clones of a pipeline have few branches. Fetch it: git fetch origin {what}"
    return f"Clones of a pipeline have few branches. Fetch it: git fetch origin {shlex.quote(revision)}, and name it FETCH_HEAD."
