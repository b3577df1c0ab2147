"""The `management` part of a document, decoded, and what of it names nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from reconcile.desired.suggest import did_you_mean
from reconcile.desired.wording import Fault, show
from reconcile.desired.yaml import Path
from reconcile.model import kinds
from reconcile.model.canonical import Spec
from reconcile.model.document import Document, ManagementSettings
from reconcile.model.environment import Environment
from reconcile.model.key import APPLIED_KINDS
from reconcile.model.management import UNMANAGED, Management, OnRemoval, covers
from reconcile.model.resource import Lifecycle


def decoded(settings: ManagementSettings, ignored: tuple[str, ...]) -> Management:
    """The group as the rest of the house sees it; `ignored` is what the environment adds for the kind."""
    own = settings.ignore or ()
    return Management(
        on_removal=None if settings.on_removal is None else OnRemoval(settings.on_removal),
        protected=settings.protect,
        ignored=(*own, *(path for path in ignored if path not in own)),
        moved_from=settings.moved_from,
    )


@lru_cache(maxsize=64)
def inherited(ignored: tuple[str, ...]) -> Management:
    """That of a document without the group."""
    return Management(ignored=ignored) if ignored else UNMANAGED


def lifecycle(kind: str, settings: ManagementSettings) -> Lifecycle:
    """Whose it is: as declared, or as the kind has it."""
    return Lifecycle.EXTERNAL if settings.lifecycle == "external" else kinds.lifecycle(kind)


def ignored_by(environment: Spec) -> Mapping[str, tuple[str, ...]]:
    """Kind → fields that the environment leaves to others."""
    return {
        path.removeprefix("ignore."): leaf for path, leaf in environment.items() if path.startswith("ignore.") and isinstance(leaf, tuple)
    }


def all_faults(document: Document) -> Iterator[Fault]:
    """What the models cannot know of a decoded document: whether names of fields name any, and fit whose it is."""
    yield from faults(document.kind, document.management)
    if isinstance(document, Environment):
        ignore = document.spec.ignore
        for kind, patterns in (
            ("Mailbox", ignore.mailbox),
            ("EmailServerProfile", ignore.email_server_profile),
            ("Organization", ignore.organization),
        ):
            yield from unknown_fields(kind, patterns or (), ("spec", "ignore", kind))


def faults(kind: str, settings: ManagementSettings) -> Iterator[Fault]:
    """What cannot be meant: fields that the kind does not have, a slug moved to itself, an environment of somebody else."""
    if kind not in APPLIED_KINDS:
        message = f"a {kind} is no row of a target: there is nothing to manage"
        yield Fault(("management",), True, "fields/combination", message, "remove management; write it in the documents of the mailboxes")
        return
    yield from unknown_fields(kind, settings.ignore or (), ("management", "ignore"))
    if kind == "Environment" and settings.lifecycle == "external":
        message = "an Environment is what is applied together: it cannot belong to somebody else"
        yield Fault(("management", "lifecycle"), False, "fields/combination", message, "remove the line")
    if settings.lifecycle == "external":
        for name, value in (("onRemoval", settings.on_removal), ("movedFrom", settings.moved_from)):
            if value is not None:
                message = f"management.{name} steers what is written, and nothing is written of what is external"
                yield Fault(("management", name), False, "fields/combination", message, "remove the line")


def unknown_fields(kind: str, patterns: Iterable[str], path: Path) -> Iterator[Fault]:
    """Patterns that no field of the kind fits."""
    for number, pattern in enumerate(patterns):
        known = kinds.ignorable(kind)
        if not any(covers((pattern,), one) for one in known):
            message = f"{kind} has no field {show(pattern, ())}"
            hint = (
                did_you_mean(pattern, known)
                or f"name fields of {kind} as in `spec`, such as {known[0]}, or with *, such as {_group(known)}"
            )
            yield Fault((*path, number), False, "management/unknown-field", message, hint)


def _group(known: Iterable[str]) -> str:
    return next((f"{path.partition('.')[0]}.*" for path in known if "." in path), "*")
