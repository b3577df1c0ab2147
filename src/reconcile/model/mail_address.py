"""Addresses as we are willing to put them into an envelope, and the allow-list of recipients.

Stricter than RFC 5321, on purpose: what is refused here is either a way around the allow-list or nothing a mailbox of today has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from reconcile.lazy_dataclass import dataclass

#: Characters of an atom (RFC 5322, 3.2.3) without % and !: Postfix and others still route user%other.example@host and
#: other.example!user@host onwards, which would carry a mail past the allow-list. What is no ASCII is taken. Said by what is left out:
#: the other way round the two expressions take ten times as long to compile.
_ATOM = r"[^\x00-\x20!\"%(),.:;<>@\[\\\]\x7F]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
#: Letters, digits, hyphens inside, and what is no ASCII.
_LABEL = re.compile(r"[^\x00-/:-@\[-`{-\x7F]([^\x00-,./:-@\[-`{-\x7F]*[^\x00-/:-@\[-`{-\x7F])?")
#: An address with its name: more is no address, and is not looked at.
_LONGEST = 1000
#: Octets of a label (RFC 1035, 2.3.4). Punycode takes time by the square, and mail may name a domain of any length.
_LONGEST_LABEL = 63
_NAMED = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]*)>")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """`address` is what goes into the envelope, `name` what people see beside it."""

    address: str
    name: str = ""


def has_control_characters(text: str) -> bool:
    """CR, LF, NUL and all other C0, DEL, C1 and line or paragraph separators: none belongs in a header value."""
    return any(ord(character) < 0x20 or 0x7F <= ord(character) <= 0x9F or character in "\u2028\u2029" for character in text)


def parse_address(text: str) -> MailAddress:
    """`local@domain` or `Name <local@domain>`. Raises ValueError saying what is wrong."""
    if len(text) > _LONGEST:
        raise ValueError(f"{text[:80]!r} … is too long for a mail address")
    if has_control_characters(text):
        raise ValueError(f"{text!r} contains a control character (a line break, for example)")
    named = _NAMED.fullmatch(text.strip())
    address = named["address"].strip() if named else text.strip()
    name = named["name"].strip() if named else ""
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{text!r} is not valid text")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise ValueError(f"{text!r} is no mail address (expected local@domain)")
    if "%" in local or "!" in local:
        raise ValueError(f"{text!r} has % or ! before the @; some servers would pass such a mail on to another domain")
    if not _LOCAL.fullmatch(local):
        raise ValueError(f"{text!r} has characters before the @ that are not accepted here")
    labels = domain.split(".")
    if not all(_LABEL.fullmatch(label) and len(label) <= 63 for label in labels):
        raise ValueError(f"{text!r} has no valid domain after the @")
    # Limits in octets: RFC 5321, 4.5.3.1.
    if len(local.encode()) > 64 or len(domain.encode()) > 255 or len(address.encode()) > 254:
        raise ValueError(f"{text!r} is too long for a mail address")
    return MailAddress(address, name)


def same_address(left: str, right: str) -> bool:
    """Equal but for the case of ASCII letters and the spelling of an internationalised domain (see `comparable`)."""
    return comparable(left) == comparable(right)


def same_mailbox(left: str, right: str) -> bool:
    """Equal as `mailbox_identity` has it: for finding a mailbox by the address that a person or a target writes."""
    return mailbox_identity(left) == mailbox_identity(right)


def mailbox_identity(address: str) -> str:
    """The normal form by which a mailbox is recognised: `comparable`, and no letter of the local part tells its case."""
    if address.isascii():
        return address.lower()
    local, at, domain = comparable(address).rpartition("@")
    return local.casefold() + at + domain


def fold(address: str) -> str:
    """Lower case of ASCII letters only: str.lower and casefold make other characters (long s, Kelvin sign) into ASCII ones,
    and an address of another domain would pass the allow-list."""
    return address.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def is_allowed(address: str, allowed: Sequence[str]) -> bool:
    """Whether an Environment's `allowedRecipients` lets a mail go to `address`.

    Entries are an address, `@domain` (that domain alone, no subdomains) or `*`. Nothing listed means nobody.
    """
    folded = fold(address)
    domain = "@" + folded.rpartition("@")[2]
    return any(entry == "*" or fold(entry) in (folded, domain) for entry in allowed)


def comparable(address: str) -> str:
    """The one form in which addresses are compared: ASCII letters in lower case, an internationalised domain as
    its A-labels (RFC 5890), so that it and its punycode are one. For looking people up; never for an allow-list (see `fold`).

    Text that is no address comes back folded; nothing is raised.
    """
    if address.isascii():
        return address.lower()
    local, at, domain = address.rpartition("@")
    return fold(_composed(local)) + at + ascii_domain(domain)


def ascii_domain(domain: str) -> str:
    """A domain in the form of `comparable`: müller.example and xn--mller-kva.example are one, straße.example and strasse.example two."""
    if domain.isascii():
        return domain.lower()
    # The ideographic full stops part labels, too (RFC 3490, section 3.1).
    return ".".join(_a_label(label) for label in re.split("[.\u3002\uff0e\uff61]", domain))


def readable(address: str) -> str:
    """`comparable` with the domain as people read it: labels that are punycode of something (RFC 3492) are decoded."""
    local, at, domain = comparable(address).rpartition("@")
    return local + at + ".".join(_u_label(label) for label in domain.split(".")) if "xn--" in domain else local + at + domain


def spellings(address: str) -> tuple[str, ...]:
    """The address with its domain in punycode and as people read it: one, or both where they differ. For patterns."""
    form = comparable(address)
    shown = readable(form) if "xn--" in form else form
    return (form,) if shown == form else (form, shown)


def kept_spellings(address: str) -> tuple[str, ...]:
    """As the owner of an item may be kept, which is in lower case and as it was written. For queries."""
    return tuple(dict.fromkeys((address.lower(), *spellings(address))))


def _composed(text: str) -> str:
    """NFC, unless that makes ASCII of what is none (the Kelvin sign): it is not the name it looks like."""
    composed = unicodedata.normalize("NFC", text)
    return text if composed.isascii() and not text.isascii() else composed


def _a_label(label: str) -> str:
    if label.isascii():
        return label.lower()
    if len(label) > 4 * _LONGEST_LABEL:
        return fold(label)
    # Letter by letter: a capital sigma at the end of a word is that of its beginning (UTS #46).
    lower = unicodedata.normalize("NFC", "".join(map(str.lower, label)))
    if lower.isascii() or len(lower) > _LONGEST_LABEL or any("\ud800" <= character <= "\udfff" for character in lower):
        return fold(label)
    return "xn--" + lower.encode("punycode").decode("ascii")


def _u_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > _LONGEST_LABEL:
        return label
    try:
        found = label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label
    # What would not come out as it went in is no punycode of ours, and stays what it is.
    return found if _a_label(found) == label else label
