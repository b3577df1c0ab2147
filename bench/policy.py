#!/usr/bin/env python3
"""Rules over mailboxes: CPU seconds per million pairs of object and applicable rule, beyond loading.

    python bench/policy.py                              1,000, 10,000 and 100,000 mailboxes; 10, 30 and 100 rules, the shipped book
    python bench/policy.py 10000 --rules 30 --repeat 5

Each measurement is a process of its own: resources are made in memory, the rules come from kept programs as in a warm run, and what is
measured is from the first import of the evaluator to the last finding. Rules over mailboxes are made from a dozen shapes with different
numbers in them; one in six reads what no two mailboxes share (their address), so that nothing of it can be judged once for many. "90 off"
has a hundred rules of which ninety are switched off. Prints one JSON object a line.

    python bench/policy.py --plans                      rules over plans of 1,000, 10,000 and 100,000 changes
    python bench/policy.py --lint                       all of `reconcile lint` over 10,000 files: cold, warm, one file changed
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from reconcile.model.finding import Finding
    from reconcile.model.resource import DesiredState
    from reconcile.policy.rule import RuleBook

SHAPES = (
    'mailbox.type != "queue" || mailbox.appointmentsContactsTasks != "outlook" || {n} < 0',
    "mailbox.credentials.username == null || mailbox.credentials.allowUse || {n} < 0",
    "size(mailbox.emailAddress) < {wide}",
    'mailbox.incoming != "server-side" || mailbox.profile != null || {n} < 0',
    'profile.incoming.tls != "none" && profile.maxConcurrentConnections < {wide}',
    'mailbox.processEmailFrom == null || timestamp(mailbox.processEmailFrom) < today + duration("{n}s")',
    'mailbox.emailAddress.endsWith("@contoso.example") || mailbox.name == "m{n}"',
    "counts.profile.individual < {wide} * 100000",
    'mailbox.state == "active" && mailbox.outgoing in ["server-side", "none"] || {n} < 0',
    'profile.incoming.credentials != "profile" || mailbox.credentials.password.ref == null || {n} < 0',
    'mailbox.displayName != "{n}" && mailbox.filter == null',
    'organization.deployment == null || profile.serverType != "pop3-smtp" || {n} < 0',
)
RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {{name: rule-{number}}}
spec:
  title: A rule of the benchmark
  severity: warning
  message: "{{mailbox.name}} of {{profile.name}} does not hold"
  rationale: Because.
  remediation: Mend it.
  sources: [{{title: A page, date: "2026"}}]
  appliesTo: Mailbox
  assert: '{text}'
  at: [mailbox.profile]
"""
PROFILES = 20


class _File(NamedTuple):
    path: str
    content_id: str = ""


def made_book(number: int) -> RuleBook:
    """So many rules over mailboxes. None finds anything."""
    shapes = [SHAPES[index % len(SHAPES)].format(n=index, wide=100 + index) for index in range(number)]
    return book_of("---\n".join(RULE.format(number=index, text=text) for index, text in enumerate(shapes)).encode())


def book_of(data: bytes) -> RuleBook:
    """The rules of a text."""
    from reconcile.desired.policies import read_policies
    from reconcile.policy.compile import compile_rules

    def read(files: Iterable[_File]) -> Iterator[tuple[_File, bytes | Finding]]:
        return ((file, data) for file in files)

    declared, findings = read_policies([_File("rules.yaml")], (), read)
    book, faults = compile_rules(declared.values())
    assert not findings, findings[:3]
    assert not faults, faults[:3]
    return book


def shipped_book() -> RuleBook:
    """The rules that come with reconcile."""
    from reconcile.policy.compile import compile_rules
    from reconcile.wiring.policies import shipped_rules

    declared, _ = shipped_rules(None)
    return compile_rules(declared.values())[0]


