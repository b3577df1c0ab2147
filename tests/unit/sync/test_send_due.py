"""A pass over the outbox, with the memory twins: connections, limits, mailboxes that cannot send, two runs at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, SettingsError, Throttled
from reconcile.mail.memory_sender import Answer, Drop, Fault, MemorySender, MemoryServer
from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.model.outbox_step import Begin, Claim, Retry, Withdraw
from reconcile.model.outgoing import OutboxEntry, OutgoingState, RecipientState
from reconcile.model.secret import Secret, SecretRef
from reconcile.model.sending_report import SendingReport
from reconcile.model.sign_in import SignInPlan
from reconcile.ports.outbox_store import Move
from reconcile.ports.sender import Account, Delivery, Envelope, Session
from reconcile.ports.settled_notes import NOTHING_NOTED, NoNotes, SettledNotes
from reconcile.ports.sign_in import SignIn, SignIns
from reconcile.report.unsent import unsent
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.memory.settled_notes import MemorySettledNotes
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.outgoing import RetryPolicy
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from reconcile.sync.outgoing import Outgoing, send_due
from support.applied import Applied, Passwords, References, StillClock, sending_estate


@dataclass
class Office:
    """Everything around a pass."""

    applied: Applied = field(default_factory=sending_estate)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    server: MemoryServer = field(default_factory=MemoryServer)
    clock: StillClock = field(default_factory=StillClock)
    passwords: Passwords = field(default_factory=Passwords)
    count: int = 0

    def add(self, number: int = 1, *, box: str = "box1", to: str | tuple[str, ...] = "a@contoso.example") -> list[OutboxEntry]:
        mailbox = sending_setup(self.applied.resources(), now="").mailboxes[box]
        assert isinstance(mailbox, SendingMailbox)
        found = []
        for _ in range(number):
            self.count += 1
            composed = compose(
                Draft(to=(to,) if isinstance(to, str) else to, text="x"), mailbox, key="", token=f"t{self.count}", now=self.clock.now()
            )
            found.append(self.outbox.add(composed.entry, composed.content).entry)
        return found

    def outgoing(self, owner: str = "run-1") -> Outgoing:
        return Outgoing(
            applied=self.applied,
            outbox=self.outbox,
            sender=MemorySender(server=self.server),
            sign_ins=ConfiguredSignIns(self.passwords),
            secrets=References({"file:ca.pem": b"pem"}),
            clock=self.clock,
            owner=owner,
            renew=False,
        )

    def send(self) -> SendingReport:
        return send_due(self.outgoing())

    def states(self) -> list[str]:
        return [str(entry.state) for entry in self.outbox.entries()]


def test_one_connection_carries_all_mails_of_a_mailbox() -> None:
    office = Office()
    office.add(5)
    report = office.send()
    assert (office.server.connections, len(office.server.taken)) == (1, 5)
    assert report.count(OutgoingState.SENT) == 5
    assert not report.needs_a_look


def test_a_broken_connection_is_opened_again_for_the_next_mail() -> None:
    office = Office()
    office.add(3)
    office.server.plan("data", Drop())
    office.send()
    assert office.states() == ["pending-send", "sent", "sent"]
    assert office.server.connections == 2


def test_nothing_due_means_no_connection_and_no_lease() -> None:
    office = Office()
    assert office.send() == SendingReport()
    assert office.server.connections == 0


def test_connections_stay_within_the_profiles_limit() -> None:
    office = Office(applied=sending_estate(mailboxes=12))
    office.applied.change("EmailServerProfile", maxConcurrentConnections=3)
    for number in range(1, 13):
        office.add(2, box=f"box{number}")
    open_now, most, guard = [0], [0], threading.Lock()

    class Counting:
        def open(self, account: Account):  # type: ignore[no-untyped-def]
            from contextlib import contextmanager

            @contextmanager
            def counted():  # type: ignore[no-untyped-def]
                with guard:
                    open_now[0] += 1
                    most[0] = max(most[0], open_now[0])
                try:
                    time.sleep(0.01)
                    with MemorySender(server=office.server).open(account) as session:
                        yield session
                finally:
                    with guard:
                        open_now[0] -= 1

            return counted()

    send_due(replace(office.outgoing(), sender=Counting()))
    assert set(office.states()) == {"sent"}
    assert most[0] == 3


def test_one_bad_mailbox_does_not_stop_the_others() -> None:
    office = Office(applied=sending_estate(mailboxes=2, login=True), passwords=Passwords({("box2", "credentials.password"): "right"}))
    office.add(2, box="box1")
    office.add(2, box="box2")
    report = office.send()
    assert office.states() == ["pending-send", "pending-send", "sent", "sent"]
    (trouble,) = report.troubles
    assert (trouble.name, trouble.waiting) == ("sales", 2)
    assert "no password was applied" in trouble.condition.message
    assert all(entry.attempts == 0 for entry in office.outbox.entries(states=[OutgoingState.PENDING]))


def test_a_missing_authority_is_the_mailboxes_trouble() -> None:
    class Nothing:
        def resolve(self, reference: SecretRef) -> Secret:
            raise SettingsError(f"{reference} is not there", hint="Put it there.")

    office = Office()
    office.add()
    report = send_due(replace(office.outgoing(), secrets=Nothing()))
    assert "file:ca.pem is not there" in report.troubles[0].condition.message
    assert office.states() == ["pending-send"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "Mailbox", "outgoing": "none"}, "does not send from here"),
        ({"kind": "EmailServerProfile", "outgoing__authentication": "oauth"}, "does not go with"),
    ],
)
def test_a_mailbox_that_may_no_longer_send_keeps_its_mail(change: dict[str, str], words: str) -> None:
    office = Office()
    office.add()
    office.applied.change(**change)  # type: ignore[arg-type]
    report = office.send()
    assert office.states() == ["pending-send"]
    assert words in report.troubles[0].condition.message
    assert office.server.connections == 0


def test_a_mailbox_that_is_gone_keeps_its_mail() -> None:
    office = Office()
    office.add()
    office.applied.rows = [row for row in office.applied.rows if row.kind != "Mailbox"]
    assert "no longer applied" in office.send().troubles[0].condition.message
    assert office.states() == ["pending-send"]


def test_a_new_address_of_the_mailbox_is_not_passed_off_as_the_old_one() -> None:
    office = Office()
    office.add()
    office.applied.change("Mailbox", emailAddress="new@contoso.example")
    office.send()
    assert office.states() == ["failed"]
    assert office.server.taken == []


def test_the_allow_list_holds_in_the_middle_of_a_pass() -> None:
    office = Office()
    office.add(2)

    class Narrowing:
        """The allow-list is narrowed while the first mail is on its way."""

        def __getattr__(self, name: str) -> object:
            return getattr(office.outbox, name)

        def follow(self, moves):  # type: ignore[no-untyped-def]
            if any(isinstance(step, Begin) for move in moves for step in move.steps):
                office.applied.change("Environment", allowedRecipients=())
                office.clock.pass_by(seconds=2)
            return office.outbox.follow(moves)

    send_due(replace(office.outgoing(), outbox=Narrowing()))  # type: ignore[arg-type]
    assert office.states() == ["sent", "failed"]
    assert "allowedRecipients" in office.outbox.entries()[1].reason


def test_a_server_that_wants_a_login_is_the_mailboxes_trouble() -> None:
    office = Office()
    office.server.logins = {"sales@contoso.example": b"x"}
    office.add()
    report = office.send()
    assert report.troubles[0].condition.reason == "AuthenticationRejected"
    assert office.states() == ["pending-send"]


def test_a_server_that_is_away_uses_up_no_try_and_is_given_up_after_days() -> None:
    office = Office()
    office.add()
    office.server.is_up = False
    passes, began = 0, office.clock.now()
    while office.states() == ["pending-send"]:
        office.send()
        due = office.outbox.entries()[0].next_try_at
        office.clock.at = due or office.clock.at
        passes += 1
    assert office.states() == ["failed"]
    assert "given up after 5 days: " in office.outbox.entries()[0].reason
    # It is asked ever more seldom, up to once an hour.
    assert (office.outbox.entries()[0].attempts, 120 < passes < 140) == (0, True)
    assert office.clock.now() - began >= RetryPolicy().age


HELD_STEP = "Check its password. Then, to wait no longer: reconcile outbox retry 1"


class HeldBack:
    """Leaves an account alone: no server is asked."""

    def __init__(self, inner: SignIns) -> None:
        self.inner = inner
        self.holds = True

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        if self.holds:
            raise Throttled(f"{name} is not signed in now", retry_after=1800, hint="Check its password.")
        return self.inner.of(plan, name=name)

    def certificate(self, plan: SignInPlan) -> Secret | None:
        return self.inner.certificate(plan)


def test_mail_of_an_account_that_is_left_alone_waits_for_as_long_and_goes_out_once_it_is_mended() -> None:
    office = Office()
    office.add(2)
    held = HeldBack(ConfiguredSignIns(office.passwords))
    outgoing = replace(office.outgoing(), sign_ins=held)
    for _ in range(400):
        (trouble,) = send_due(outgoing).troubles
        assert (trouble.waiting, trouble.hint, trouble.counts) == (2, "Check its password.", False)
        (told,) = unsent(office.outbox.entries(), now=office.clock.now())
        assert (told.mails, told.reason, told.step) == (2, "sales is not signed in now", HELD_STEP)
        office.clock.pass_by(seconds=1800)
    assert office.server.connections == 0
    assert [(str(one.state), one.attempts) for one in office.outbox.entries()] == [("pending-send", 0)] * 2
    send_due(outgoing)
    held.holds = False
    office.clock.pass_by(seconds=1)
    assert send_due(outgoing) == SendingReport()
    mended = office.clock.now()
    office.clock.pass_by(seconds=1)
    send_due(replace(outgoing, last_applied=lambda: mended))
    assert office.states() == ["sent", "sent"]


@pytest.mark.parametrize("error", [Throttled("a pause", retry_after=600, hint="Wait."), AuthenticationRejected("log in first")])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_what_a_server_says_before_it_hears_of_a_mail_uses_up_no_try_of_it(error: ReconcileError, at: int) -> None:
    """Whether its turn was taken with others or alone."""
    office = Office()
    office.add(6)
    asked = [0]

    class Pausing:
        @contextmanager
        def open(self, account: Account) -> Iterator[Session]:
            with MemorySender(server=office.server).open(account) as session:
                send = session.send

                def paused(envelope: Envelope, **how: Any) -> Delivery:
                    asked[0] += 1
                    if asked[0] >= at:
                        raise error
                    return send(envelope, **how)

                session.send = paused  # type: ignore[method-assign]
                yield session

    report = send_due(replace(office.outgoing(), sender=Pausing(), moment=600.0, patience=600.0))
    waits = [one for one in office.outbox.entries() if one.state is OutgoingState.PENDING]
    assert (len(waits), len(office.server.taken)) == (7 - at, at - 1)
    assert {(one.attempts, one.owner, one.tried_since) for one in waits} == {(0, "", None)}
    assert [(one.waiting, one.hint) for one in report.troubles] == [(7 - at, error.hint)]
    # Nobody asked the server once more for the others.
    assert asked[0] == at
    assert all(one.next_try_at is not None and one.next_try_at > office.clock.now() for one in waits)


def test_two_runs_at_once_send_each_mail_once() -> None:
    office = Office(applied=sending_estate(mailboxes=4))
    for number in range(1, 5):
        office.add(10, box=f"box{number}")
    runs = [threading.Thread(target=send_due, args=(office.outgoing(f"run-{number}"),)) for number in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(office.server.taken) == 40
    assert set(office.states()) == {"sent"}


def test_a_lost_claim_sends_nothing() -> None:
    office = Office()
    (entry,) = office.add()

    class Stealing:
        """Between this run's claim and its begin, the lease runs out and another run claims."""

        def __getattr__(self, name: str) -> object:
            return getattr(office.outbox, name)

        def follow(self, moves):  # type: ignore[no-untyped-def]
            if any(isinstance(step, Begin) for move in moves for step in move.steps):
                office.clock.pass_by(minutes=5)
                office.outbox.hold_lease("thief", until=office.clock.now() + timedelta(minutes=1))
                office.outbox.advance(entry.id, Claim(owner="thief"), at=office.clock.now())
            return office.outbox.follow(moves)

    report = send_due(replace(office.outgoing(), outbox=Stealing()))  # type: ignore[arg-type]
    assert office.server.taken == []
    assert report.settled == ()
    assert office.outbox.entries()[0].owner == "thief"


