#!/usr/bin/env python3
"""Mailboxes by selectors: CPU seconds and peak memory of assigning alone, each size in a process of its own.

    python bench/assignments.py                            1,000, 10,000 and 100,000 mailboxes by 200 selectors
    python bench/assignments.py 10000 --selectors 50

Prints one JSON object a line. The floor is one plain dictionary merge a mailbox, in the same process, of the fields that the
assignments end up giving it. Budget for 100,000 by 200: at most 3 CPU seconds above loading.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time

from reconcile.desired.draft import Place
from reconcile.desired.expansion import expand
from reconcile.desired.relations import Declared
from reconcile.model.canonical import Leaf
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.model.resource import Resource

DOMAINS = 20
UNITS = 40
TEAMS = 50
PROFILES = 10


def declare(mailboxes: int, selectors: int) -> list[Declared]:
    """A company: types, domains, teams and business units in all combinations, and every tenth selector looks at names."""
    random.seed(1)
    resources = [_assignment(number) for number in range(selectors)] + [_mailbox(number) for number in range(mailboxes)]
    return [Declared(one, Place(one.position.file, 0)) for one in resources]


def _mailbox(number: int) -> Resource:
    spec: dict[str, Leaf] = {
        "displayName": f"Mailbox {number}",
        "emailAddress": f"mailbox-{number:06d}@d{random.randrange(DOMAINS)}.contoso.example",
        "facts.businessUnit": f"Unit {random.randrange(UNITS)}",
        "type": "queue" if number % 3 else "user",
    }
    if number % 7 == 0:
        spec["filter"] = "all"
    return Resource(
        key=Key("Mailbox", f"mailbox-{number:06d}"),
        spec=dict(sorted(spec.items())),
        position=Position(f"mailbox-{number:06d}.yaml", 1),
        labels={"team": f"team-{random.randrange(TEAMS)}"},
    )


def _assignment(number: int) -> Resource:
    conditions: list[dict[str, Leaf]] = [
        {"selector.domains": (f"d{number % DOMAINS}.contoso.example",)},
        {"selector.labels.team": f"team-{number % TEAMS}"},
        {"selector.businessUnits": (f"Unit {number % UNITS}",), "selector.types": ("queue",)},
        {"selector.types": ("user", "queue"), "selector.domains": (f"d{number % DOMAINS}.contoso.example", "fabrikam.example")},
    ]
    spec = conditions[number % 4]
    if number % 10 == 9:
        spec = {"selector.names": (f"mailbox-{number % 100:02d}*", f"*{number % 1000:03d}@d1.contoso.example", f"*-{number:04d}?@*")}
    spec |= {
        "priority": number,
        "settings.profile": f"profile-{number % PROFILES}",
        "settings.incoming": "server-side",
        "settings.outgoing": "server-side",
    }
    if number % 5 == 0:
        spec["settings.processEmailFrom"] = "2026-01-01T00:00:00Z"
    return Resource(
        key=Key("MailboxAssignment", f"assignment-{number:03d}"), spec=dict(sorted(spec.items())), position=Position("a.yaml", 1)
    )


def measure(mailboxes: int, selectors: int) -> dict[str, object]:
    """Runs in the child."""
    declared = declare(mailboxes, selectors)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    found = expand(declared, {}, [], environment="production", some_unread=False)
    for number, one in found.effective.items():
        declared[number] = Declared(one, declared[number].origin)
    spent = time.process_time() - started
    # With few mailboxes some pattern means none.
    assert all(draft.rule == "assignment/selects-nothing" for draft in found.drafts)
    assert not found.held
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs = [_parts(one) for one in found.effective.values()]
    started = time.process_time()
    merged = [{**given, **own} for given, own in pairs]
    floor = time.process_time() - started
    assert len(merged) == len(found.effective)
    return {
        "mailboxes": mailboxes,
        "selectors": selectors,
        "assigned": len(found.effective),
        "cpu_s": round(spent, 3),
        "floor_s": round(floor, 3),
        "ratio": round(spent / floor, 1) if floor else None,
        "added_mb": round((peak - before) / 1024, 1),
        "peak_mb": round(peak / 1024, 1),
    }


def _parts(one: Resource) -> tuple[dict[str, Leaf], dict[str, Leaf]]:
    """What is given, and what the mailbox says itself."""
    given = {path: one.spec[path] for path in one.assigned}
    return given, {path: leaf for path, leaf in one.spec.items() if path not in given}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mailboxes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--selectors", type=int, default=200)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.selectors)))
        return
    for mailboxes in options.mailboxes:
        command = [sys.executable, __file__, "--selectors", str(options.selectors), "--child", str(mailboxes)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


if __name__ == "__main__":
    main()
