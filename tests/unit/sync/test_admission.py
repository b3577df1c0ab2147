"""Who may begin, and who waits."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest

from reconcile.errors import AuthenticationRejected, HeldBack, ReconcileError, Throttled, Unavailable
from reconcile.sync.admission import Admission, Limits
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.servers import Servers
from support.applied import StillClock
from support.mail_fleet import fleet_mailbox


def admission(*mailboxes: ReceivingMailbox, per_server: int = 3, closed: bool = True, clock: StillClock | None = None) -> Admission:
    made = Admission(Limits(parallel=16, per_server=per_server), Servers(clock=clock or StillClock(), full=per_server), closed=closed)
    made.renew(mailboxes)
    return made


def test_an_account_that_was_not_signed_in_yet_is_tried_by_one_at_a_time() -> None:
    """Together they would have it locked before the first refusal is known."""
    shared = [fleet_mailbox(f"s{number}", account_group="shared", connections=3) for number in range(9)]
    made = admission(*shared, per_server=9)
    assert names(made) == ["s0"]
    end(made, shared[0], AuthenticationRejected("refused"))
    assert names(made) == ["s1"]
    end(made, shared[1], None)
    assert names(made) == ["s2", "s3", "s4"]


def names(made: Admission, most: int = 100) -> list[str]:
    """Those that may begin now, which all run from then on."""
    found: list[str] = []
    while len(found) < most and (mailbox := made._take()) is not None:
        found.append(mailbox.name)
    return found


def test_no_server_gets_more_than_it_may_and_servers_take_turns() -> None:
    made = admission(*(fleet_mailbox(f"{server}{number}", server=server) for server in "ab" for number in range(5)))
    assert names(made) == ["a0", "b0", "a1", "b1", "a2", "b2"]
    made.done(fleet_mailbox("a1", server="a"))
    assert names(made) == ["a3"]


def test_no_account_gets_more_than_it_may_and_others_go_first() -> None:
    shared = [fleet_mailbox(f"s{number}", account_group="service", connections=1) for number in range(3)]
    made = admission(*shared, fleet_mailbox("own"))
    assert names(made) == ["s0", "own"]
    made.done(shared[0])
    assert names(made) == ["s1"]


def test_nobody_runs_twice_and_who_is_no_longer_due_does_not_begin() -> None:
    a, b, c = (fleet_mailbox(name) for name in "abc")
    made = admission(a, b, closed=False)
    assert names(made, 1) == ["a"]
    made.renew([a, c])
    assert names(made) == ["c"]
    assert not made.offer(a)
    made.done(a)
    assert made.offer(a)
    assert not made.offer(a)
    assert names(made) == ["a"]


def end(made: Admission, mailbox: ReceivingMailbox, error: ReconcileError | None) -> None:
    made.done(mailbox, error)


def test_the_rest_of_a_server_that_is_away_is_not_tried() -> None:
    clock = StillClock()
    boxes = [fleet_mailbox(f"m{number}") for number in range(10)]
    made = admission(*boxes, fleet_mailbox("other", server="b"), clock=clock, per_server=1)
    tried = []
    while (mailbox := made.next(lambda: False)) is not None:
        tried.append(mailbox.name)
        end(made, mailbox, Unavailable("no route", about="server") if mailbox.server != "b" else None)
    assert sorted(tried) == ["m0", "m1", "m2", "m3", "m4", "other"]
    assert made.waiting() == {"imap.contoso.example:993": 5}
    clock.pass_by(seconds=31)
    assert names(made) == ["m5"]
    end(made, boxes[5], None)
    assert names(made) == ["m6"]


def test_an_account_that_is_asked_for_a_pause_rests_alone() -> None:
    clock = StillClock()
    shared = [fleet_mailbox(f"s{number}", account_group="service") for number in range(3)]
    made = admission(*shared, fleet_mailbox("own"), clock=clock, per_server=1)
    assert names(made) == ["s0"]
    end(made, shared[0], Throttled("slow down", retry_after=60))
    assert names(made) == ["own"]
    end(made, fleet_mailbox("own"), None)
    assert names(made) == []
    clock.pass_by(seconds=61)
    assert names(made) == ["s1"]


HELD = HeldBack("s0 is not signed in now", retry_after=3600, hint="Check its password.")


@pytest.mark.parametrize("mended", ["s0", "s1"])
def test_another_credential_ends_a_pause_that_we_keep_ourselves(mended: str) -> None:
    """Be it the one of the mailbox that was held back, or of another that waited behind it."""
    clock = StillClock()
    shared = [fleet_mailbox(f"s{number}", account_group="service", fingerprint="old") for number in range(3)]
    made = admission(*shared, clock=clock, per_server=1, closed=False)
    assert names(made) == ["s0"]
    end(made, shared[0], HELD)
    for _ in range(3):
        clock.pass_by(seconds=60)
        made.renew(shared)
        assert names(made) == []
    changed = [replace(one, fingerprint="new") if one.name == mended else one for one in shared]
    made.renew(changed)
    assert names(made) == ["s0"]
    # Still held back with it, and it is the same from now on.
    end(made, changed[0], HELD)
    made.renew(changed)
    assert names(made) == []


def test_another_credential_does_not_end_a_pause_that_the_server_asked_for() -> None:
    one = fleet_mailbox("s0", account_group="service", fingerprint="old")
    made = admission(one, closed=False)
    assert names(made) == ["s0"]
    end(made, one, Throttled("slow down", retry_after=60))
    made.renew([replace(one, fingerprint="new")])
    assert names(made) == []


def test_many_threads_take_each_once_and_within_limits() -> None:
    boxes = [fleet_mailbox(f"m{number}", server=f"s{number % 7}", account_group=f"g{number % 50}", connections=2) for number in range(1000)]
    made = admission(*boxes, per_server=3)
    taken: Counter[str] = Counter()
    running: Counter[str] = Counter()
    over: list[str] = []
    guard = threading.Lock()

    def work() -> None:
        while (mailbox := made.next(lambda: False)) is not None:
            with guard:
                taken[mailbox.name] += 1
                running[mailbox.server] += 1
                running[mailbox.account_group] += 1
                if running[mailbox.server] > 3 or running[mailbox.account_group] > 2:
                    over.append(mailbox.name)
            with guard:
                running[mailbox.server] -= 1
                running[mailbox.account_group] -= 1
            made.done(mailbox)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (set(taken.values()), len(taken), over) == ({1}, 1000, [])
