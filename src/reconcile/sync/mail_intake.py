"""Taking in outgoing mail: the one way into the outbox, for single mails and for batches.

Whoever dies here leaves whole mails or none: a mail and its key are one transaction. The next run hands the same lines in again,
and what is there is found by its key.
"""

from __future__ import annotations

import mimetypes
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from reconcile.desired.suggest import did_you_mean
from reconcile.errors import ReconcileError, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.answered import Answered
from reconcile.model.intake import IntakeResult, LineOutcome, Refusal, Refused, Taken
from reconcile.model.mail_address import comparable
from reconcile.model.mail_clues import MailClues
from reconcile.model.outgoing import OutboxEntry
from reconcile.model.tracking_token import TokenFormat, token
from reconcile.ports.applied import AppliedState
from reconcile.ports.clock import Clock
from reconcile.ports.outbox_store import Added, AddOutcome, NewMail, OutboxStore
from reconcile.sync.decide.compose import Composed, Stamp, compose, not_allowed, request_of
from reconcile.sync.decide.correlation import clues_of
from reconcile.sync.decide.draft import Attachment, Draft, DraftRefused, is_message_id
from reconcile.sync.decide.header import header_end, instant_text, scan
from reconcile.sync.decide.intake_line import LineError
from reconcile.sync.decide.mail_intake import File, MailOrder, mail_order, placed
from reconcile.sync.decide.outgoing_limits import check_attachments, check_size
from reconcile.sync.decide.permitted import Permits, next_step
from reconcile.sync.decide.submission import SendingMailbox, SendingSetup, SilentMailbox, sending_setup
from reconcile.sync.line_batches import line_batches
from reconcile.sync.lines import Line
from reconcile.sync.refusal import misfit, too_long

#: Addresses that one message names.
_SHOWN = 20
#: So many mails, or about so many octets, share a transaction.
_MAILS = (64, 4 * 1024 * 1024)


