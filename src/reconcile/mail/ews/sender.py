"""Sending over Exchange Web Services: a draft is saved with its token, then sent by its id.

    looked for   in the drafts and in Sent Items, before anything is made: what an earlier try left is used, what it sent is not sent again
    saved        CreateItem, SaveOnly: nothing is on its way; a lost answer is settled by looking for the token
    begin        from here the mail may be on its way
    sent         SendItem: done, refused, or nobody knows; then Sent Items are looked into once, and what is not found stays unanswered

There is no answer for each recipient: the server takes the mail for all of them, and reports later whom it could not reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from reconcile.errors import PermanentError, ReconcileError, Throttled, TransientError, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import Answer, id_of, items_of
from reconcile.mail.ews.codes import AMBIGUOUS, BUSY, GONE, Kind, kind_of
from reconcile.mail.ews.drafts import DRAFTS, SENT, look_for, message_of, token_of
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.folder import opened
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.sessions import Sessions
from reconcile.ports import sender as port
from reconcile.ports.sender import Account, Broken, Delivery, End, Envelope, Refused, Reply, Taken, Unanswered
from reconcile.ports.tls import Tls


@dataclass(frozen=True, slots=True, kw_only=True)
class EwsSender:
    """See `Sender`. All times in seconds."""

    sessions: Sessions
    connect_timeout: float = 20.0
    silence_timeout: float = 60.0

    @contextmanager
    def open(self, account: Account) -> Iterator[port.Session]:
        """See `Sender.open`."""
        endpoint = Endpoint(
            host=account.server,
            port=account.port,
            tls="none" if account.tls is Tls.NONE else "implicit",
            authority=account.authority,
            client=account.client_certificate,
            connect_timeout=self.connect_timeout,
            silence_timeout=self.silence_timeout,
            path=account.path,
        )
        if account.tls is Tls.NONE and account.sign_in is not None and not account.clear_text:
            raise PermanentError("no password is sent without TLS", hint="Set tls to implicit.")
        exchange = ExchangeAccount(endpoint=endpoint, sign_in=account.sign_in, address=account.mailbox, access=account.access)
        link = Link(exchange, self.sessions)
        try:
            # Whether the account may sign in, and open the mailbox, shows before any mail is taken up.
            opened(link, DRAFTS)
            yield EwsSession(link)
        finally:
            link.close()


class EwsSession:
    """See `Session`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._usable = True

    @property
    def is_usable(self) -> bool:
        return self._usable

    def send(
        self,
        envelope: Envelope,
        *,
        begin: Callable[[Sequence[str]], None],
        ending: Callable[[], None] = lambda: None,
        at_once: bool = False,
        following: Callable[[], bytes | None] = lambda: None,
    ) -> Delivery:
        """See `Session.send`. Raises PermanentError (about the account or the mailbox) and Throttled before anything begins. What is asked
        for goes one after the other, so `at_once` and `following` change nothing."""
        token = token_of(envelope)
        taken = {address: _did("for the server to deliver") for address in envelope.recipients}
        try:
            found = look_for(self._link, token)
            if found.sent:
                begin(envelope.recipients)
                return Delivery(recipients=taken, end=Taken(reply=_did("it is in Sent Items already")))
            saved = found.draft or self._saved(envelope, token)
        except Throttled:
            raise
        except TransientError as error:
            self._usable = False
            return Delivery(recipients={}, end=Broken(step="saving the draft", why=error.message))
        if isinstance(saved, Refused):
            return Delivery(recipients={}, end=saved)
        begin(envelope.recipients)
        ending()
        return Delivery(recipients=taken, end=self._sent(saved, token))

    def _saved(self, envelope: Envelope, token: str) -> tuple[str, str] | Refused:
        """Id and change key of the draft. Raises what is not about this mail."""
        request = self._link.requests.create_message(DRAFTS, message_of(envelope, token))
        try:
            (answer,) = self._link.ask(request, again=False) or (None,)
        except TransientError:
            if not self._link.maybe_done:
                raise
            # Carried out or not: the token tells, and where it cannot be asked for, the next try does so first.
            found = look_for(self._link, token)
            if found.draft is None:
                raise
            return found.draft
        if answer is None:
            raise Unavailable(f"{self._link.where} does not say whether it saved the draft")
        if answer.done:
            made = next((id_of(item) for item in items_of(answer)), ("", ""))
            found_again = made if made[0] else look_for(self._link, token).draft
            if found_again is None:
                raise Unavailable(f"{self._link.where} says that it saved the draft, and has none")
            return found_again
        return self._refused(answer, "saving the draft")

    def _refused(self, answer: Answer, step: str) -> Refused:
        """Raises what is not about this mail."""
        error = refusal(answer, self._link.where)
        if isinstance(error, Throttled) or not _is_about_mail(answer):
            raise error
        return Refused(step=step, permanent=isinstance(error, PermanentError), why=error.message)

    def _sent(self, draft: tuple[str, str], token: str) -> End:
        """It has begun: nothing is raised any more, and what nobody knows is said so."""
        try:
            (answer,) = self._link.ask(self._link.requests.send_item(draft, SENT), again=False) or (None,)
        except ReconcileError as error:
            self._usable = False
            if not self._link.maybe_done and not _unsure(error):
                return self._not_sent(error)
            return self._settled(token, error.message)
        if answer is not None and answer.done:
            return Taken(reply=_did("the server took it"))
        if answer is None or answer.code in AMBIGUOUS or answer.code in GONE:
            return self._settled(token, refusal(answer, self._link.where).message if answer is not None else "it did not say")
        why, hopeless = refusal(answer, self._link.where).message, _is_about_mail(answer)
        if hopeless:
            self._cleared(draft)
        return Refused(step="sending the draft", permanent=hopeless, why=why)

    def _not_sent(self, error: ReconcileError) -> End:
        """The request did not reach the server, or was refused as a whole."""
        if isinstance(error, PermanentError | Throttled):
            return Refused(step="sending the draft", permanent=False, why=error.message)
        return Broken(step="sending the draft", why=error.message)

    def _settled(self, token: str, why: str) -> End:
        """Sent Items say that it went out. That it is not there says nothing: the server may still be at it."""
        try:
            if look_for(self._link, token).sent:
                return Taken(reply=_did("its answer was lost; it is in Sent Items"))
        except ReconcileError:
            pass
        return Unanswered(why=why)

    def _cleared(self, draft: tuple[str, str]) -> None:
        """What will never be sent does not stay in the drafts."""
        with suppress(ReconcileError):
            self._link.ask(self._link.requests.delete_items((draft[0],)))


def _is_about_mail(answer: Answer) -> bool:
    """Whether this mail will never be taken. A mailbox that is full, or not ours to use, is mended, and the mail waits."""
    return answer.code not in BUSY and answer.pause is None and kind_of(answer.code) in (Kind.ITEM, Kind.PERMANENT)


def _unsure(error: ReconcileError) -> bool:
    """Whether a fault leaves it open if the request was carried out."""
    return any(code in error.message for code in AMBIGUOUS)


def _did(words: str) -> Reply:
    """A code of SMTP is not what an Exchange server said."""
    return Reply(code=250, text=words, spoken=False)
