"""What the words about a change are made from: the resource before and after, and what stands around it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.key import Key
from reconcile.plan.circumstances import Count, unknown

#: Mailboxes of a profile that are on the target: external id and the mailbox's own floor ("" for none).
Riders = Callable[[str], Iterable[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the words need to know beyond the resource: mailboxes a profile has in desired state, profiles as they will be, and
    the old slug of renamed profiles. `external_id` finds the row of a mailbox, "" for none; `riders` those of a profile
    (None: not known). `engine`: the mail is our own engine's, which cannot do everything that can be declared.
    `organization` is the Organization's spec as it will be."""

    mailboxes: Mapping[str, int] = field(default_factory=dict)
    profiles: Mapping[str, Spec] = field(default_factory=dict)
    renamed_profiles: Mapping[str, str] = field(default_factory=dict)
    external_id: Callable[[Key], str] = lambda key: ""
    riders: Riders | None = None
    messages: Count = unknown
    engine: bool = False
    organization: Spec = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """One resource on its way from `old` to `new`. Both are flat specs; `old` is empty on create."""

    key: Key
    old: Spec
    new: Spec
    around: Surroundings

    def words(self, path: str, default: str = "") -> tuple[str, str]:
        """Both values as text, for comparing."""
        return text(self.old.get(path), default), text(self.new.get(path), default)

    def moved(self, path: str) -> tuple[str, str] | None:
        """Both values when there was one before and it is another now."""
        old, new = self.words(path)
        return (old, new) if self.old and old != new else None

    @property
    def count(self) -> str:
        """ "3 mailboxes": those of this profile."""
        return mailboxes(self.around.mailboxes.get(self.key.name, 0))


Words: TypeAlias = Callable[[Before], str]
Rule: TypeAlias = tuple[tuple[str, ...], Words]


def text(leaf: Leaf, default: str = "") -> str:
    """A leaf for comparing and showing."""
    if leaf is None:
        return default
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return ", ".join(leaf) if isinstance(leaf, tuple) else str(leaf)


def mailboxes(count: int) -> str:
    """ "1,240 mailboxes"."""
    return "1 mailbox" if count == 1 else f"{count:,} mailboxes"


def messages(count: int | None) -> str:
    """ "1,240 messages", or that nobody counted."""
    if count is None:
        return "unknown number of messages"
    return "1 message" if count == 1 else f"{count:,} messages"


def some(items: Collection[str]) -> str:
    """The first five."""
    shown = list(items)[:5]
    return ", ".join(shown) + (f" and {len(items) - 5} more" if len(items) > 5 else "")


def floor(new: Spec, around: Surroundings) -> str:
    """The date before which mail is not read: the later of mailbox and profile, "" for none. Canonical instants sort as text."""
    profile = around.profiles.get(text(new.get("profile")), {})
    return max(text(new.get("processEmailFrom")), text(profile.get("processEmailFrom")))


def is_active(spec: Spec) -> bool:
    """What has no state is active."""
    return text(spec.get("state"), "active") == "active"


def moved_floor(b: Before, where: str, counted: Callable[[str, str], int | None]) -> str:
    """A date before which mail is not read; `counted` gets from when and until when mail is read again."""
    both = b.moved("processEmailFrom")
    if both is None:
        return ""
    old, new = both
    if not new:
        return f"mail from before {old} is read again{where}: {messages(counted('', old))}"
    if not old or new > old:
        return f"mail before {new} is no longer read{where}"
    return f"mail from {new} is read again{where}: {messages(counted(new, old))}"
