"""What a plan says of mail, on a real Dovecot: how much a change brings in, and what stays when a commit is taken back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.errors import AuthenticationRejected
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.count import ImapCounter
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from support.dovecot import PASSWORD, Dovecot, free_port, running
from support.mail_estate import MailEstate
from support.repository import Repository, new_repository
from support.smtp_fault import FaultServer

pytestmark = pytest.mark.servers
SALES, OTHER, DATED = "sales@contoso.example", "other@contoso.example", "dated@contoso.example"
DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys((SALES, OTHER, DATED), PASSWORD)) as server:
        yield server


def letter(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\nbody\r\n" % (number, number)


def at(user: str, dovecot: Dovecot, moments: list[datetime]) -> None:
    dovecot.deliver_all(user, [(letter(number), moment.timestamp()) for number, moment in enumerate(moments)])


def test_a_count_is_exact_to_the_second_wherever_the_bounds_fall(dovecot: Dovecot) -> None:
    dice = random.Random(7)
    moments = [START + timedelta(seconds=dice.randrange(40 * 86_400)) for _ in range(300)]
    moments += [START + 10 * DAY, START + 10 * DAY - timedelta(seconds=1), START + 10 * DAY + timedelta(hours=23, minutes=59, seconds=59)]
    at(DATED, dovecot, moments)
    unseen = [path.name for path in (dovecot.base / "mail" / DATED / "new").iterdir()]
    counter = ImapCounter(
        Endpoint(host="localhost", port=dovecot.imaps, tls="implicit", authority=dovecot.authority),
        PasswordSignIn(DATED, Secret(PASSWORD.encode())),
    )
    bounds = [None, START - 400 * DAY, START + 10 * DAY, START + 10 * DAY + timedelta(seconds=1), START + 12 * DAY, START + 60 * DAY]
    bounds += [START + timedelta(seconds=dice.randrange(40 * 86_400)) for _ in range(4)]
    for since in bounds:
        for before in bounds:
            inside = [moment for moment in moments if (since is None or moment >= since) and (before is None or moment < before)]
            assert counter.count(since, before) == len(inside), (since, before)
    # Not even "recent" was taken from them: EXAMINE leaves new mail new.
    assert sorted(path.name for path in (dovecot.base / "mail" / DATED / "new").iterdir()) == sorted(unseen)
    with pytest.raises(AuthenticationRejected):
        ImapCounter(
            Endpoint(host="localhost", port=dovecot.imaps, tls="implicit", authority=dovecot.authority),
            PasswordSignIn(DATED, Secret(b"wrong")),
        ).count(None, None)


@pytest.fixture
def smtp() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def estate(tmp_path: Path, dovecot: Dovecot, smtp: FaultServer) -> MailEstate:
    return MailEstate(
        folder=tmp_path / "place",
        imap=dovecot.imaps,
        authority=dovecot.authority,
        smtp=smtp.port,
        smtp_authority=smtp.authority,
        password=PASSWORD,
        names=("sales", "other"),
    )


def edit(estate: MailEstate, file: str, old: str, new: str) -> None:
    path = estate.estate / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.slow
def test_a_plan_asks_the_server_only_when_told_and_says_what_it_cannot_know(dovecot: Dovecot, estate: MailEstate) -> None:
    at(SALES, dovecot, [START + number * DAY for number in range(20)])
    edit(estate, "sales.yaml", "  incoming: server-side", "  incoming: server-side\n  processEmailFrom: 2026-01-16T00:00:00Z")
    edit(estate, "other.yaml", "  incoming: server-side", "  incoming: none")
    estate("apply", "--yes")
    estate("sync")
    edit(estate, "sales.yaml", "2026-01-16", "2026-01-06")
    edit(estate, "other.yaml", "  incoming: none", "  incoming: server-side")
    at(OTHER, dovecot, [START, START + DAY])
    offline = estate("plan", code=4)
    assert "mail from 2026-01-06T00:00:00Z is read again: unknown number of messages" in offline.out
    assert "incoming mail starts from the oldest message\n" in offline.out
    online = estate("plan", "--online", code=4)
    assert "mail from 2026-01-06T00:00:00Z is read again: 10 messages" in online.out
    assert "incoming mail starts from the oldest message: 2 messages" in online.out
    # The count is no part of the plan's digest (it moves with each mail).
    assert (
        estate("plan", "--online", "--output", "json", code=4).document["plan"]["digest"]
        == estate("plan", "--output", "json", code=4).document["plan"]["digest"]
    )
    # A server that is away costs a number, not the plan.
    edit(estate, "profile.yaml", f"port: {estate.imap}", f"port: {free_port()}")
    estate("apply", "--yes", "--lift-brake", "floor-moved-back")
    edit(estate, "sales.yaml", "2026-01-06", "2026-01-02")
    away = estate("plan", "--online", code=4)
    assert "mail from 2026-01-02T00:00:00Z is read again: unknown number of messages" in away.out
    assert "messages of Mailbox/sales were not counted: localhost:" in away.out


def test_apply_shows_the_count_that_the_plan_showed(dovecot: Dovecot, estate: MailEstate) -> None:
    edit(estate, "sales.yaml", "  incoming: server-side", "  incoming: server-side\n  processEmailFrom: 2025-12-01T00:00:00Z")
    estate("apply", "--yes")
    estate("sync")
    edit(estate, "sales.yaml", "2025-12-01", "2025-11-01")
    words = "mail from 2025-11-01T00:00:00Z is read again: 0 messages"
    assert words in estate("plan", code=4).out
    assert words in estate("apply", "--yes", code=4).out


@pytest.mark.slow
def test_a_commit_is_taken_back_and_what_stays_is_counted(dovecot: Dovecot, estate: MailEstate, smtp: FaultServer) -> None:
    repository: Repository = new_repository(estate.estate)
    edit(estate, "sales.yaml", "  incoming: server-side", "  incoming: none")
    first = repository.commit("Lay the estate")
    estate("apply", "--yes")
    edit(estate, "sales.yaml", "  incoming: none", "  incoming: server-side")
    commit = repository.commit("Turn mail on")
    estate("apply", "--yes")
    dovecot.deliver_all(SALES, [(letter(number), (START + DAY).timestamp()) for number in (901, 902, 903)])
    estate("sync")
    there = len(dovecot.messages(SALES))
    assert there >= 3
    estate("outbox", "add", "--from", "sales", "--to", "someone@contoso.example", "--subject", "x", "--text", "x")
    estate("sync")
    repository.commit("Later", {"README.md": "x"})
    plan = estate.folder / "plan.json"
    done = estate("plan", "--revert", commit[:10], "--out", str(plan))
    assert f"incoming: server-side → none   # sales.yaml:7, changed in git, takes back commit {commit[:9]}" in done.out
    assert f"cannot be undone: {there} messages tracked since then stay: Mailbox/sales {there} since 20" in done.out
    assert "cannot be undone: 1 message sent since then: Mailbox/sales (outbox 1)" in done.out
    assert f"git revert {commit[:9]}" in done.out
    assert "Mailbox/other" not in done.out
    estate("apply", str(plan))
    # The target is back, git is not.
    assert "incoming: none → server-side" in estate("plan").out
    repository.git(
        "revert",
        "--no-edit",
        commit,
        **{f"GIT_{who}_{what}": "x@contoso.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    )
    assert estate("plan").out.splitlines()[-1].startswith("create 0 · adopt 0 · update 0 · delete 0")
    assert len(dovecot.messages(SALES)) == there
    # The first commit of all declared everything: taking it back removes it, and the brakes say so.
    all_of_it = estate("plan", "--revert", first, code=None)
    assert (all_of_it.code, "brake emptied" in all_of_it.out) == (4, True)
