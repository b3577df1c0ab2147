"""The loop with time that stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from reconcile.controller.loop import Event, Loop, Part, Report
from reconcile.errors import Locked, PermanentError, ReconcileError, Superseded, Throttled, Unavailable
from reconcile.model.exit_code import ExitCode
from support.applied import START, StillClock

Script = list[Report | ReconcileError | BaseException]


@dataclass
class Show:
    """A loop over scripted parts; it is asked to stop after so many seconds."""

    lasts: float = 100.0
    clock: StillClock = field(default_factory=StillClock)
    events: list[Event] = field(default_factory=list)
    runs: list[tuple[str, float]] = field(default_factory=list)

    def part(self, name: str, script: Script, *, interval: float = 30.0, takes: float = 0.0) -> Part:
        left = list(script)

        def run() -> Report:
            self.runs.append((name, self.clock.monotonic()))
            self.clock.pass_by(seconds=takes)
            step = left.pop(0) if left else Report(quiet=True)
            if isinstance(step, BaseException):
                raise step
            return step

        return Part(name=name, interval=timedelta(seconds=interval), run=run)

    def play(self, *parts: Part, once: bool = False, stop: Callable[[], bool] | None = None) -> ExitCode:
        ended = stop or (lambda: self.clock.now() - START >= timedelta(seconds=self.lasts))
        return Loop(parts=parts, clock=self.clock, stop=ended, tell=self.events.append).run(once=once)

    def times(self, name: str) -> list[float]:
        return [at for part, at in self.runs if part == name]

    def told(self) -> list[tuple[str, str, str]]:
        return [(event.part, event.kind, event.message) for event in self.events]


def test_each_part_keeps_its_own_rhythm() -> None:
    show = Show()
    show.play(show.part("slow", [], interval=40), show.part("quick", [], interval=15))
    assert show.times("slow") == [0, 40, 80]
    assert show.times("quick") == [0, 15, 30, 45, 60, 75, 90]


def test_the_interval_counts_from_the_end_of_a_pass() -> None:
    show = Show()
    show.play(show.part("work", [], interval=30, takes=10))
    assert show.times("work") == [0, 40, 80]


def test_a_pass_may_name_its_next_time() -> None:
    show = Show()
    show.play(show.part("mail", [Report(quiet=True, again_after=timedelta(seconds=7))], interval=50))
    assert show.times("mail") == [0, 7, 57]


def test_errors_that_pass_are_tried_again_with_growing_pauses_and_success_starts_anew() -> None:
    show = Show()
    show.play(show.part("work", [Unavailable("a"), Unavailable("b"), Unavailable("c"), Report(message="ok"), Unavailable("d")]))
    assert show.times("work") == [0, 5, 15, 35, 65, 70]
    assert [kind for _, kind, _ in show.told()] == ["requeued", "requeued", "requeued", "settled", "requeued", "settled", "stopped"]


def test_a_server_that_names_a_pause_gets_it() -> None:
    show = Show()
    show.play(show.part("work", [Throttled("slow down", retry_after=42)]))
    assert show.times("work") == [0, 42, 72]


def test_one_part_that_stalls_does_not_keep_the_other() -> None:
    show = Show()
    broken = show.part("configuration", [Report(stalled="a brake stands", quiet=True)] * 9, interval=30)
    show.play(broken, show.part("mail", [Report(message="1 sent")] * 9, interval=30))
    assert show.times("mail") == show.times("configuration") == [0, 30, 60, 90]
    # The same stall is told once, not in each pass.
    assert [message for part, _, message in show.told() if part == "configuration"] == ["a brake stands"]


def test_a_stall_that_ends_is_news() -> None:
    show = Show(lasts=70)
    show.play(show.part("work", [PermanentError("no"), PermanentError("no"), Report(message="fine", quiet=True)], interval=30))
    assert show.told()[:-1] == [("work", "stalled", "no"), ("work", "settled", "fine")]


def test_what_is_found_is_told_once_when_it_changes_and_when_it_ends() -> None:
    show = Show(lasts=190)
    results = [Report(found=text, quiet=True) for text in ("x", "x", "y")] + [PermanentError("no")]
    results += [Report(found="y", quiet=True)] + [Report(message="nothing", quiet=True)] * 9
    code = show.play(show.part("rules", results, interval=30))
    assert show.told()[:-1] == [
        ("rules", "found", "x"),
        ("rules", "found", "y"),
        ("rules", "stalled", "no"),
        ("rules", "found", "y"),
        ("rules", "settled", "nothing"),
    ]
    assert code is ExitCode.NOTHING_TO_DO


def test_quiet_passes_say_nothing() -> None:
    show = Show()
    show.play(show.part("work", []))
    assert show.told() == [("loop", "stopped", "as asked")]


def test_once_means_each_part_once_and_answers_the_strongest_code() -> None:
    show = Show()
    code = show.play(show.part("a", [Locked("busy")]), show.part("b", [Report(code=ExitCode.BRAKE, stalled="x")]), once=True)
    assert [part for part, _ in show.runs] == ["a", "b"]
    assert code is ExitCode.LOCKED
    assert show.clock.slept == []


def test_a_stop_is_obeyed_between_two_parts() -> None:
    show = Show(lasts=5)
    show.play(show.part("a", [], takes=6), show.part("b", []))
    assert [part for part, _ in show.runs] == ["a"]


def test_a_bug_is_let_out() -> None:
    show = Show()
    with pytest.raises(ZeroDivisionError):
        show.play(show.part("a", [ZeroDivisionError("bug")]))


def test_the_loop_ends_where_a_newer_version_has_the_store() -> None:
    """Whoever watches over the process starts that version; going on would only say so for ever, and no mail would come."""
    show = Show()
    with pytest.raises(Superseded):
        show.play(show.part("mail", []), show.part("items", [Superseded("schema 99")]))
    assert show.times("mail") == [0]


def test_what_the_machine_refuses_is_tried_again_and_keeps_nobody_else_from_working() -> None:
    show = Show(lasts=20)
    refused = show.part("configuration", [PermissionError(13, "Permission denied", "/var/lib/state/engine.lock")] * 2)
    show.play(refused, show.part("mail", [], interval=10))
    assert show.times("configuration") == [0, 5, 15]
    assert show.times("mail") == [0, 10]
    assert show.told()[0] == ("configuration", "requeued", "/var/lib/state/engine.lock: Permission denied")
    assert "permissions" in str(show.events[0].detail["hint"])


def test_a_clock_that_is_set_back_does_not_stop_the_loop() -> None:
    class Jumping(StillClock):
        """The wall clock goes back three hours in the second sleep; the monotonic one does not."""

        back = timedelta()

        def now(self):  # type: ignore[no-untyped-def]
            return super().now() - self.back

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 2:
                self.back = timedelta(hours=3)

    show = Show(clock=Jumping())
    show.play(show.part("a", [], interval=30), stop=lambda: show.clock.monotonic() >= 200)
    assert show.times("a") == [0, 30, 60, 90, 120, 150, 180]


def test_a_part_with_early_work_does_not_wait_for_its_interval() -> None:
    show, early = Show(lasts=60), {10.0, 20.0}
    part = replace(show.part("items", [], interval=30), early=lambda: show.clock.monotonic() in early)
    show.play(part, show.part("mail", [], interval=5))
    assert show.times("items") == [0, 10, 20, 50]


def test_a_part_in_trouble_keeps_its_pause_whatever_is_early() -> None:
    show = Show(lasts=100)
    part = replace(show.part("items", [Throttled("busy", retry_after=60)], interval=30), early=lambda: True)
    show.play(part, show.part("mail", [], interval=20))
    assert show.times("items")[:2] == [0, 60]