class Refusing(UserError):
    """A mail that is not taken in, with the stable word for why."""

    def __init__(self, refusal: Refusal, message: str, *, hint: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.refusal = refusal
        self.path = path


def no_files(path: str) -> bytes:
    """For intakes that must not read files of this machine. Raises UserError."""
    raise UserError(f"attachment {path!r} is given by its path, and no files are read here", hint="Send its content as base64.")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers for tracking tokens, used up one by one: by mailbox id, its place and the count of its messages."""

    left: Mapping[str, tuple[int, Iterator[int]]]

    def token(self, mailbox_id: str, form: TokenFormat) -> str:
        """The next one."""
        ordinal, counter = self.left[mailbox_id]
        return token(form, ordinal=ordinal, count=next(counter))


@dataclass(frozen=True, slots=True, kw_only=True)
class MailIntake:
    """`mint` gives unguessable tokens, `read` the content of an attachment by its path (raises UserError or OSError)."""

    applied: AppliedState
    outbox: OutboxStore
    clock: Clock
    mint: Callable[[], str]
    read: Callable[[str], bytes] = no_files
    #: What is known of mail that is answered, by Message-ID or number of the activity.
    answered: Callable[[str | int], Answered | None] = lambda _: None
    #: Those of these addresses (as `comparable` writes them) behind which nobody stands in the directory.
    strangers: Callable[[Collection[str]], Collection[str]] = lambda _: ()

    def setup(self) -> SendingSetup:
        """Who may send what, as applied now."""
        # A mailbox that waits for approval or its test takes mail in, which waits with it.
        return sending_setup(self.applied.resources(), now=instant.text(self.clock.now()), permits=Permits(unconditional=True))

    def sender(self, word: str) -> SendingMailbox:
        """The mailbox of that slug, address or id. Raises Refusing when there is none, or it cannot send."""
        return _sender(self.setup(), word)

    def submit(self, draft: Draft, mailbox: str, key: str) -> Added:
        """One mail. Raises UserError."""
        setup, known = self.setup(), self.outbox.keyed([key]) if key else {}
        if setup.correlation.token is not None and key not in known:
            # One that is refused uses up no number.
            self._made(draft, mailbox, key, setup, known, Numbers(defaultdict(lambda: (1, count(1)))))
        made = self._made(draft, mailbox, key, setup, known, self._numbers(setup, [] if key in known else [(draft, mailbox)]))
        return made if isinstance(made, Added) else self.outbox.add(made.entry, made.content, clues_of_outgoing(made, setup))

    def take(self, lines: Iterable[Line]) -> Iterator[list[LineOutcome]]:
        """Outcomes of lines in their order, batch by batch, each durable when it is told."""
        return map(self._take, line_batches(lines, _MAILS))

    def _take(self, batch: list[Line]) -> list[LineOutcome]:
        orders = [_order(line) for line in batch]
        setup = self.setup()
        known = self.outbox.keyed({one.client_key for one in orders if isinstance(one, MailOrder)})
        numbers = self._numbers(
            setup, [(one.draft, one.mailbox) for one in orders if isinstance(one, MailOrder) and one.client_key not in known]
        )
        made = [
            one if isinstance(one, Refused) else self._prepared(line, one, setup, known, numbers)
            for line, one in zip(batch, orders, strict=True)
        ]
        added = iter(
            self.outbox.add_all(
                [
                    NewMail(entry=one.entry, content=one.content, clues=clues_of_outgoing(one, setup))
                    for one in made
                    if isinstance(one, Composed)
                ]
            )
        )
        outcomes: list[LineOutcome] = []
        for line, order, one in zip(batch, orders, made, strict=True):
            if isinstance(one, Refused):
                outcomes.append(one)
                continue
            assert isinstance(order, MailOrder)
            outcomes.append(_outcome(line, order, next(added) if isinstance(one, Composed) else one))
        return outcomes

    def _numbers(self, setup: SendingSetup, wanted: Iterable[tuple[Draft, str]]) -> Numbers:
        """Numbers for the tokens of these mails, of which a mail that is refused wastes one."""
        form = setup.correlation.token
        if form is None:
            return Numbers({})
        senders = (setup.named(draft.send_as or word) for draft, word in wanted if draft.raw is None)
        counts = Counter(one.mailbox_id for one in senders if isinstance(one, SendingMailbox))
        found = self.outbox.count_tokens(counts) if counts else {}
        return Numbers({mailbox_id: (one.ordinal, count(one.first)) for mailbox_id, one in found.items()})

    def _prepared(
        self, line: Line, order: MailOrder, setup: SendingSetup, known: Mapping[str, OutboxEntry], numbers: Numbers
    ) -> Composed | Added | Refused:
        try:
            files = tuple(self._attachment(one, number) for number, one in enumerate(order.files))
            return self._made(replace(order.draft, attachments=files), order.mailbox, order.client_key, setup, known, numbers)
        except Refusing as error:
            there = known.get(order.client_key)
            also = f" (the key {order.client_key!r} is already mail {there.id})" if there and error.refusal is Refusal.ATTACHMENT else ""
            return _refused(line, order, error.refusal, error.message + also, error.hint, error.path)
        except DraftRefused as error:
            return misfit(line, placed(order, error))

    def _made(
        self, draft: Draft, word: str, key: str, setup: SendingSetup, known: Mapping[str, OutboxEntry], numbers: Numbers
    ) -> Composed | Added:
        mailbox, there = setup.named(word), known.get(key)
        if there is not None:
            # Before anything else: what was taken in stays so, whatever is applied by now.
            whose = there.submitter_id or there.mailbox_id
            names = (whose, there.submitter_name or there.mailbox_name, there.sender)
            asked = mailbox.mailbox_id if mailbox else whose if word in names else ""
            if request_of(draft, asked) != there.request:
                words = f"the key {key!r} was used for another mail, {there.id}"
                raise Refusing(Refusal.KEY_USED, words, hint="Give each mail a key of its own.", path=("clientKey",))
            return Added(entry=there, existed=True)
        submitter = _sender(setup, word)
        sender = submitter if not draft.send_as else _written_as(setup, submitter, draft.send_as)
        check_attachments(draft, setup.attachments)
        form = setup.correlation.token
        stamp = Stamp(
            tracking_token=numbers.token(sender.mailbox_id, form) if form is not None and draft.raw is None else "",
            form=form,
            submitter=submitter if sender is not submitter else None,
            answered=self._answered(draft),
        )
        composed = compose(draft, sender, key=key, token=self.mint().replace("-", ""), now=self.clock.now(), stamp=stamp)
        self._check_recipients(draft, composed, setup)
        check_size(composed, sender)
        return composed

    def _answered(self, draft: Draft) -> Answered | None:
        if draft.reply_to is None:
            return self.answered(draft.in_reply_to) if draft.in_reply_to else None
        found = self.answered(draft.reply_to)
        if found is None:
            words = f"there is no activity {draft.reply_to} to answer"
            raise DraftRefused(words, hint="`reconcile activities list` shows them.", path=("in_reply_to",))
        if not is_message_id(found.message_id):
            words = f"activity {draft.reply_to} has no Message-ID that an answer could name"
            raise DraftRefused(words, hint="Write a new mail instead.", path=("in_reply_to",))
        return found

    def _check_recipients(self, draft: Draft, composed: Composed, setup: SendingSetup) -> None:
        refused = not_allowed(composed.entry.recipients, setup.allowed)
        if refused:
            listed = ", ".join(setup.allowed) if setup.allowed else "nobody"
            raise Refusing(
                Refusal.NOT_ALLOWED,
                f"not in allowedRecipients of the applied environment: {shortened(refused)} (allowed: {listed})",
                hint="Add the address or its @domain to the Environment and apply it, or leave the recipient out.",
                path=_place(draft, refused[0]),
            )
        if setup.unresolved:
            return
        by_form = {comparable(one.address): one.address for one in composed.entry.recipients}
        unknown = [by_form[one] for one in by_form if one in set(self.strangers(by_form))]
        if unknown:
            raise Refusing(
                Refusal.UNRESOLVED,
                f"no row of the directory has the address {shortened(unknown)}, and addressResolution.allowUnresolvedRecipients is false",
                hint="Import the row (`reconcile parties import`), or leave the recipient out.",
                path=_place(draft, unknown[0]),
            )

    def _attachment(self, file: File, number: int) -> Attachment:
        content, name = file.content, file.name
        if content is None:
            assert file.path is not None
            try:
                content, name = self.read(file.path), name or file.path.replace("\\", "/").rpartition("/")[2]
            except (ReconcileError, OSError) as error:
                words = error.message if isinstance(error, ReconcileError) else f"attachment {file.path!r}: {error.strerror or error}"
                hint = error.hint if isinstance(error, ReconcileError) else "Check the path and its rights."
                raise Refusing(Refusal.ATTACHMENT, words, hint=hint, path=("attachments", number, "path")) from error
        return Attachment(name=name, media_type=file.media_type or media_type(name), content=content)


def shortened(addresses: Sequence[str]) -> str:
    """The first ones, and how many more."""
    more = f" and {len(addresses) - _SHOWN} more" if len(addresses) > _SHOWN else ""
    return ", ".join(addresses[:_SHOWN]) + more


def clues_of_outgoing(made: Composed, setup: SendingSetup) -> MailClues | None:
    """By what an answer to the mail will be recognised, beside its Message-ID and its token."""
    end = header_end(made.content, len(made.content))
    at = instant_text(made.entry.added_at)
    header = scan(made.content[: max(end, 0)])
    return clues_of(header, setup.correlation, at=at, oldest="")


def media_type(name: str) -> str:
    """By the ending of a file's name."""
    found, encoding = mimetypes.guess_type(name)
    return "application/octet-stream" if found is None or encoding is not None else found


def _sender(setup: SendingSetup, word: str) -> SendingMailbox:
    mailbox = setup.named(word)
    if mailbox is None:
        near = did_you_mean(word, (one.name for one in setup.mailboxes.values()))
        lead = f"{near[:1].upper()}{near[1:]}{'' if near.endswith('?') else '.'} " if near else ""
        hint = f"{lead}`reconcile mailboxes` lists them."
        raise Refusing(Refusal.NO_MAILBOX, f"no mailbox {word!r} is applied", hint=hint, path=("from",))
    if not isinstance(mailbox, SendingMailbox):
        where = f" ({mailbox.condition.origin})" if mailbox.condition.origin else ""
        words = f"mailbox {mailbox.name} cannot send: {mailbox.condition.message}{where}"
        raise Refusing(Refusal.CANNOT_SEND, words, hint=_mended(mailbox), path=("from",))
    return mailbox


def _mended(silent: SilentMailbox) -> str:
    return next_step(silent.condition, silent.name) or "Change it in git and apply."


def _written_as(setup: SendingSetup, submitter: SendingMailbox, word: str) -> SendingMailbox:
    """The other mailbox, if its owner consents."""
    other = setup.named(word)
    if isinstance(other, SilentMailbox):
        where = f" ({other.condition.origin})" if other.condition.origin else ""
        words = f"mailbox {other.name} cannot send: {other.condition.message}{where}"
        raise Refusing(Refusal.CANNOT_SEND, words, hint=_mended(other), path=("sendAs",))
    if other is None:
        raise Refusing(Refusal.NO_MAILBOX, f"no mailbox {word!r} is applied", hint="`reconcile mailboxes` lists them.", path=("sendAs",))
    if other is not submitter and submitter.name not in other.send_as:
        raise Refusing(
            Refusal.NOT_CONSENTED,
            f"mailbox {submitter.name} may not send as {other.name}: sendAs of {other.name} does not name it",
            hint=f"Add sendAs: [{submitter.name}] to Mailbox/{other.name} and apply it, or send as {submitter.name}.",
            path=("sendAs",),
        )
    return other


def _order(line: Line) -> MailOrder | Refused:
    if line.data is None:
        return too_long(line)
    try:
        return mail_order(line.data)
    except LineError as error:
        return misfit(line, error)


def _refused(line: Line, order: MailOrder, refusal: Refusal, message: str, hint: str, path: tuple[str | int, ...]) -> Refused:
    return Refused(
        line=line.number,
        column=order.column_of(*path),
        client_key=order.client_key,
        refusal=refusal,
        field=".".join(map(str, path)),
        message=message,
        hint=hint,
    )


def _outcome(line: Line, order: MailOrder, outcome: AddOutcome) -> LineOutcome:
    match outcome:
        case Added():
            result = IntakeResult.REPEATED if outcome.existed else IntakeResult.ADDED
            return Taken(line=line.number, client_key=order.client_key, result=result, id=outcome.entry.id)
        case UserError():
            return _refused(line, order, Refusal.KEY_USED, outcome.message, outcome.hint, ("clientKey",))


def _place(draft: Draft, address: str) -> tuple[str | int, ...]:
    for field, listed in (("to", draft.to), ("cc", draft.cc), ("bcc", draft.bcc)):
        for number, text in enumerate(listed):
            if address in text:
                return (field, number)
    return ()
