"""One example of a rule, read as the small estate that it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from reconcile.desired.estate import Read, read_estate
from reconcile.desired.load import resolve
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.policy_rule import RuleExample
from reconcile.model.resource import DesiredState

#: The file that `documents` stands for, and the moment of examples that name none.
FILE: Final = "example.yaml"
TODAY: Final = datetime(2026, 11, 22, tzinfo=UTC)
#: Takes part where the documents declare no Environment.
_ENVIRONMENT: Final = b"apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: example}\nspec: {timeZone: UTC}\n"
_ENVIRONMENT_FILE: Final = "example-environment.yaml"


class _File(NamedTuple):
    path: str
    content_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What rules look at: the environment that is meant, and the others of the example."""

    desired: DesiredState
    others: tuple[DesiredState, ...]
    today: datetime


def read_example(example: RuleExample) -> Example | str:
    """The example as rules see it, or why it cannot be looked at (in words, with the line)."""
    contents = {name: text.encode() for name, text in example.files.items()}
    if example.documents is not None:
        contents[FILE] = example.documents.encode()
    if not contents:
        return "it has neither documents nor files"
    estate = read_estate([_File(name) for name in contents], (), _reader(contents))
    if not estate.environments.named:
        contents[_ENVIRONMENT_FILE] = _ENVIRONMENT
        estate = read_estate([_File(name) for name in contents], (), _reader(contents))
    names: Sequence[str | None] = estate.environments.named or (None,)
    found = {name: resolve(estate, environment=name, source="example", revision="") for name in names}
    for result in found.values():
        errors = [finding for finding in result.findings if finding.severity is Severity.ERROR]
        if errors:
            return f"{errors[0].position.file}:{errors[0].position.line}: {errors[0].message} ({errors[0].rule})"
    wanted = example.environment or (names[0] if len(names) == 1 else None)
    if wanted is None:
        return f"it has several environments ({', '.join(map(str, names))}); say with environment: which is looked at"
    desired = found[wanted].desired if wanted in found else None
    if desired is None:
        return f"it has no environment {wanted!r}"
    others = tuple(result.desired for name, result in found.items() if name != wanted and result.desired is not None)
    return Example(desired=desired, others=others, today=example.today or TODAY)


def read_before(example: RuleExample, after: Example) -> Example | str:
    """What was applied before, or why it cannot be looked at. Where `before` declares no Environment, those of the example were."""
    if example.before is None:
        return replace(after, desired=replace(after.desired, resources={}))
    texts = [*example.files.values(), *([example.documents] if example.documents is not None else [])]
    parts = () if _ENVIRONMENTS.search(example.before) else (part for text in texts for part in _PARTS.split(text))
    documents = "\n---\n".join((example.before, *(part for part in parts if _ENVIRONMENTS.search(part))))
    found = read_example(example.model_copy(update={"documents": documents, "files": {}}))
    return f"before: {found}" if isinstance(found, str) else found


_PARTS: Final = re.compile(r"^---\s*$", re.MULTILINE)
_ENVIRONMENTS: Final = re.compile(r"^kind: Environment\s*$", re.MULTILINE)


def _reader(contents: Mapping[str, bytes]) -> Read[_File]:
    def read(files: Iterable[_File]) -> Iterator[tuple[_File, bytes | Finding]]:
        return ((file, contents[file.path]) for file in files)

    return read
