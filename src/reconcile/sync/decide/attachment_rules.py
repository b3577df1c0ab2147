"""Which attachments an organization lets out, and which it does not want written to disk."""

from __future__ import annotations

import unicodedata

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec

#: What names are taken for on systems that read them their own way: spaces and full stops at the end are dropped there.
_DROPPED = " .\u00a0\u3000"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentRules:
    """`maximum_size` in octets of the file itself. Extensions and types are in lower case; `allowed_types` empty: all."""

    maximum_size: int | None = None
    blocked_extensions: frozenset[str] = frozenset()
    blocked_types: frozenset[str] = frozenset()
    allowed_types: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.maximum_size is not None or bool(self.blocked_extensions or self.blocked_types or self.allowed_types)


NO_RULES = AttachmentRules()


def attachment_rules(organization: Spec) -> AttachmentRules:
    """`organization` is the applied spec ({} where there is none)."""
    size = organization.get("attachments.maximumSize")
    return AttachmentRules(
        maximum_size=size if isinstance(size, int) else None,
        blocked_extensions=frozenset(one.lstrip(".") for one in _words(organization, "attachments.blockedExtensions")),
        blocked_types=_words(organization, "attachments.blockedMimeTypes"),
        allowed_types=_words(organization, "attachments.allowedMimeTypes"),
    )


def blocked(rules: AttachmentRules, *, name: str, media_type: str, size: int) -> str:
    """Why an attachment is not wanted, in words that name the setting; "" when it is. `name` as a stranger wrote it."""
    if rules.maximum_size is not None and size > rules.maximum_size:
        return f"has {size:,} octets, attachments.maximumSize is {rules.maximum_size:,}"
    for extension in extensions(name):
        if extension in rules.blocked_extensions:
            return f"ends in .{extension}, which attachments.blockedExtensions names"
    kind = media_type.partition(";")[0].strip().lower()
    if kind in rules.blocked_types:
        return f"is {kind}, which attachments.blockedMimeTypes names"
    if rules.allowed_types and kind not in rules.allowed_types:
        return f"is {kind}, which attachments.allowedMimeTypes does not name"
    return ""


def extensions(name: str) -> tuple[str, ...]:
    """What somebody's system may take for the extension, in lower case: the last one, and that of what a colon or a NUL would cut off.
    Characters nobody sees are left out, those of full width are taken for what they look like."""
    shown = "".join(one for one in unicodedata.normalize("NFKC", name) if unicodedata.category(one) not in ("Cf", "Cs", "Co", "Cn"))
    found = []
    for text in (shown, shown.partition(":")[0], shown.partition("\0")[0]):
        _, dot, last = text.rstrip(_DROPPED).rpartition(".")
        if dot:
            found.append("".join(one for one in last.lower() if not unicodedata.category(one).startswith("C")).strip())
    return tuple(dict.fromkeys(found))


def _words(spec: Spec, path: str) -> frozenset[str]:
    leaf = spec.get(path)
    return frozenset(str(one).lower() for one in leaf) if isinstance(leaf, tuple) else frozenset()
