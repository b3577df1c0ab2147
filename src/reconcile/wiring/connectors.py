"""Factories of connectors: what reads, marks, counts, finds and watches at the mail server of a mailbox, by its protocol."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from reconcile.settings import Settings
from reconcile.wiring.exchange import exchange_account, exchange_sessions
from reconcile.wiring.secrets import secret_resolver

if TYPE_CHECKING:
    from reconcile.mail.endpoint import Endpoint
    from reconcile.model.item import ItemKind
    from reconcile.ports.mail import Inbox, MessageCounter, MessageFinder, Watcher
    from reconcile.ports.mail_marks import MailMarks
    from reconcile.ports.secrets import SecretResolver
    from reconcile.ports.sign_in import SignIn, SignIns
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.eligible import ReceivingMailbox


def inboxes(settings: Settings, accounts: SignIns, secrets: SecretResolver) -> Callable[[ReceivingMailbox], Inbox]:
    """Makes the inbox of a mailbox. Raises SettingsError when its password or its authority cannot be had."""
    reach = reached(settings, accounts, secrets)

    def connect(mailbox: ReceivingMailbox) -> Inbox:
        if mailbox.protocol == "pop3":
            from reconcile.mail.pop3.inbox import Pop3Inbox

            return Pop3Inbox(*reach(mailbox))
        if mailbox.protocol == "ews":
            from reconcile.mail.ews.inbox import EwsInbox

            return EwsInbox(exchange_account(mailbox, reach(mailbox)), exchange_sessions(), mailbox.folders)
        from reconcile.mail.imap.inbox import ImapInbox

        return ImapInbox(*reach(mailbox))

    return connect


def mail_marks(settings: Settings, accounts: SignIns, secrets: SecretResolver) -> Callable[[ReceivingMailbox], MailMarks]:
    """Makes what changes mail at the server of a mailbox. Raises as `inboxes`."""
    reach = reached(settings, accounts, secrets)

    def connect(mailbox: ReceivingMailbox) -> MailMarks:
        if mailbox.protocol == "pop3":
            from reconcile.mail.pop3.marks import Pop3Marks

            return Pop3Marks(*reach(mailbox))
        if mailbox.protocol == "ews":
            from reconcile.mail.ews.marks import EwsMarks

            return EwsMarks(exchange_account(mailbox, reach(mailbox)), exchange_sessions())
        from reconcile.mail.imap.marks import ImapMarks

        return ImapMarks(*reach(mailbox))

    return connect


def message_finders(settings: Settings, database: Database) -> Callable[[ReceivingMailbox], MessageFinder | None]:
    """Makes what looks where a server has a message, None where its protocol shows one folder only. Raises as `inboxes`."""
    from reconcile.wiring.sign_in import sign_ins

    reach = reached(settings, sign_ins(settings, database), secret_resolver(settings))

    def connect(mailbox: ReceivingMailbox) -> MessageFinder | None:
        if mailbox.protocol == "pop3":
            return None
        if mailbox.protocol == "ews":
            from reconcile.mail.ews.finder import EwsFinder

            return EwsFinder(exchange_account(mailbox, reach(mailbox)), exchange_sessions())
        from reconcile.mail.imap.finder import ImapFinder

        return ImapFinder(*reach(mailbox))

    return connect


def watchers(
    settings: Settings,
    accounts: SignIns,
    secrets: SecretResolver,
    items: Callable[[str, frozenset[ItemKind]], None] | None = None,
) -> Callable[[ReceivingMailbox], Watcher]:
    """Makes what waits for new mail of a mailbox (incoming.idle); `items` is told of its id and the kinds of items that changed, where its
    items are kept in step. Raises as `inboxes`."""
    reach = reached(settings, accounts, secrets)

    def connect(mailbox: ReceivingMailbox) -> Watcher:
        if mailbox.protocol == "ews":
            from reconcile.mail.ews.watcher import EwsWatcher

            told = partial(items, mailbox.mailbox_id) if items is not None and mailbox.items else None
            return EwsWatcher(exchange_account(mailbox, reach(mailbox)), exchange_sessions(), mailbox.folders, told)
        from reconcile.mail.imap.idle import ImapWatcher

        return ImapWatcher(*reach(mailbox))

    return connect


def message_counters(settings: Settings, accounts: SignIns, secrets: SecretResolver) -> Callable[[ReceivingMailbox], MessageCounter]:
    """Makes what counts the messages of a mailbox at its server. Raises as `inboxes`."""
    reach = reached(settings, accounts, secrets)

    def connect(mailbox: ReceivingMailbox) -> MessageCounter:
        if mailbox.protocol == "pop3":
            from reconcile.mail.pop3.count import Pop3Counter

            return Pop3Counter(*reach(mailbox))
        if mailbox.protocol == "ews":
            from reconcile.mail.ews.count import EwsCounter

            return EwsCounter(exchange_account(mailbox, reach(mailbox)), exchange_sessions(), mailbox.folders)
        from reconcile.mail.imap.count import ImapCounter

        return ImapCounter(*reach(mailbox))

    return connect


def reached(settings: Settings, accounts: SignIns, secrets: SecretResolver) -> Callable[[ReceivingMailbox], tuple[Endpoint, SignIn]]:
    authorities: dict[str, bytes] = {}

    def reach(mailbox: ReceivingMailbox) -> tuple[Endpoint, SignIn]:
        from reconcile.mail.endpoint import Endpoint
        from reconcile.model.secret import SecretRef

        if mailbox.authority and mailbox.authority not in authorities:
            authorities[mailbox.authority] = secrets.resolve(SecretRef.parse(mailbox.authority)).reveal()
        sign_in = accounts.of(mailbox.sign_in, name=mailbox.name)
        assert sign_in is not None, "nobody receives without signing in"
        silence = min(settings.silence_timeout, mailbox.silence or settings.silence_timeout)
        endpoint = Endpoint(
            host=mailbox.server,
            port=mailbox.port,
            tls=mailbox.tls,
            authority=authorities.get(mailbox.authority),
            client=accounts.certificate(mailbox.sign_in),
            compress=mailbox.compress,
            connect_timeout=settings.connect_timeout,
            silence_timeout=silence,
        )
        return endpoint, sign_in

    return reach
