"""How a test of a mailbox went, for people and as JSON."""

from __future__ import annotations

from reconcile.model.mailbox_test import MailboxTest
from reconcile.report.safe_text import neutral


def mailbox_test_text(test: MailboxTest) -> str:
    """One line a step; what failed says what to do."""
    where = f" over {test.server}" if test.server else ""
    lines = [f"{test.mailbox} {test.what}{where}: {'ok' if test.ok else 'failed'}"]
    for step in test.steps:
        mark, took = ("ok    " if step.ok else "failed"), f" ({step.seconds * 1000:.0f} ms)" if step.seconds >= 0.001 else ""
        lines.append(f"  {mark} {step.name:<13} {neutral(step.words)}{took}")
        if step.hint and not step.ok:
            lines.append(f"  next: {neutral(step.hint)}")
    return "\n".join(lines)


def mailbox_test_json(test: MailboxTest) -> dict[str, object]:
    """Stable; times in seconds."""
    return {
        "mailbox": test.mailbox,
        "direction": test.what,
        "server": test.server,
        "ok": test.ok,
        "steps": [
            {"name": step.name, "ok": step.ok, "found": step.words, "hint": step.hint, "seconds": round(step.seconds, 4)}
            for step in test.steps
        ],
    }
