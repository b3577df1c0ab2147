"""Secrets written where everybody can read them. No message repeats what it found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from reconcile.desired.yaml import Path, Value
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Severity

#: Names whose value is meant to be secret.
SECRET_NAME = re.compile(r"(?i)passw(?:or)?d|passphrase|passwort|kennwort|secret|token|api[-_.]?key|private[-_.]?key")

# They are looked for in texts of strangers, so none may begin at many places and run on from each without an end: what stands in front
# of a mark, or may hold the beginning of its own form again, is bounded.
_PATTERNS: tuple[tuple[str, str], ...] = (
    (r"-----BEGIN [A-Z ]*PRIVATE KEY", "a private key"),
    (r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^/\s:@\"]*:[^/\s@\"]+@", "a password in a URL"),
    (r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}", "an access token of GitHub"),
    (r"\bglpat-[A-Za-z0-9_-]{16,}", "an access token of GitLab"),
    (r"\bxox[abprs]-[A-Za-z0-9-]{10,}", "a token of Slack"),
    (r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "an access key of AWS"),
    (r"\bAIza[0-9A-Za-z_-]{30,}", "a key of the Google API"),
    (r"\bsk-[A-Za-z0-9_-]{20,}", "an API key"),
    (r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", "a key of SendGrid"),
    (r"\beyJ[A-Za-z0-9_-]{10,4096}\.eyJ[A-Za-z0-9_-]{10,}\.", "a signed token (JWT)"),
    (r"\b[Bb]earer (?=[A-Za-z._~+/-]{0,40}[0-9])[A-Za-z0-9._~+/-]{20,}", "a bearer token"),
)
_ANY = re.compile("|".join(f"(?:{pattern})" for pattern, _ in _PATTERNS))
# Every form contains one of these; looking for them is thirty times faster than the pattern on a text without any.
_FORM_MARKS = (
    *(b"-----BEGIN", b"://", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-"),
    *(b"xox", b"AKIA", b"ASIA", b"AIza", b"sk-", b"SG.", b"eyJ", b"earer "),
)
_MARKS = (*_FORM_MARKS, b'"annotations"', b'"labels"', b'"variables"')
_EACH = tuple((re.compile(pattern), what) for pattern, what in _PATTERNS)

_FREE_NAMES = (("metadata", "labels"), ("metadata", "annotations"), ("spec", "variables"))


@dataclass(frozen=True, slots=True)
class Exposed:
    """`what` says what it looks like."""

    path: Path
    what: str
    severity: Severity


def may_hold_secrets(document: bytes) -> bool:
    """Quick test on a document's JSON: False when `exposed` would find nothing."""
    return any(mark in document for mark in _MARKS)


def may_be_kept(value: Value, dumped: bytes) -> bool:
    """Whether a value may be written elsewhere, such as into a cache: False when it may hold a secret in the clear.

    `dumped` is the same as JSON. Errs on the side of False.
    """
    if _named_in_clear(value):
        return False
    return not any(mark in dumped for mark in _FORM_MARKS) or not looks_secret(dumped.decode("utf-8"))


def _named_in_clear(value: Value) -> bool:
    if isinstance(value, dict):
        return any(_in_clear(item) if _is_secret_name(key) else _named_in_clear(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_named_in_clear, value))


def _in_clear(value: Value) -> bool:
    """Something under a name that promises a secret, other than a reference, a switch or a small count."""
    match value:
        case None | bool():
            return False
        case str():
            return not is_reference(value)
        case int():
            return abs(value) > 999
        case dict():
            return any(_in_clear(item) for name, item in value.items() if name not in ("generation", "expires"))
        case _:
            return True


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def exposed(document: Value) -> Iterator[Exposed]:
    """Texts anywhere in a document that look like a secret, and free names that promise one."""
    for path, text in _texts(document, ()):
        what = next((what for pattern, what in _EACH if pattern.search(text)), None)
        if what is not None:
            yield Exposed(path, what, Severity.ERROR)
        elif path[:2] in _FREE_NAMES and SECRET_NAME.search(str(path[-1])) and not is_reference(text):
            yield Exposed(path, "a secret, by its name", Severity.WARNING)


def is_reference(text: str) -> bool:
    """`env:NAME`, `file:PATH`, or a variable that may hold one."""
    return text.startswith(("env:", "file:", "${")) or text == ""


def known_forms() -> re.Pattern[str]:
    """One pattern for all well-known forms of secrets."""
    return _ANY


def looks_secret(text: str) -> bool:
    """Whether a text matches one of the well-known forms."""
    return _ANY.search(text) is not None


def _texts(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