def made_state(mailboxes: int) -> DesiredState:
    """Mailboxes as they come: names, addresses and user names of their own, the rest in a few dozen combinations."""
    from reconcile.model.key import Key
    from reconcile.model.kinds import lifecycle
    from reconcile.model.position import Position
    from reconcile.model.resource import DesiredState, Resource

    resources: dict[Key, Resource] = {}

    def add(kind: str, name: str, spec: dict[str, Any]) -> None:
        key = Key(kind, name)
        place = Position(f"{kind.lower()}s/{name}.yaml")
        references = (Key("EmailServerProfile", spec["profile"]),) if kind == "Mailbox" else ()
        resources[key] = Resource(key=key, spec=spec, position=place, lifecycle=lifecycle(kind), references=references)

    add("Environment", "bench", {"target.type": "engine"})
    for number in range(PROFILES):
        spec = {"displayName": f"Profile {number}", "serverType": "imap-smtp", "incoming.server": f"imap{number}.contoso.example"}
        add("EmailServerProfile", f"profile-{number:02d}", {**spec, "outgoing.server": f"smtp{number}.contoso.example", "state": "active"})
    add("Organization", "contoso", {"deployment": "online", "ownedDomains": ("contoso.example",)})
    for number in range(mailboxes):
        name = f"mailbox-{number:06d}"
        add(
            "Mailbox",
            name,
            {
                "credentials.allowUse": True,
                "credentials.password.expires": "2029-01-01T00:00:00Z",
                "credentials.password.generation": 1,
                "credentials.password.ref": f"file:mailboxes/{number}",
                "credentials.username": f"m{number:06d}",
                "displayName": f"Mailbox {number}",
                "emailAddress": f"{name}@contoso.example",
                "incoming": "server-side",
                "outgoing": "server-side" if number % 3 else "none",
                "processEmailFrom": "2026-01-01T00:00:00Z",
                "profile": f"profile-{number % PROFILES:02d}",
                "type": "queue" if number % 2 else "user",
            },
        )
    return DesiredState(source="", revision="", environment="bench", resources=resources, locate=lambda key, path: resources[key].position)


def measure(mailboxes: int, rules: str, book: bytes) -> dict[str, object]:
    """Runs in the child."""
    desired = made_state(mailboxes)
    before, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    from reconcile.policy.evaluate import evaluate
    from reconcile.policy.rule import RuleBook

    found = evaluate(RuleBook.load(book), desired, today=datetime(2026, 11, 22, tzinfo=UTC), clock=time.thread_time)
    used = time.process_time() - before
    pairs = sum(found.judged.values())
    return {
        "mailboxes": mailboxes,
        "rules": rules,
        "pairs": pairs,
        "findings": len(found.findings),
        "cpu_s": round(used, 3),
        "cpu_s_per_million": round(used / pairs * 1e6, 2) if pairs else None,
        "added_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024, 1),
    }


PLAN_RULES = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {{name: over-changes}}
spec:
  title: A rule of the benchmark
  severity: warning
  message: "{{change.name}} goes from {{change.before}} to {{change.after}}"
  rationale: Because.
  remediation: Mend it.
  sources: [{{title: A page, date: "2026"}}]
  appliesTo: Change
  assert: {text}
  at: [mailbox.profile]
  cause: profile