def test_the_lease_is_renewed_while_a_mail_takes_its_time() -> None:
    office = Office()
    office.add()
    renewed: list[float] = []

    class Watching:
        def __getattr__(self, name: str) -> object:
            return getattr(office.outbox, name)

        def hold_lease(self, *arguments, **named):  # type: ignore[no-untyped-def]
            renewed.append(time.monotonic())
            return office.outbox.hold_lease(*arguments, **named)

        def follow(self, moves):  # type: ignore[no-untyped-def]
            if any(isinstance(step, Begin) for move in moves for step in move.steps):
                time.sleep(0.3)
            return office.outbox.follow(moves)

    send_due(replace(office.outgoing(), outbox=Watching(), renew=True, lease=timedelta(seconds=0.2)))  # type: ignore[arg-type]
    assert len(renewed) >= 3
    assert office.outbox._leases == {}


def test_a_stop_ends_between_two_mails() -> None:
    office = Office()
    office.add(3)
    send_due(replace(office.outgoing(), stop=lambda: len(office.server.taken) >= 1))
    assert office.states() == ["sent", "pending-send", "pending-send"]
    office.send()
    assert office.states() == ["sent", "sent", "sent"]


def test_only_the_mailboxes_that_are_asked_for() -> None:
    office = Office(applied=sending_estate(mailboxes=2))
    office.add(box="box1")
    office.add(box="box2")
    send_due(office.outgoing(), mailboxes={"box2"})
    assert office.states() == ["pending-send", "sent"]


