"""What a changed field of the environment means for the mail."""

from __future__ import annotations

from reconcile.plan.consequences.words import Before, Rule, Words, some, text
from reconcile.plan.list_change import list_change


def _recipients(b: Before) -> str:
    old, new = b.old.get("allowedRecipients"), b.new.get("allowedRecipients")
    before = old if isinstance(old, tuple) else ()
    after = new if isinstance(new, tuple) else ()
    added, removed = list_change(before, after) if before != after else ((), ())
    if "*" in added:
        return "mail may now reach everybody"
    parts = [f"mail may now reach {some(added)}"] if added else []
    if removed:
        parts.append("mail may no longer reach " + ("everybody" if "*" in removed else some(removed)))
    if not after and before:
        parts.append("nobody may be mailed")
    return "; ".join(parts)


def _senders(b: Before) -> str:
    old, new = b.old.get("allowedSenders"), b.new.get("allowedSenders")
    if old == new:
        return ""
    if not isinstance(new, tuple):
        return "every mailbox that sends may send again" if b.old else ""
    return f"only {some(new)} may send" if new else "nobody may send"


def _limits(b: Before) -> str:
    if not b.old:
        return ""
    words = []
    for name, what, usual in (("bulkDelete", "deleted, stopped or moved", (3, 10)), ("bulkUpdate", "updated", (20, 30))):
        paths = (f"brakes.{name}.count", f"brakes.{name}.percent")
        if any(b.moved(path) for path in paths):
            count, percent = (text(b.new.get(path), str(default)) for path, default in zip(paths, usual, strict=True))
            words.append(f"later plans may have {count} or {percent} % of the rows {what} before the brake trips")
    paths = ("brakes.itemDeletions.count", "brakes.itemDeletions.percent")
    if any(b.moved(path) for path in paths):
        count, percent = (text(b.new.get(path), "10") for path in paths)
        words.append(f"one look at a mailbox may carry over {count} or {percent} % of its items as deletions")
    return "; ".join(words)


def _kept(name: str, what: str) -> Words:
    def words(b: Before) -> str:
        old, new = b.words(f"retention.{name}")
        if old == new:
            return ""
        return f"purged for good: {what} more than {new} ago" if new else f"kept for ever: {what}"

    return words


ENVIRONMENT: tuple[Rule, ...] = (
    (("retention.mail",), _kept("mail", "tracked mail received")),
    (("retention.outgoing",), _kept("outgoing", "outgoing mail sent or given up")),
    (("retention.items",), _kept("items", "appointments, contacts and tasks that were over")),
    (("allowedRecipients",), _recipients),
    (("allowedSenders",), _senders),
    (("brakes.*",), _limits),
)
