#!/usr/bin/env python3
"""Every form of the report of many findings: CPU seconds, peak memory beyond the findings, and size; each form in a process of its own.

    python bench/reports.py                   100,000 findings
    python bench/reports.py 25000 50000 100000    growth

Half of the findings have one of a hundred causes, half stand alone, as in an estate that is far from its rules. `floor` writes rule and
message of each finding with orjson and nothing else, in the same minute. Prints one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

FORMS = ("floor", "text", "json", "sarif", "junit", "github", "gitlab", "markdown")


def findings(number: int) -> list[object]:
    from reconcile.model.finding import Finding, Severity
    from reconcile.model.key import Key
    from reconcile.model.position import Position

    return [
        Finding(
            rule=f"rule-{one % 70}",
            severity=Severity(1 + one % 3),
            message=f"mailbox-{one:06} synchronises appointments, and profile hub-{one % 100} has no impersonation",
            hint=f"set spec.incoming.useImpersonation of hub-{one % 100} to true",
            position=Position(f"mailboxes/{one // 100:04}.yaml", 1 + one % 100 * 14, 3, 11),
            path="spec.act",
            resource=Key("Mailbox", f"mailbox-{one:06}"),
            cause=Key("EmailServerProfile", f"hub-{one % 100}") if one % 2 else None,
            values=(("mailbox.act", "server-side"), ("profile.incoming.useImpersonation", "false")),
        )
        for one in range(number)
    ]


def one(form: str, number: int) -> None:
    import orjson

    from reconcile.cli.finding_reports import Found, Wishes, pieces
    from reconcile.model.finding import Severity
    from reconcile.report.rule_facts import facts

    made = findings(number)
    found = Found(findings=made, files=1, head={}, contents=lambda path: None, prefix="", gate=Severity.ERROR, known=facts())  # type: ignore[arg-type]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    size = 0
    with open(os.devnull, "w", encoding="utf-8") as sink:
        if form == "floor":
            written = (orjson.dumps({"rule": x.rule, "message": x.message}).decode() for x in made)  # type: ignore[attr-defined]
        else:
            written = pieces(form, found, Wishes())
        for piece in written:
            size += sink.write(piece)
    seconds = time.process_time() - start
    beyond = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        json.dumps({"form": form, "findings": number, "cpu_s": round(seconds, 2), "mb_beyond_findings": beyond // 1024, "characters": size})
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", type=int, default=[100_000])
    parser.add_argument("--form", choices=FORMS)
    arguments = parser.parse_args()
    if arguments.form:
        one(arguments.form, arguments.numbers[0])
        return
    for number in arguments.numbers:
        for form in FORMS:
            subprocess.run([sys.executable, __file__, "--form", form, str(number)], check=True)


if __name__ == "__main__":
    main()
