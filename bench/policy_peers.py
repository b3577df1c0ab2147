#!/usr/bin/env python3
"""Lint beside check-jsonschema and cfn-lint: CPU seconds per object, whole processes, as many objects each, in one run.

    python bench/policy_peers.py                    5,000 objects, one round
    python bench/policy_peers.py 2000 --repeat 3

The peers are installed into a temporary environment by pip. check-jsonschema (https://check-jsonschema.readthedocs.io) checks the very same
files of mailboxes against their JSON Schema, one file an object; cfn-lint (https://github.com/aws-cloudformation/cfn-lint) checks
CloudFormation templates of 100 buckets each with its usual rules. `reconcile lint` reads the same files without a cache, with every rule
that comes with it. Default settings all; rounds are interleaved, medians are compared. Prints one JSON object a line.
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
import venv
from pathlib import Path

HERE = Path(__file__).parent
BUCKET = """\
  Bucket{number}:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BucketName: contoso-mail-{number}
      VersioningConfiguration:
        Status: Enabled
      Tags:
        - Key: owner
          Value: mail
"""


def install(folder: Path) -> Path:
    """The folder of the peers' commands."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "-q", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "check-jsonschema", "cfn-lint"], check=True, stderr=subprocess.DEVNULL)
    return folder / "bin"


def used(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """CPU seconds of a command and all that it starts. Every one of them may find something, none may break."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 3), (command[0], done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", type=int, nargs="?", default=5000)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    import lint_plan

    with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as scratch:
        peers = install(Path(scratch) / "peers")
        estate, templates = Path(scratch) / "estate", Path(scratch) / "templates"
        password = 'password: {{ref: "env:MAILBOX_PASSWORD", expires: 2029-01-01}}}}'
        lint_plan.MAILBOX = lint_plan.MAILBOX.replace('password: "env:MAILBOX_PASSWORD"}}', password)
        lint_plan.write_estate(estate, options.objects)
        templates.mkdir()
        for start in range(0, options.objects, 100):
            buckets = "".join(BUCKET.format(number=number) for number in range(start, min(start + 100, options.objects)))
            (templates / f"template-{start:05d}.yaml").write_text(
                f"AWSTemplateFormatVersion: '2010-09-09'\nResources:\n{buckets}", encoding="utf-8"
            )
        mailboxes = sorted(str(path.relative_to(estate)) for path in estate.glob("mailboxes-*/*.yaml"))
        schema = HERE.parent / "schemas" / "mailbox.schema.json"
        environment = {**os.environ, "RECONCILE_CACHE_DIR": str(Path(scratch) / "cache")}
        commands = {
            "reconcile lint --no-cache": ([sys.executable, "-m", "reconcile.cli.main", "lint", "--no-cache", "-C", "."], estate),
            "check-jsonschema": ([str(peers / "check-jsonschema"), "--schemafile", str(schema), *mailboxes], estate),
            "cfn-lint": ([str(peers / "cfn-lint"), *sorted(path.name for path in templates.iterdir())], templates),
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.repeat):
            for name, (command, folder) in commands.items():
                seconds[name].append(used(command, folder, environment))
        own = statistics.median(seconds["reconcile lint --no-cache"])
        for name, times in seconds.items():
            median = statistics.median(times)
            row = {
                "tool": name,
                "objects": options.objects,
                "cpu_s": round(median, 2),
                "cpu_ms_per_object": round(median / options.objects * 1000, 3),
                "times_reconcile": round(median / own, 1),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
