"""What a document or file with errors may assign: nothing may change because it is left out. Pure.

A bad MailboxAssignment whose selector can be read means the mailboxes of that selector, any other means all. So does a file that was
not read to its end and holds the word MailboxAssignment. Of a file of which nothing can be read nobody knows what it declares: there
only mailboxes wait that live on assignments, because they are given something or have no profile of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pydantic import ValidationError

from reconcile.desired.documents import SourceDocument
from reconcile.desired.selector import ANY, Selector, selector
from reconcile.desired.yaml import Value
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.canonical import Spec
from reconcile.model.key import API_VERSION, KINDS

_KIND = "MailboxAssignment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Mailboxes that must wait, and why. `needy`: only those that live on assignments."""

    selector: Selector
    why: str
    needy: bool = False

    def holds(self, own: Spec, assigned: bool) -> bool:
        """Whether a selected mailbox waits, given what its document says and whether something is assigned to it."""
        return self.selector.declared and (not self.needy or assigned or "profile" not in own)


def of_document(document: SourceDocument, *, time_zone: str) -> Suspect | None:
    """Of a document that cannot be used; None when it is none that could assign anything."""
    value = document.value()
    known = document.kind == _KIND
    if not known and not (document.kind not in KINDS and _selects(value)):
        return None
    readable = known and not document.broken and document.api_version == API_VERSION
    found = _selector(value, time_zone) if readable else None
    called = f"{_KIND}/{document.name}" if known and document.name else "an assignment"
    where = f"{document.file}:{document.line}"
    return Suspect(selector=ANY if found is None else found, why=f"{called} ({where}) has errors and may give it settings")


def of_files(unread: Iterable[str], content: Callable[[str], bytes | None]) -> Iterator[Suspect]:
    """Of files that were not read to their end. `content` gives the octets of a file, None where they cannot be had."""
    for file in sorted(unread):
        octets = content(file)
        why = f"{file} could not be read, and may declare an assignment that gives it settings"
        if octets is None:
            yield Suspect(selector=ANY, why=why, needy=True)
        # NUL octets: a file in UTF-16 is no text to us, but the word is there.
        elif _KIND.encode() in octets.replace(b"\0", b""):
            yield Suspect(selector=ANY, why=why)


def _selects(value: Value) -> bool:
    spec = value.get("spec") if isinstance(value, dict) else None
    return isinstance(spec, dict) and "selector" in spec


def _selector(value: Value, time_zone: str) -> Selector | None:
    """The selector of a bad assignment, where nothing is wrong with it."""
    spec = value.get("spec") if isinstance(value, dict) else None
    chosen = spec.get("selector") if isinstance(spec, Mapping) else None
    if not isinstance(chosen, dict) or "${" in str(chosen):
        return None
    alone = {
        "apiVersion": API_VERSION,
        "kind": _KIND,
        "metadata": {"name": "x"},
        "spec": {"selector": chosen, "settings": {"state": "active"}},
    }
    try:
        return selector(kinds.canonical(kinds.decode(_KIND, alone, time_zone=time_zone)))
    except ValidationError:
        return None
