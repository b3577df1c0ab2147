"""Edits that mend findings: only of a field that its own document writes, or that nobody writes; never without proof. Pure.

What others give (an assignment, a provider, a table, another layer) is not edited: one line there means many resources, so it is told in
words. Whether an edit does what it should is found out by judging the estate with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final, NamedTuple

from reconcile.desired.edit import Change, Edit, Refused, edit_documents
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding
from reconcile.model.fingerprint import fingerprint
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState, Resource

#: What is said about the book-keeping of findings changes with them.
_BOOKKEEPING: Final = "baseline/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Edits of one document in one file. `findings` are all that they mend, `fields` the paths in the canonical spec of `key`."""

    file: str
    key: Key
    edits: tuple[Edit, ...]
    fields: tuple[str, ...]
    findings: tuple[Finding, ...]


class Suggestion(NamedTuple):
    """What a person may do where nothing is edited."""

    finding: Finding
    words: str


class Judged(NamedTuple):
    """What an estate gives: its findings, and its environments by name."""

    findings: Sequence[Finding]
    states: Mapping[str, DesiredState]


@dataclass(slots=True, kw_only=True)
class Mending:
    """`fixes` are proved, `contents` the files with all of them."""

    fixes: list[Fix] = field(default_factory=list)
    suggestions: list[Suggestion] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)


def mend(
    proposed: Iterable[Fix], before: Judged, content: Callable[[str], bytes | None], judge: Callable[[Mapping[str, bytes]], Judged]
) -> Mending:
    """`content` gives the octets of a file, `judge` what the estate gives with other contents in some files.

    All are proved together, and apart where that fails, so that none is offered that does not hold.
    """
    work = _Work(before=before, content=content, judge=judge)
    work.prove(work.possible(work.without_conflicts(_joined(proposed))))
    return work.mending


def _joined(proposed: Iterable[Fix]) -> list[Fix]:
    """The same edit for several findings is one."""
    joined: dict[tuple[str, Key, tuple[Edit, ...]], Fix] = {}
    for one in proposed:
        same = (one.file, one.key, one.edits)
        before = joined.get(same)
        findings = one.findings if before is None else tuple(dict.fromkeys((*before.findings, *one.findings)))
        joined[same] = Fix(file=one.file, key=one.key, edits=one.edits, fields=one.fields, findings=findings)
    return [*joined.values()]


