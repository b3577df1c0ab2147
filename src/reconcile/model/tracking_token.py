"""The text in a subject by which a reply is recognised: made, laid into a subject, and found again.

Shape (Power Platform: "Email message filtering and correlation"; System Settings dialog box, "Email" tab): prefix, the digit 0 that
once told online from offline clients, the number of the user, a counter of that user's messages, as in `CRM:0001042`. It is compared
as a whole, so a token of a former prefix, base number or width is still read.

A token names a mail; it proves nothing. Who quotes one must be recognised by something else, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.mail_address import fold

DEFAULT_PREFIX = "CRM:"
#: Tokens of one subject that are looked at, from its end.
MOST = 8
#: The constant digit, one of the user, one of the counter.
_FEWEST_DIGITS = 3
#: The constant digit, ten of the user, nine of the counter, and one more for a base number of ten digits with an ordinal on top.
_MOST_DIGITS = 21
_JOINER = "\u200d"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFormat:
    """`former` are prefixes that are still read. `maximum_number` is the last number of the counter; 0 leaves it to `message_digits`.
    `maximum_subject_length` is in UTF-16 code units, as mail servers of the product count."""

    prefix: str = DEFAULT_PREFIX
    former: tuple[str, ...] = ()
    base_number: int = 0
    user_digits: int = 3
    message_digits: int = 3
    maximum_number: int = 0
    maximum_subject_length: int = 255

    @property
    def numbers(self) -> int:
        """How many messages are counted before the counter starts again with 0."""
        every: int = 10**self.message_digits
        return min(every, self.maximum_number + 1) if self.maximum_number else every

    @property
    def prefixes(self) -> tuple[str, ...]:
        """All that are read, each once, the present one first."""
        return tuple(dict.fromkeys(one for one in (self.prefix, *self.former) if one))


def token_format(organization: Spec) -> TokenFormat | None:
    """None unless tracking.token.enabled is true. What is not declared is as the product documents it."""
    if organization.get("tracking.token.enabled") is not True:
        return None
    usual = TokenFormat()
    former = organization.get("tracking.token.formerPrefixes")
    return TokenFormat(
        prefix=str(organization.get("tracking.token.prefix") or usual.prefix),
        former=tuple(str(one) for one in former) if isinstance(former, tuple) else (),
        base_number=_number(organization.get("tracking.token.baseNumber"), usual.base_number),
        user_digits=_number(organization.get("tracking.token.userDigits"), usual.user_digits),
        message_digits=_number(organization.get("tracking.token.messageDigits"), usual.message_digits),
        maximum_number=_number(organization.get("tracking.token.maximumNumber"), usual.maximum_number),
        maximum_subject_length=_number(organization.get("tracking.token.maximumSubjectLength"), usual.maximum_subject_length),
    )


def token(form: TokenFormat, *, ordinal: int, count: int) -> str:
    """The token of the `count`-th message (from 0) of the user with this ordinal. A user number that needs more digits gets them."""
    return f"{form.prefix}0{form.base_number + ordinal:0{form.user_digits}d}{count % form.numbers:0{form.message_digits}d}"


def tokens_in(subject: str, prefixes: Sequence[str]) -> tuple[str, ...]:
    """Tokens of a subject, the last one first, in the form in which they are compared (`comparable_token`). Never raises.

    Digits are 0 to 9 and letters are compared as written but for the case of ASCII: what only looks like a token is none, nor is one
    that is part of a longer word or number.
    """
    if not prefixes or not subject:
        return ()
    found: list[str] = []
    for match in _pattern(tuple(prefixes)).finditer(subject):
        start, end = match.span()
        inside = start > 0 and subject[start].isalnum() and subject[start - 1].isalnum()
        if not inside and not (end < len(subject) and (subject[end].isalnum() or subject[end] == "_")):
            found.append(comparable_token(match.group()))
    return tuple(dict.fromkeys(reversed(found)))[:MOST]


def comparable_token(text: str) -> str:
    """With ASCII letters in lower case: mail programs change the case of subjects, and nothing else is taken for the same."""
    return fold(text)


def with_token(subject: str, text: str, form: TokenFormat) -> str:
    """The subject with `text` at its end, cut so that both fit; a token that alone does not fit is dropped. Older tokens of ours are
    taken out: the last one counts, and each costs room."""
    bare = without_tokens(subject, form)
    room = form.maximum_subject_length
    if _units(text) > room:
        return cut(bare, room)
    if not bare:
        return text
    short = cut(bare, room - _units(text) - 1)
    return f"{short} {text}" if short else text


def without_tokens(subject: str, form: TokenFormat) -> str:
    """The subject as a person wrote it."""
    known = set(tokens_in(subject, form.prefixes))
    if not known:
        return subject
    pieces, position = list[str](), 0
    for match in _pattern(form.prefixes).finditer(subject):
        if comparable_token(match.group()) in known:
            pieces.append(subject[position : match.start()].rstrip())
            position = match.end()
    pieces.append(subject[position:])
    return "".join(pieces).strip()


def cut(text: str, units: int) -> str:
    """At most `units` UTF-16 code units from the start, never inside what people see as one character, without space at the end."""
    if units <= 0:
        return ""
    if _units(text) <= units:
        return text
    end = used = 0
    for character in text:
        used += 2 if ord(character) > 0xFFFF else 1
        if used > units:
            break
        end += 1
    while end > 0 and _belongs(text, end):
        end -= 1
    return text[:end].rstrip()


def _belongs(text: str, at: int) -> bool:
    """Whether the character at `at` continues the one before it: marks, joiners, what they join, skin tones, the second half of a flag."""
    after, before = text[at], text[at - 1]
    if unicodedata.category(after)[0] == "M" or after == _JOINER or before == _JOINER:
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True
    if _is_flag_half(after):
        start = at
        while start > 0 and _is_flag_half(text[start - 1]):
            start -= 1
        return (at - start) % 2 == 1
    # Two halves of one character, where a text carries them apart.
    return "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff"


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


@lru_cache(maxsize=64)
def _pattern(prefixes: tuple[str, ...]) -> re.Pattern[str]:
    # The longest first, so that a prefix that begins like another one does not hide it. re.ASCII: no letter outside of ASCII has a
    # second case (the Kelvin sign is no k), no other digit counts.
    words = "|".join(re.escape(one) for one in sorted(prefixes, key=len, reverse=True))
    return re.compile(rf"(?:{words})[0-9]{{{_FEWEST_DIGITS},{_MOST_DIGITS}}}(?![0-9])", re.IGNORECASE | re.ASCII)


def _number(leaf: Leaf, default: int) -> int:
    return leaf if isinstance(leaf, int) and not isinstance(leaf, bool) else default
