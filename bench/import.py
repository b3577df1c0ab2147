#!/usr/bin/env python3
"""Import of a large export: CPU seconds and peak memory, each measurement in a process of its own.

    python bench/import.py                        10,000 mailboxes
    python bench/import.py 1000 10000 100000      growth

Steps: `floor` parses the file with json.loads and writes each row to a grouped file as it is; `import` is all of
`reconcile import`; `again` is the second import into the same estate, which changes nothing. Prints one JSON object a line, the last
with ratios to the floor. Budget for 100,000 rows: 60 CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def step_floor(export: Path, estate: Path) -> dict[str, object]:
    """The least that reading such a file and writing its rows can cost."""
    tables = json.loads(export.read_text(encoding="utf-8"))
    estate.mkdir()
    for start in range(0, len(tables["mailbox"]), 500):
        part = tables["mailbox"][start : start + 500]
        (estate / f"{start}.yaml").write_text("---\n".join(map(json.dumps, part)), encoding="utf-8")
    return {"rows": len(tables["mailbox"])}


def step_import(export: Path, estate: Path) -> dict[str, object]:
    """All of `reconcile import`. The second time nothing is new."""
    import contextlib
    import io

    from reconcile.cli.main import run

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run(["import", "--from", f"snapshot:{export}", "--into", str(estate), "--output", "json"])
    done = json.loads(printed.getvalue())
    assert code == 0, done
    return {"new": len(done["new"]), "kept": len(done["kept"]), "files": len(done["files"]), "leftOut": len(done["leftOut"])}


STEPS = {"floor": step_floor, "import": step_import, "again": step_import}


def measure(step: str, export: Path, estate: Path) -> dict[str, object]:
    """Run one step in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--step", step, str(export), str(estate)], check=True, capture_output=True, text=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def main() -> None:
    """Measure, or be the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", default=["10000"])
    parser.add_argument("--step", choices=STEPS)
    options = parser.parse_args()
    if options.step:
        found = STEPS[options.step](*map(Path, options.words))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu, peak = round(usage.ru_utime + usage.ru_stime, 2), round(usage.ru_maxrss / 1024)
        print(json.dumps({"step": options.step, "cpu_seconds": cpu, "peak_mb": peak, **found}))
        return
    from reconcile.sandbox.export import export_chunks

    for count in map(int, options.words):
        with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as folder:
            os.environ["RECONCILE_CACHE_DIR"] = f"{folder}/cache"
            export = Path(folder) / "prod.json"
            with export.open("w", encoding="utf-8") as file:
                file.writelines(export_chunks(count))
            seconds: dict[str, float] = {}
            for step in STEPS:
                result = measure(step, export, Path(folder) / ("floor" if step == "floor" else "estate"))
                seconds[step] = float(str(result["cpu_seconds"]))
                print(json.dumps({"mailboxes": count, "export_mb": round(export.stat().st_size / 1e6), **result}), flush=True)
            ratios = {step: round(seconds[step] / seconds["floor"], 1) for step in STEPS if step != "floor"}
            print(json.dumps({"mailboxes": count, "times_the_floor": ratios}), flush=True)


if __name__ == "__main__":
    main()