def test_refused_and_greylisted_recipients_are_tried_alone_later() -> None:
    office = Office()
    mailbox = sending_setup(office.applied.resources(), now="").mailboxes["box1"]
    assert isinstance(mailbox, SendingMailbox)
    composed = compose(
        Draft(to=("a@contoso.example", "b@contoso.example", "c@contoso.example")), mailbox, key="", token="t", now=office.clock.now()
    )
    office.outbox.add(composed.entry, composed.content)
    office.server.plan("rcpt", Answer(450), Answer(550))
    office.send()
    office.clock.pass_by(minutes=2)
    office.send()
    assert [one.recipients for one in office.server.taken] == [("c@contoso.example",), ("a@contoso.example",)]
    assert len({one.content for one in office.server.taken}) == 1
    assert office.states() == ["failed"]


def test_mail_that_waits_for_its_mailbox_is_tried_once_more_after_an_apply() -> None:
    office = Office()
    office.add()
    office.applied.change("EmailServerProfile", outgoing__protocol="ews")
    assert office.send().troubles
    office.clock.pass_by(seconds=60)
    assert office.send() == SendingReport()
    office.applied.change("EmailServerProfile", outgoing__protocol="smtp")
    mended = office.clock.now()
    office.clock.pass_by(seconds=1)
    report = send_due(replace(office.outgoing(), last_applied=lambda: mended))
    assert [entry.state for entry in report.settled] == [OutgoingState.SENT]


