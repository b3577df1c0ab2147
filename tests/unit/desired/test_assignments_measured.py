"""What measures assignments measures them: nobody else calls it, and the figure it gives is a promise."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

FILE = Path(__file__).parents[3] / "bench" / "assignments.py"


def test_the_measurement_still_runs() -> None:
    spec = spec_from_file_location("bench_assignments", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.measure(300, 20)
    assert (found["mailboxes"], found["selectors"], found["assigned"] > 100) == (300, 20, True)
