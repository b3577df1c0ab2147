"""A real server that goes away, comes back, and is not asked too often with a wrong password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.controller.loop import Report
from reconcile.controller.mail import Bounds, Mail, MailTools, Opened
from reconcile.model.condition import Health
from reconcile.settings import Settings
from reconcile.sync.admission import Limits
from reconcile.sync.decide.eligible import receiving_mailboxes
from reconcile.sync.look import LookTools
from reconcile.sync.status import mailbox_statuses
from reconcile.wiring.applied import applied_state
from reconcile.wiring.mail import inboxes, mail_store, outgoing
from reconcile.wiring.permits import enablement_reader, gives_up
from reconcile.wiring.secrets import secret_resolver
from reconcile.wiring.sign_in import sign_ins
from reconcile.wiring.state import writable_database
from support.applied import StillClock
from support.dovecot import PASSWORD, Dovecot, running
from support.receiving import apply_estate
from support.receiving_world import World, mail

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={f"box{number}@contoso.example": PASSWORD for number in range(100)}) as server:
        server.fresh = iter(server.users)
        yield server


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_wrong_password_is_shown_three_times_an_hour(protocol: str, dovecot: Dovecot, tmp_path: Path) -> None:
    world = World(dovecot, tmp_path)
    user = world.user("sales")
    dovecot.deliver(user, mail(1))
    more = {"port": dovecot.pop3s, "profile": {"incoming.protocol": "pop3"}} if protocol == "pop3" else {}
    assert world.sync(passwords={user: PASSWORD}, **more)[user].received.tracked == 1
    said = [str(world.sync(passwords={user: "wrong"}, **more)[user].error) for _ in range(5)]
    assert ["would lock the account" in words for words in said] == [False, False, False, True, True]
    # What is right is tried at once.
    assert world.sync(passwords={user: PASSWORD}, **more)[user].error is None


@contextmanager
def part(settings: Settings, clock: StillClock) -> Iterator[Mail]:
    """The part of `run` that mail is."""

    @contextmanager
    def opened(name: str) -> Iterator[Opened]:
        with writable_database(settings, name) as database, mail_store(database) as store:

            def tools() -> MailTools:
                connect = inboxes(settings, sign_ins(settings, database), secret_resolver(settings))
                looks = LookTools(store=store, connect=connect, clock=clock, give_up=gives_up(database))
                return MailTools(outgoing=outgoing(settings, database, clock), looks=looks, claim=lambda _: {})

            yield Opened(environment=name, tools=tools)

    made = Mail(
        environment=lambda: "test",
        opened=opened,
        longest=timedelta(seconds=15),
        bounds=Bounds(limits=Limits(parallel=4, per_server=4), kept=5),
    )
    try:
        yield made
    finally:
        made.close()


def test_a_server_is_away_for_a_day_and_all_mailboxes_come_back_by_themselves(dovecot: Dovecot, tmp_path: Path) -> None:
    users = [next(dovecot.fresh) for _ in range(20)]
    dovecot.deliver_all(users[0], [])
    settings = apply_estate(tmp_path, port=dovecot.imaps, authority=dovecot.authority, passwords=dict.fromkeys(users, PASSWORD))
    clock = StillClock(at=datetime.now(UTC).replace(microsecond=0))

    def health() -> dict[Health, int]:
        with writable_database(settings, "test") as database, mail_store(database) as store:
            found = receiving_mailboxes(applied_state(database).resources(), now="2026-01-01T00:00:00Z")
            states = store.states()
            assert {state.failures for state in states.values()} == {0}
            assert enablement_reader(database).enablements() == {}
            statuses = mailbox_statuses(found, states, holders={}, outbox={}, now=clock.now())
        return {one: sum(status.health is one for status in statuses) for one in Health if any(s.health is one for s in statuses)}

    def passes(mail_part: Mail, count: int, minutes: float) -> list[Report]:
        reports = []
        for _ in range(count):
            reports.append(mail_part.run())
            clock.pass_by(minutes=minutes)
        return reports

    with part(settings, clock) as mail_part:
        passes(mail_part, 2, 6)
        assert health() == {Health.HEALTHY: 20}
        dovecot.stop()
        try:
            reports = passes(mail_part, 144, 10)
        finally:
            dovecot.start()
            # It has a new certificate.
            (settings.secrets_directory / "ca.pem").write_bytes(dovecot.authority)
        assert Health.STALLED not in health()
        told = [report for report in reports if not report.quiet]
        # Told when it begins, not by each mailbox and not each time.
        assert 1 <= len(told) <= 3
        assert "mailboxes wait" in told[-1].message
        assert reports[-1].detail["away"]
        for user in users[:3]:
            dovecot.deliver(user, mail(7))
        back = passes(mail_part, 8, 16)
        assert back[-1].detail["away"] == []
        assert sum(int(str(report.detail["tracked"])) for report in back) == 1
        assert health() == {Health.HEALTHY: 20}
