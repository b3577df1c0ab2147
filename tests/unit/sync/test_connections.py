"""An account has no more connections than it may, whatever they are for."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from reconcile.mail.sign_in import guarded
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.sync.connections import Connections, account_of
from reconcile.sync.look import LookTools, MailboxRun, look_at
from support.mail_fleet import Fleet, fleet_mailbox


def test_who_is_counted() -> None:
    own = SignInPlan(kind=SignInKind.PASSWORD, username="Sales@contoso.example", password=("m1", "credentials.password"))
    assert account_of(own, "contoso") == "sales@contoso.example"
    both = [replace(own, username=name) for name in ("Sales@MÜLLER.example", "sales@xn--mller-kva.example")]
    assert len({account_of(one, "contoso") for one in both} | {guarded.account_of(one) for one in both}) == 1
    assert account_of(SignInPlan(kind=SignInKind.ANONYMOUS, username=""), "contoso") == "contoso"


def test_many_threads_stay_within_the_limit_of_each_account() -> None:
    connections, guard = Connections(), threading.Lock()
    open_, most = {"a": 0, "b": 0}, {"a": 0, "b": 0}

    def work(account: str, limit: int) -> None:
        for _ in range(20):
            with connections.hold(account, limit):
                with guard:
                    open_[account] += 1
                    most[account] = max(most[account], open_[account])
                time.sleep(0.0005)
                with guard:
                    open_[account] -= 1

    threads = [threading.Thread(target=work, args=pair) for pair in [("a", 1), ("b", 3)] * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most["a"] == 1
    assert 2 <= most["b"] <= 3
    assert connections == Connections(_changed=connections._changed)


def test_a_look_waits_while_the_account_sends_and_not_when_it_is_to_stop() -> None:
    fleet, box = Fleet(), fleet_mailbox("sales", connections=1)
    tools = LookTools(store=fleet.store, connect=fleet.connect, clock=fleet.clock)
    ended = threading.Event()

    def look() -> None:
        look_at(MailboxRun(mailbox=box), tools, lambda: False)
        ended.set()

    with tools.connections.hold("sales", 1):
        thread = threading.Thread(target=look)
        thread.start()
        assert not ended.wait(0.1)
        assert fleet.connected == []
    assert ended.wait(5)
    thread.join()
    with tools.connections.hold("sales", 1):
        look_at(MailboxRun(mailbox=box), tools, lambda: True)