def test_an_apply_that_mended_nothing_wakes_it_only_once() -> None:
    office = Office()
    office.add()
    office.applied.change("EmailServerProfile", outgoing__protocol="ews")
    office.send()
    office.clock.pass_by(seconds=1)
    applied = office.clock.now()
    office.clock.pass_by(seconds=1)
    again = replace(office.outgoing(), last_applied=lambda: applied)
    assert send_due(again).troubles
    office.clock.pass_by(seconds=1)
    assert not send_due(again).troubles


def test_a_server_that_said_later_is_not_bothered_by_an_apply() -> None:
    office = Office()
    office.add()
    office.server.replies = {"a@contoso.example": Answer(451, "greylisted")}
    (first,) = office.send().settled
    assert first.state is OutgoingState.PENDING
    office.clock.pass_by(seconds=1)
    applied = office.clock.now()
    assert send_due(replace(office.outgoing(), last_applied=lambda: applied)).settled == ()


def test_a_server_that_takes_few_recipients_at_once_gets_the_others_at_once() -> None:
    """Also when that needs more transactions than a mail has tries; who is greylisted then is tried again all the same."""
    office = Office()
    everybody = tuple(f"r{number}@contoso.example" for number in range(70))
    office.server.recipients_limit = 2
    office.server.replies = {everybody[-1]: Answer(450, "4.2.0 greylisted")}
    office.add(to=everybody)
    report = office.send()
    assert [len(taken.recipients) for taken in office.server.taken] == [2] * 34 + [1]
    assert report.count(OutgoingState.PENDING) == 1
    (entry,) = office.outbox.entries()
    assert [one.address for one in entry.in_state(RecipientState.PENDING)] == [everybody[-1]]
    office.server.replies = {}
    office.clock.pass_by(minutes=10)
    office.send()
    assert office.states() == ["sent"]
    assert sorted(address for taken in office.server.taken for address in taken.recipients) == sorted(everybody)