"""
#: None finds anything in the first, all changes are found in the second.
OVER_CHANGES = {
    "one over changes": '\'!("state" in change.after) && mailbox.profile != null && change.name != "x"\'',
    "one that finds all": "\"!('profile' in change.fields)\"",
}


def measure_plan(changes: int, rules: str, book: bytes) -> dict[str, object]:
    """Runs in the child: every mailbox gets another profile."""
    from reconcile.model.change import Cause, FieldChange, Moved, Plan, Update
    from reconcile.model.figures import Figures

    desired = made_state(changes)
    mailboxes = [one for key, one in desired.resources.items() if key.kind == "Mailbox"]
    made = tuple(
        Update(
            key=one.key,
            external_id=one.key.name,
            observed_version="v",
            spec=one.spec,
            fields=(
                FieldChange(path="profile", before="old", after=one.spec["profile"], cause=Cause(moved=Moved.GIT, position=one.position)),
            ),
            position=one.position,
        )
        for one in mailboxes
    )
    keys = tuple(one.key for one in made)
    plan = Plan(
        target="engine",
        environment="bench",
        organization_id=None,
        source="",
        revision="",
        changes=made,
        figures=Figures(ours={"Mailbox": changes}, reprofiled=keys),
    )
    before, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    from reconcile.policy.evaluate_plan import evaluate_plan
    from reconcile.policy.rule import RuleBook

    moment = datetime(2026, 11, 22, tzinfo=UTC)
    found = evaluate_plan(RuleBook.load(book), plan, desired, approvers=("somebody",), today=moment, clock=time.thread_time)
    used = time.process_time() - before
    return {
        "changes": changes,
        "rules": rules,
        "pairs": sum(found.judged.values()),
        "findings": len(found.findings),
        "cpu_s": round(used, 3),
        "cpu_us_per_change": round(used / changes * 1e6, 1),
        "added_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024, 1),
    }


def plan_books() -> Iterator[tuple[str, RuleBook]]:
    """Those that come with reconcile, one over each change, and one that finds something in all of them."""
    yield "shipped", shipped_book()
    for name, text in OVER_CHANGES.items():
        yield name, book_of(PLAN_RULES.format(text=text).encode())


def books(numbers: Iterable[int]) -> Iterator[tuple[str, RuleBook]]:
    """What is tried: so many rules, the same with nine of ten off, one that finds something, the shipped ones."""
    from reconcile.policy.rule import RuleBook

    for number in numbers:
        yield str(number), made_book(number)
    hundred = made_book(100)
    off = tuple(replace(rule, enabled=index < 10) for index, rule in enumerate(sorted(hundred, key=lambda one: int(one.id[5:]))))
    yield "10 of 100, 90 off", RuleBook(rules=off)
    yield "shipped", shipped_book()


def lint_figures(repeat: int) -> None:
    """The whole command, each time a process."""
    sys.path.insert(0, str(Path(__file__).parent))
    import lint_plan

    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as scratch:
        root = Path(scratch) / "estate"
        password = 'password: {{ref: "env:MAILBOX_PASSWORD", expires: 2029-01-01}}}}'
        lint_plan.MAILBOX = lint_plan.MAILBOX.replace('password: "env:MAILBOX_PASSWORD"}}', password)
        lint_plan.write_estate(root, 10_000)
        (root / "settings.yaml").write_text(
            "apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {name: all}\nspec: {failOn: error}\n", encoding="utf-8"
        )
        # What was written this moment is not trusted to be what a cache saw.
        for path in root.rglob("*.yaml"):
            os.utime(path, (1_700_000_000, 1_700_000_000))
        file = root / "mailboxes-000" / "mailbox-000001.yaml"
        environment = {**os.environ, "RECONCILE_CACHE_DIR": str(Path(scratch) / "cache")}
        command = [sys.executable, "-m", "reconcile.cli.main", "lint", "-C", str(root), "--output", "json"]
        for step in ("cold", "warm", "one file changed"):
            times, used = [], []
            for number in range(1 if step == "cold" else repeat):
                if step == "one file changed":
                    file.write_text(lint_plan.MAILBOX.format(number=1, type="queue", profile=number % 10), encoding="utf-8")
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                started = time.perf_counter()
                done = subprocess.run(command, env=environment, capture_output=True, check=False)
                times.append(time.perf_counter() - started)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
                counts = json.loads(done.stdout)["counts"]
            print(
                json.dumps(
                    {
                        "step": f"reconcile lint, 10,000 files, {step}",
                        "wall_s": round(statistics.median(times), 2),
                        "fastest_s": round(min(times), 2),
                        "cpu_s": round(statistics.median(used), 2),
                        "findings": counts,
                    }
                ),
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mailboxes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rules", type=int, nargs="*", default=[10, 30, 100])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--lint", action="store_true")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--child", nargs=3, metavar=("MAILBOXES", "RULES", "BOOK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        mailboxes, rules, book = options.child
        measured = measure_plan if options.plans else measure
        print(json.dumps(measured(int(mailboxes), rules, Path(book).read_bytes())))
        return
    if options.lint:
        lint_figures(max(options.repeat, 3))
        return
    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as scratch:
        for number, (name, book) in enumerate(plan_books() if options.plans else books(options.rules)):
            kept = Path(scratch) / str(number)
            kept.write_bytes(book.dump())
            for mailboxes in options.mailboxes:
                command = [sys.executable, __file__, *(["--plans"] if options.plans else []), "--child", str(mailboxes), name, str(kept)]
                runs = [
                    json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(options.repeat)
                ]
                print(json.dumps(sorted(runs, key=lambda run: run["cpu_s"])[len(runs) // 2]), flush=True)


if __name__ == "__main__":
    main()
