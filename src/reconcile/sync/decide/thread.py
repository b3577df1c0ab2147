"""Headers by which mail programs put an answer below what it answers.

They are written octet by octet, and of nothing but what was checked: a library that folds a long id makes an encoded word of it,
which no reader takes for the id.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.policy import SMTP

from reconcile.model.answered import Answered
from reconcile.model.conversation_index import answer, new_conversation, text_of_conversation_index
from reconcile.model.mail_address import has_control_characters
from reconcile.sync.decide.draft import is_message_id
from reconcile.sync.decide.header import decode_words

#: Ids of a thread that an answer names: the first, which began it, and the newest.
MOST_REFERENCES = 20
#: A topic is no longer than this (characters).
_LONGEST_TOPIC = 255
#: Octets of a Thread-Index in one line, as base64.
_LINE = 72
_TOPIC = re.compile(rb"^thread-topic[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE | re.MULTILINE)


def thread_fields(in_reply_to: str, answered: Answered | None, *, subject: str, chance: bytes, now: datetime) -> bytes:
    """Header lines, each ended by CRLF. `in_reply_to` is a Message-ID that was checked, "" for a new mail; `answered` is what is known of
    it; `chance` are 17 random octets, `subject` the subject without token."""
    if not in_reply_to:
        index, topic = new_conversation(chance[:16], now), subject
    elif answered is not None and answered.conversation:
        index, topic = answer(answered.conversation, chance[16], now), answered.topic or subject
    else:
        index, topic = b"", ""
    lines = b""
    if in_reply_to:
        known = answered.references if answered else ()
        older = [one for one in dict.fromkeys(known) if is_message_id(one) and one != in_reply_to]
        if len(older) >= MOST_REFERENCES:
            older = [older[0], *older[len(older) - MOST_REFERENCES + 2 :]]
        lines += _field("In-Reply-To", [in_reply_to]) + _field("References", [*older, in_reply_to])
    if index:
        text = text_of_conversation_index(index)
        lines += _field("Thread-Index", [text[start : start + _LINE] for start in range(0, len(text), _LINE)]) + _topic(topic)
    return lines


def _field(name: str, words: list[str]) -> bytes:
    """One word a line."""
    return (f"{name}: " + "\r\n ".join(words) + "\r\n").encode("ascii")


def _topic(text: str) -> bytes:
    if not text or has_control_characters(text) or any("\ud800" <= one <= "\udfff" for one in text):
        return b""
    policy = SMTP.clone(cte_type="7bit")
    folded: str = policy.header_factory("Thread-Topic", text[:_LONGEST_TOPIC]).fold(policy=policy)
    return folded.encode("ascii")


def topic_of(block: bytes) -> str:
    """The Thread-Topic of a header block, "" where there is none or it cannot stand in a header of ours."""
    found = _TOPIC.search(block)
    if found is None:
        return ""
    text = decode_words(found[1].decode("utf-8", "replace").replace("\r\n", "").replace("\n", "").strip(), [])
    return "" if has_control_characters(text) else text[:_LONGEST_TOPIC]