def test_an_address_the_server_was_not_asked_for_is_never_taken_for_sent() -> None:
    from reconcile.ports.sender import Delivery, Reply, Taken
    from reconcile.sync.decide.outgoing import after_try

    office = Office()
    (entry,) = office.add(to=("a@contoso.example", "b@contoso.example"))
    taken = Reply(code=250, text="ok")
    delivery = Delivery(recipients={"a@contoso.example": taken}, end=Taken(reply=taken))
    step = after_try(replace(entry, attempts=1), "run", delivery, now=office.clock.now(), policy=RetryPolicy())
    assert {address: result.state for address, result in step.results.items()} == {
        "a@contoso.example": RecipientState.SENT,
        "b@contoso.example": RecipientState.PENDING,
    }


def test_the_profile_says_which_reports_are_asked_for() -> None:
    asked = []

    class Asking(MemorySender):
        def open(self, account):  # type: ignore[no-untyped-def]
            opened = super().open(account)

            @contextmanager
            def watched():  # type: ignore[no-untyped-def]
                with opened as session:

                    class Watched:
                        is_usable = True

                        def send(self, envelope, **named):  # type: ignore[no-untyped-def]
                            asked.append((envelope.reports, envelope.id))
                            return session.send(envelope, **named)

                    yield Watched()

            return watched()

    office = Office()
    for reports in (None, ("failure", "delay"), ()):
        office.applied.change("EmailServerProfile", outgoing__deliveryReports=reports)
        (entry,) = office.add()
        send_due(replace(office.outgoing(), sender=Asking(server=office.server)))
        assert asked[-1][1] == entry.message_id.strip("<>")
    assert [reports for reports, _ in asked] == [None, frozenset({"failure", "delay"}), frozenset()]


@pytest.mark.parametrize("noting", [True, False])
def test_an_answer_is_kept_before_a_word_is_said_about_the_next_mail(noting: bool) -> None:
    """Whoever dies between two mails leaves no doubt about the first."""
    office, notes = Office(), MemorySettledNotes() if noting else NoNotes()
    seen: list[list[str]] = []
    noted: list[list[int]] = []

    class Watched(MemoryServer):
        def next_fault(self, step: str) -> Fault | None:
            if step == "mail":
                seen.append(office.states())
                noted.append(list(notes.of("run-1").answers))
            return super().next_fault(step)

    office.server = Watched()
    office.add(3)
    send_due(replace(office.outgoing(), notes=notes))
    waiting = "pending-send"
    if noting:
        # The first shows how quick the server is; the others are taken together.
        assert seen == [[waiting] * 3, ["sent", "sending", "sending"], ["sent", "sending", "sending"]]
        assert noted == [[], [], [2]]
    else:
        assert seen == [[waiting] * 3, ["sent", waiting, waiting], ["sent", "sent", waiting]]
    assert office.states() == ["sent"] * 3
    assert notes.of("run-1") == NOTHING_NOTED, "nothing is left when it is all in the outbox"


def died_after_the_answer(office: Office, notes: SettledNotes) -> OutboxEntry:
    """The only mail is `sending`, its answer noted, and its run dead."""
    (listed,) = office.add()

    class Dying:
        """As a process that dies after its first answer leaves the outbox."""

        def __getattr__(self, name: str) -> object:
            return getattr(office.outbox, name)

        def follow(self, moves):  # type: ignore[no-untyped-def]
            return office.outbox.follow(moves) if len(moves[0].steps) == 2 else []

        def end_lease(self, owner: str) -> None:
            pass

    class Kept:
        def __getattr__(self, name: str) -> object:
            return getattr(notes, name)

        def forget(self, owner: str) -> None:
            pass

    send_due(replace(office.outgoing(), outbox=Dying(), notes=Kept()))  # type: ignore[arg-type]
    office.clock.pass_by(minutes=2)
    entry = office.outbox.entry(listed.id)
    assert entry is not None
    assert entry.state is OutgoingState.SENDING
    return entry


