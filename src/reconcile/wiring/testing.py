"""What tries the servers of applied mailboxes for a person, and keeps the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconcile.lazy_dataclass import dataclass
from reconcile.settings import Settings
from reconcile.wiring.applied import applied_state
from reconcile.wiring.discovering import Discovering
from reconcile.wiring.mail import inboxes, outgoing
from reconcile.wiring.permits import enablement_store
from reconcile.wiring.secrets import secret_resolver
from reconcile.wiring.sign_in import sign_ins
from reconcile.wiring.system import SystemClock

if TYPE_CHECKING:
    from reconcile.mail.endpoint import Endpoint
    from reconcile.model.discovered_server import DiscoveredServer
    from reconcile.model.enablement import Direction
    from reconcile.model.mailbox_test import MailboxTest, TestedStep
    from reconcile.model.sign_in import SignInPlan
    from reconcile.ports.enablement_store import EnablementStore
    from reconcile.ports.target import AppliedResource
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.eligible import ReceivingMailbox
    from reconcile.sync.decide.permitted import Permits


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxTester:
    """Tests whatever was said about a mailbox: also one that waits for approval, or is disabled."""

    settings: Settings
    database: Database
    actor: str
    resources: Sequence[AppliedResource]
    store: EnablementStore
    discovering: Discovering

    def directions(self, mailbox: AppliedResource, only: str | None) -> list[Direction]:
        """Those that are declared server-side (by the mailbox, or by the organization for all), narrowed to one."""
        from reconcile.model.enablement import Direction

        organization = next((one for one in self.resources if one.kind == "Organization"), None)
        usual = organization.spec if organization else {}
        declared = [
            direction
            for direction in Direction
            if (mailbox.spec.get(str(direction)) or usual.get(f"defaults.{direction}")) == "server-side"
        ]
        return [direction for direction in declared if only in (None, str(direction))]

    def test(self, mailbox: AppliedResource, only: str | None, *, items: bool = False) -> Iterator[MailboxTest]:
        """One after the other; each result is kept before it is told. `items`: their folders as well, where they are asked for; what comes
        of that is told only."""
        from dataclasses import replace

        from reconcile.model.enablement import Direction
        from reconcile.model.mailbox_test import MailboxTest

        # Once for both directions: they share one server.
        step, server = self.discovering.tested(mailbox) if self.discovering.wanted(mailbox) else (None, None)
        for direction in self.directions(mailbox, only):
            if step is not None and not step.ok:
                done = MailboxTest(mailbox=mailbox.name, direction=direction, server="", steps=(step,))
            else:
                done = self._incoming(mailbox, server) if direction is Direction.INCOMING else self._outgoing(mailbox, server)
                done = replace(done, steps=(step, *done.steps)) if step is not None else done
            self.store.advance(mailbox.external_id, done.ended(), at=SystemClock().now(), by=self.actor, name=mailbox.name)
            yield done
        if items and only in (None, "items") and (tested := self._items(mailbox, step, server)) is not None:
            yield tested

    def _items(self, mailbox: AppliedResource, discovered: TestedStep | None, server: DiscoveredServer | None) -> MailboxTest | None:
        import time

        from reconcile.errors import ReconcileError
        from reconcile.mail.reach import reach_steps
        from reconcile.model.mailbox_test import MailboxTest
        from reconcile.sync.decide.item_mailboxes import NotKept, item_mailboxes
        from reconcile.sync.mailbox_test import items_test, not_possible
        from reconcile.wiring.items import collections, item_mailbox

        kept = next(iter(item_mailboxes(self._around(mailbox), now=_now(), permits=_trying(server))), None)
        if kept is None:
            return None
        if discovered is not None and not discovered.ok:
            return MailboxTest(mailbox=mailbox.name, direction=None, server="", steps=(discovered,))
        if isinstance(kept, NotKept):
            why = kept.condition
            place = f"Change {why.field}{f' ({why.origin})' if why.origin else ''} and apply."
            return not_possible(mailbox.name, None, why.message, place)
        found = kept.reach
        try:
            reach = reach_steps(self._endpoint(found.server, found.port, found.tls, found.authority, found.sign_in))
        except ReconcileError as error:
            return not_possible(mailbox.name, None, error.message, error.hint)
        connect, opened = collections(self.settings, self.database), item_mailbox(kept)
        return items_test(
            mailbox.name,
            f"{found.server}:{found.port}",
            reach=reach,
            connect=lambda kind: connect(opened, kind),
            monotonic=time.monotonic,
        )

    def _around(self, mailbox: AppliedResource) -> list[AppliedResource]:
        """The mailbox, and what is no mailbox."""
        return [one for one in self.resources if one.kind != "Mailbox" or one.external_id == mailbox.external_id]

    def _incoming(self, mailbox: AppliedResource, server: DiscoveredServer | None) -> MailboxTest:
        import time

        from reconcile.errors import ReconcileError
        from reconcile.mail.reach import reach_steps
        from reconcile.model.enablement import Direction
        from reconcile.sync.decide.eligible import ReceivingMailbox, receiving_mailboxes
        from reconcile.sync.decide.permitted import next_step
        from reconcile.sync.mailbox_test import incoming_test, not_possible

        found = receiving_mailboxes(self._around(mailbox), now=_now(), permits=_trying(server))[0]
        if not isinstance(found, ReceivingMailbox):
            why = found.conditions[0]
            place = f"Change {why.field}{f' ({why.origin})' if why.origin else ''} and apply."
            return not_possible(mailbox.name, Direction.INCOMING, why.message, next_step(why, mailbox.name) or place)
        try:
            reach = reach_steps(self._endpoint(found.server, found.port, found.tls, found.authority, found.sign_in))
        except ReconcileError as error:
            return not_possible(mailbox.name, Direction.INCOMING, error.message, error.hint)
        connect = inboxes(self.settings, sign_ins(self.settings, self.database), secret_resolver(self.settings))
        return incoming_test(
            mailbox.name,
            f"{found.server}:{found.port}",
            reach=reach,
            connect=lambda: connect(found),
            quota=(lambda: self._quota(found)) if found.protocol == "imap" else None,
            monotonic=time.monotonic,
        )

    def _outgoing(self, mailbox: AppliedResource, server: DiscoveredServer | None) -> MailboxTest:
        import time

        from reconcile.errors import ReconcileError
        from reconcile.mail.reach import reach_steps
        from reconcile.model.enablement import Direction
        from reconcile.sync.decide.submission import SendingMailbox, sending_setup
        from reconcile.sync.mailbox_test import not_possible, outgoing_test
        from reconcile.sync.outgoing import account_of

        found = sending_setup(self._around(mailbox), now=_now(), permits=_trying(server)).mailboxes[mailbox.external_id]
        if not isinstance(found, SendingMailbox):
            why = found.condition
            place = f"Change {why.field}{f' ({why.origin})' if why.origin else ''} and apply."
            return not_possible(mailbox.name, Direction.OUTGOING, why.message, place)
        sending = outgoing(self.settings, self.database, SystemClock())
        try:
            reach = reach_steps(self._endpoint(found.server, found.port, str(found.tls), found.authority, found.sign_in))
            account = account_of(sending, found)
        except ReconcileError as error:
            return not_possible(mailbox.name, Direction.OUTGOING, error.message, error.hint)
        return outgoing_test(
            mailbox.name,
            f"{found.server}:{found.port}",
            reach=reach,
            open_session=lambda: sending.sender.open(account),
            monotonic=time.monotonic,
        )

    def send(self, mailbox: AppliedResource, to: str) -> MailboxTest:
        """One short message through the outbox, by its rules: allow-lists, limits and journal hold for it as for any mail."""
        import time

        from reconcile.errors import ReconcileError
        from reconcile.model.enablement import Direction
        from reconcile.model.mailbox_test import MailboxTest, TestedStep
        from reconcile.model.outgoing import OutgoingState
        from reconcile.sync.decide.draft import Draft
        from reconcile.sync.outgoing import send_due
        from reconcile.wiring.feed import mail_intake

        started = time.monotonic()
        address = str(mailbox.spec.get("emailAddress", ""))
        draft = Draft(to=(to,), subject="Test message", text=f"This is a test of {address}. Nothing needs to be done.\n")
        try:
            sending = outgoing(self.settings, self.database, SystemClock())
            entry = mail_intake(self.database).submit(draft, mailbox.external_id, "").entry
            send_due(sending, mailboxes={mailbox.external_id})
            after = sending.outbox.entry(entry.id)
            state, why = (after.state, after.reason) if after is not None else (OutgoingState.FAILED, "it is gone")
            words = f"mail {entry.id} to {to} is {state}" + (f": {why}" if why else "")
            hint = "" if state is OutgoingState.SENT else f"Look at `reconcile outbox show {entry.id}`."
            step = TestedStep(name="send", ok=state is OutgoingState.SENT, words=words, hint=hint, seconds=time.monotonic() - started)
        except ReconcileError as error:
            step = TestedStep(name="send", ok=False, words=error.message, hint=error.hint, seconds=time.monotonic() - started)
        return MailboxTest(mailbox=mailbox.name, direction=Direction.OUTGOING, server="", steps=(step,))

    def _quota(self, mailbox: ReceivingMailbox) -> str:
        from reconcile.mail.imap.quota import quota
        from reconcile.wiring.connectors import reached

        endpoint, sign_in = reached(self.settings, sign_ins(self.settings, self.database), secret_resolver(self.settings))(mailbox)
        told = quota(endpoint, sign_in)
        return "not told by this server" if told is None else ", ".join(str(one) for one in told) or "no limit"

    def _endpoint(self, server: str, port: int, tls: str, authority: str, sign_in: SignInPlan) -> Endpoint:
        from reconcile.mail.endpoint import Endpoint
        from reconcile.model.secret import SecretRef

        pem = secret_resolver(self.settings).resolve(SecretRef.parse(authority)).reveal() if authority else None
        client = sign_ins(self.settings, self.database).certificate(sign_in)
        return Endpoint(host=server, port=port, tls=tls, authority=pem, client=client, connect_timeout=self.settings.connect_timeout)


def mailbox_tester(settings: Settings, database: Database, *, actor: str) -> MailboxTester:
    """Works from what was applied, as it stands now."""
    resources = applied_state(database).resources()
    return MailboxTester(
        settings=settings,
        database=database,
        actor=actor,
        resources=resources,
        store=enablement_store(database),
        discovering=Discovering(settings=settings, database=database, actor=actor, resources=resources),
    )


def _trying(server: DiscoveredServer | None) -> Permits:
    from reconcile.sync.decide.permitted import Permits

    return Permits(unconditional=True, servers={server.mailbox_id: server} if server is not None else {})


def _now() -> str:
    from reconcile.model import instant

    return instant.text(SystemClock().now())