@dataclass(slots=True, kw_only=True)
class _Work:
    before: Judged
    content: Callable[[str], bytes | None]
    judge: Callable[[Mapping[str, bytes]], Judged]
    mending: Mending = field(default_factory=Mending)
    made: dict[tuple[Fix, ...], bytes] = field(default_factory=dict)

    def without_conflicts(self, fixes: Iterable[Fix]) -> list[Fix]:
        """Of two that want the same field differently the first."""
        taken: dict[tuple[str, Key], list[tuple[Edit, Fix]]] = {}
        kept = []
        for one in fixes:
            there = taken.setdefault((one.file, one.key), [])
            clash = next((owner for other, owner in there for change in one.edits if _contradict(change, other)), None)
            if clash is not None:
                rule = clash.findings[0].rule
                self._say(one, f"the edit contradicts that of {rule} in the same document; decide which of the two rules is to hold")
                continue
            there += [(change, one) for change in one.edits]
            kept.append(one)
        return kept

    def possible(self, fixes: Sequence[Fix]) -> list[Fix]:
        """Those that can be written at all: a whole file at once, and each by itself where that fails."""
        by_file: dict[str, list[Fix]] = {}
        for one in fixes:
            by_file.setdefault(one.file, []).append(one)
        refused: dict[Fix, str] = {}
        for file, several in by_file.items():
            if len(several) == 1 or isinstance(self._file(file, tuple(several)), str):
                alone = ((one, self._file(file, (one,))) for one in several)
                refused.update({one: result for one, result in alone if isinstance(result, str)})
        for one, why in refused.items():
            self._say(one, why)
        return [one for one in fixes if one not in refused]

    def prove(self, batch: Sequence[Fix]) -> None:
        """Take the whole batch where it does what it should; else those apart that seem to be at fault, else its halves."""
        if not batch:
            return
        together = [*self.mending.fixes, *batch]
        contents, why = self._edited(together)
        suspects: set[Fix] = set()
        if not why:
            why, suspects = self._why_not(together, contents)
        if not why:
            self.mending.fixes += batch
            self.mending.contents = contents
        elif len(batch) == 1:
            self._say(batch[0], why)
        elif 0 < len(suspects & {*batch}) < len(batch):
            self.prove([one for one in batch if one not in suspects])
            self.prove([one for one in batch if one in suspects])
        else:
            middle = len(batch) // 2
            self.prove(batch[:middle])
            self.prove(batch[middle:])

    def _edited(self, fixes: Iterable[Fix]) -> tuple[dict[str, bytes], str]:
        by_file: dict[str, list[Fix]] = {}
        for one in fixes:
            by_file.setdefault(one.file, []).append(one)
        contents: dict[str, bytes] = {}
        for file, several in by_file.items():
            result = self._file(file, tuple(several))
            if isinstance(result, str):
                return {}, result
            contents[file] = result
        return contents, ""

    def _file(self, file: str, fixes: tuple[Fix, ...]) -> bytes | str:
        """A file with these edits, or why there is none. What was made is kept: halves of a batch ask again."""
        known = self.made.get(fixes)
        if known is not None:
            return known
        data = self.content(file)
        if data is None:
            return f"{file} cannot be read"
        edits: dict[Key, list[Edit]] = {}
        for one in fixes:
            edits.setdefault(one.key, []).extend(one.edits)
        changes = [Change(key.kind, key.name, tuple(dict.fromkeys(of))) for key, of in edits.items()]
        result = edit_documents(data, file=file, changes=changes)
        if isinstance(result, Refused):
            return result.why
        if result == data:
            gone = all(change.value is None for one in fixes for change in one.edits)
            return "it is written nowhere" if gone else "the field has this value already"
        data = result
        self.made[fixes] = data
        return data

    def _why_not(self, fixes: Sequence[Fix], contents: Mapping[str, bytes]) -> tuple[str, set[Fix]]:
        """Why these edits are not all right, and which seem to be at fault; the latter only saves time."""
        after = self.judge(contents)
        left = {fingerprint(finding) for finding in after.findings if finding.counts}
        useless = {one for one in fixes if any(fingerprint(finding) in left for finding in one.findings)}
        if useless:
            return "the edit would not make the finding go away", useless
        new = _marks(after.findings) - _marks(self.before.findings)
        if new:
            rule, about = min((rule, about) for _, _, rule, about in new)
            named = {about for _, _, _, about in new}
            return f"the edit would bring another finding: {rule}" + (f" on {about}" if about else ""), {
                one for one in fixes if str(one.key) in named
            }
        return _other_change(self.before.states, after.states, fixes), set()

    def _say(self, one: Fix, why: str) -> None:
        for finding in one.findings:
            self.mending.suggestions.append(Suggestion(finding, f"{words_of(one)}; nothing is edited, because {why}"))


def words_of(one: Fix) -> str:
    """What its edits do, for people."""
    said = []
    for change, path in zip(one.edits, one.fields, strict=True):
        said.append(f"remove {path}" if change.value is None else f"set {path}: {shown(change.value)}")
    return f"{' and '.join(said)} in {one.key}"


def shown(value: str | int | bool) -> str:
    """As YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _contradict(one: Edit, other: Edit) -> bool:
    shorter = min(len(one.path), len(other.path))
    return one != other and one.path[:shorter] == other.path[:shorter]


_Mark = tuple[str, int, str, str]


def _marks(findings: Iterable[Finding]) -> Counter[_Mark]:
    """Findings without their words and lines, which any edit may move."""
    return Counter(
        (fingerprint(one), int(one.severity) if one.counts else 0, one.rule, str(one.resource or one.position.file))
        for one in findings
        if not one.rule.startswith(_BOOKKEEPING)
    )


def _other_change(before: Mapping[str, DesiredState], after: Mapping[str, DesiredState], fixes: Iterable[Fix]) -> str:
    meant: dict[Key, set[str]] = {}
    for one in fixes:
        meant.setdefault(one.key, set()).update(one.fields)
    if before.keys() != after.keys():
        return "the edit would make an environment unusable"
    for name, old in before.items():
        new = after[name]
        if old.resources.keys() != new.resources.keys() or old.held.keys() != new.held.keys():
            return f"the edit would take something out of {name}"
        for key, was in old.resources.items():
            now = new.resources[key]
            if was.spec == now.spec and _beside(was) == _beside(now):
                continue
            paths = {path for path in {*was.spec, *now.spec} if was.spec.get(path, was) != now.spec.get(path, now)}
            others = sorted(path for path in paths if not any(path == one or path.startswith(f"{one}.") for one in meant.get(key, ())))
            if others or _beside(was) != _beside(now):
                return f"the edit would change {others[0] if others else 'more'} of {key} too"
    return ""


def _beside(one: Resource) -> tuple[object, ...]:
    return one.labels, one.annotations, one.lifecycle, one.management, one.external_id
