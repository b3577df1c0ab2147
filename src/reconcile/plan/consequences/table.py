"""What a change means for the mail, in words. One table a kind: which fields, and the function that finds the words.

A function gets the spec before and after (defaults of what is not declared filled in by the reading of the target) and answers
with one sentence, or "" when nothing follows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from reconcile.model.canonical import Spec
from reconcile.model.engine_support import unheard
from reconcile.model.key import Key
from reconcile.plan.consequences.email_server_profile import PROFILE
from reconcile.plan.consequences.environment import ENVIRONMENT
from reconcile.plan.consequences.mailbox import MAILBOX, mailbox_state
from reconcile.plan.consequences.organization import ORGANIZATION
from reconcile.plan.consequences.words import Before, Rule, Surroundings, is_active, mailboxes, text

TABLE: Mapping[str, tuple[Rule, ...]] = {
    "Mailbox": MAILBOX,
    "EmailServerProfile": PROFILE,
    "Organization": ORGANIZATION,
    "Environment": ENVIRONMENT,
}


def touches(rule: tuple[str, ...], paths: Collection[str]) -> bool:
    """Whether one of the paths is among those of a rule ("oauth.*")."""
    return any(path in paths if not path.endswith("*") else any(other.startswith(path[:-1]) for other in paths) for path in rule)


def of_change(key: Key, old: Spec, new: Spec, paths: Collection[str], around: Surroundings) -> tuple[str, ...]:
    """Of a create (`old` empty, `paths` everything declared), an adoption or an update."""
    before = Before(key=key, old=old, new=new, around=around)
    if key.kind == "Mailbox" and "state" in paths and not is_active(new):
        # Directions of an inactive mailbox do nothing, so only this is said of them.
        return tuple(filter(None, (mailbox_state(before),)))
    rules = TABLE.get(key.kind, ())
    if around.engine:
        # What the engine cannot do is noted by name, and nothing follows from it.
        paths = [path for path in paths if path not in unheard(key.kind)]
    found = (rules[number][1](before) for number in sorted({number for path in paths for number in _rules(key.kind, path)}))
    return tuple(dict.fromkeys(text for text in found if text))


@lru_cache(maxsize=4096)
def _rules(kind: str, path: str) -> tuple[int, ...]:
    """The same few paths come with every resource."""
    return tuple(number for number, (rule, _) in enumerate(TABLE.get(kind, ())) if touches(rule, (path,)))


def of_delete(key: Key, before: Spec) -> tuple[str, ...]:
    """Of a delete, as far as the resource alone tells."""
    match key.kind:
        case "Mailbox":
            return (f"incoming and outgoing mail of {text(before.get('emailAddress'), key.name)} stop; already tracked mail stays",)
        case "Environment":
            return ("nobody may be mailed",)
        case _:
            return ()


def of_lost_profile(users: int) -> tuple[str, ...]:
    """Of the delete of a profile that mailboxes will still refer to."""
    return (f"{mailboxes(users)} lose{'s' if users == 1 else ''} the profile: incoming and outgoing mail stop",)


def of_left_behind(users: int, name: Key, *, taken: bool) -> str:
    """Of a profile that mailboxes will still refer to by its old name; `taken`: another one has that name from now on."""
    what = "move to the server of the new one" if taken else "stop"
    return f"{mailboxes(users)} still refer{'s' if users == 1 else ''} to {name.name}: incoming and outgoing mail {what}"


def of_forget(key: Key) -> tuple[str, ...]:
    """Of a row that stays where it is and is no longer ours."""
    match key.kind:
        case "Mailbox":
            return ("stays on the target as it is: its mail moves on, and git no longer changes it",)
        case _:
            return ("stays on the target as it is, and git no longer changes it",)


def of_rotation(key: Key, around: Surroundings) -> tuple[str, ...]:
    """Of a secret whose value is another one."""
    if key.kind == "EmailServerProfile":
        count = around.mailboxes.get(key.name, 0)
        return (f"{mailboxes(count)} connect{'s' if count == 1 else ''} with the new value",)
    return ("connects with the new value",)