def test_the_next_run_settles_what_a_dead_one_noted() -> None:
    office, notes = Office(), MemorySettledNotes()
    died_after_the_answer(office, notes)
    notes.died.add("run-1")
    report = send_due(replace(office.outgoing("run-2"), notes=notes))
    assert ([entry.state for entry in report.settled], report.abandoned) == ([OutgoingState.SENT], ())
    assert len(office.server.taken) == 1
    assert notes.left_behind() == []
    assert [event.why for event in office.outbox.events(1)][-1] == "try 1: 1 sent: 250 kept in memory"


@pytest.mark.parametrize("spoilt", ["none", "other try", "other owner", "says nothing"])
def test_a_note_that_does_not_fit_leaves_the_mail_uncertain(spoilt: str) -> None:
    office, notes = Office(), MemorySettledNotes()
    entry = died_after_the_answer(office, notes)
    step = notes.of("run-1").answers[entry.id]
    notes.forget("run-1")
    match spoilt:
        case "other try":
            notes.keep(entry.id, replace(step, attempt=2))
        case "other owner":
            notes.keep(entry.id, replace(step, owner="run-3"))
        case "says nothing":
            notes.keep(entry.id, replace(step, results={}))
    report = send_due(replace(office.outgoing("run-2"), notes=notes))
    assert [entry.state for entry in report.abandoned] == [OutgoingState.UNCERTAIN]


def test_notes_of_a_dead_run_stay_while_its_lease_runs() -> None:
    office, notes = Office(), MemorySettledNotes()
    died_after_the_answer(office, notes)
    notes.died.add("run-1")
    office.outbox.hold_lease("run-1", until=office.clock.now() + timedelta(minutes=1))
    assert send_due(replace(office.outgoing("run-2"), notes=notes)).settled == ()
    assert notes.left_behind() == ["run-1"]


@pytest.mark.parametrize("by_hand", [Retry(by="admin"), Withdraw(by="admin")], ids=["tried again", "withdrawn and tried again"])
def test_a_try_that_a_person_asks_for_while_the_server_is_asked_leaves_no_doubt(by_hand: Retry | Withdraw) -> None:
    """What a pass has listed is older than what the person did: its answer would speak for a try that is none."""
    office = Office()
    (entry,) = office.add()
    office.server.plan("rcpt", Answer(450))
    office.send()
    office.clock.pass_by(minutes=5)

    class Asking(MemoryServer):
        def next_fault(self, step: str) -> Fault | None:
            if step == "rcpt" and office.outbox.entries()[0].attempts == 1:
                office.outbox.advance(entry.id, by_hand, at=office.clock.now())
                office.outbox.advance(entry.id, Retry(by="admin"), at=office.clock.now())
            return super().next_fault(step)

    office.server = Asking()
    office.send()
    assert (office.states(), office.server.taken) == (["pending-send"], [])
    office.send()
    assert (office.states(), len(office.server.taken)) == (["sent"], 1)


def test_a_store_that_fails_after_the_answer_does_not_lose_the_answer() -> None:
    """The disk fills between the server's answer and the outbox; the next run still knows what the answer was."""
    office, notes = Office(), MemorySettledNotes()
    office.add()

    class Filling:
        def __getattr__(self, name: str) -> object:
            return getattr(office.outbox, name)

        def follow(self, moves: Sequence[Move]) -> list[OutboxEntry | ReconcileError]:
            if office.server.taken:
                raise PermanentError("no space left")
            return office.outbox.follow(moves)

    with pytest.raises(PermanentError):
        send_due(replace(office.outgoing(), outbox=Filling(), notes=notes))  # type: ignore[arg-type]
    assert office.states() == ["sending"]
    report = send_due(replace(office.outgoing("run-2"), notes=notes))
    assert (office.states(), len(office.server.taken), report.abandoned) == (["sent"], 1, ())
