"""What is known of a mail that is answered: one that we tracked, or one that we sent."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.errors import PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.answered import Answered
from reconcile.model.conversation_index import parse_conversation_index
from reconcile.model.tracking import MailRef
from reconcile.ports.correlation import CorrelationLookup
from reconcile.ports.mail_store import ActivityReader
from reconcile.ports.outbox_store import OutboxReader
from reconcile.sync.decide.header import header_end, scan
from reconcile.sync.decide.thread import topic_of

#: More of a message than any header has (octets).
_MOST = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answering:
    """Reads only."""

    activities: ActivityReader
    outbox: OutboxReader
    lookup: CorrelationLookup

    def of(self, asked: str | int) -> Answered | None:
        """By the number of an activity or a Message-ID; None when it is not known (or its bytes are damaged)."""
        if isinstance(asked, int):
            return self._answered(MailRef(kind="email", id=asked))
        # A tracked e-mail first: of our own mail the copy that came back is the one somebody answers.
        found = sorted(self.lookup.by_message_id([asked]).get(asked, ()), key=lambda one: one.kind != "email")
        return self._answered(found[0]) if found else None

    def _answered(self, mail: MailRef) -> Answered | None:
        try:
            block = _header(self.activities.raw(mail.id) if mail.kind == "email" else [self.outbox.content(mail.id)])
        except PermanentError:
            return None
        facts = self.lookup.facts([mail]).get(mail)
        if facts is None:
            return None
        header = scan(block)
        writers = header.reply_to or ((header.sender,) if header.sender else ())
        return Answered(
            message_id=header.message_id,
            references=header.references or ((header.in_reply_to,) if header.in_reply_to else ()),
            conversation=parse_conversation_index(header.thread_index),
            topic=topic_of(block),
            subject=header.subject,
            reply_to=tuple(one.address for one in writers),
            regarding=facts.regarding,
        )


def _header(chunks: Iterable[bytes]) -> bytes:
    block = b""
    for chunk in chunks:
        block += chunk[: _MOST - len(block)]
        end = header_end(block, len(block))
        if end >= 0:
            return block[:end]
        if len(block) >= _MOST:
            break
    return block
