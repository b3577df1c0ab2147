"""Asking a token endpoint (RFC 6749, sections 4.4, 5 and 6): what it answers, as a token or as what somebody must do."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, Throttled, Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.concerning import concerning
from reconcile.mail.oauth.bounded_json import Malformed, bounded_json
from reconcile.mail.oauth.post import Answer
from reconcile.model.secret import Secret

#: What a token without expires_in is taken to last, and the most that is believed, in seconds.
_UNSAID: Final = 300.0
_LONGEST: Final = 86400.0
_LONGEST_PAUSE: Final = 86400.0
_LONGEST_TOKEN: Final = 16384
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: A person must agree again (RFC 6749, 5.2; OpenID Connect Core 3.1.2.6, which Microsoft answers too).
_AGREE_AGAIN: Final = {"invalid_grant", "interaction_required", "consent_required", "login_required"}
_APPLICATION: Final = {"invalid_client", "unauthorized_client"}
_NOT_NOW: Final = {"temporarily_unavailable", "server_error", "slow_down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`seconds` is what the access token lasts, `refresh_seconds` the refresh token (None: not said). A `refresh` of None means that
    the one that was shown stays."""

    access: Secret
    seconds: float
    refresh: Secret | None = None
    refresh_seconds: float | None = None


def token_of(answer: Answer, *, where: str, secrets: Collection[str], sign_in_again: str) -> Token:
    """Raises what `refusal` says when it is no token."""
    if answer.status != 200:
        refused = refusal(answer, where=where, secrets=secrets, sign_in_again=sign_in_again)
        # Only a person who must agree again is about this account; everything else meets all of the profile.
        refused.about = "account" if error_of(answer) in _AGREE_AGAIN else "profile"
        raise refused
    with concerning("profile"):
        said = object_of(answer, where)
    access = said.get("access_token")
    if not isinstance(access, str) or not 0 < len(access) <= _LONGEST_TOKEN or not access.isascii():
        raise Unavailable(f"the answer of the token endpoint {where} has no token in it", hint="Check the address of the endpoint.")
    if str(said.get("token_type", "")).lower() != "bearer":
        raise PermanentError(f"the token endpoint {where} gives tokens that are not of the type bearer", hint="Check oauth in the profile.")
    refresh = said.get("refresh_token")
    return Token(
        access=Secret(access.encode()),
        seconds=min(_seconds(said.get("expires_in"), _UNSAID), _LONGEST),
        refresh=Secret(refresh.encode()) if isinstance(refresh, str) and 0 < len(refresh) <= _LONGEST_TOKEN else None,
        refresh_seconds=_seconds(said["refresh_token_expires_in"], 0) if "refresh_token_expires_in" in said else None,
    )


def object_of(answer: Answer, where: str) -> Mapping[str, object]:
    """The JSON object of an answer. Raises Unavailable: a proxy's page is no answer of the endpoint."""
    try:
        said = bounded_json(answer.body)
    except Malformed as error:
        raise Unavailable(
            f"the answer of the token endpoint {where} cannot be read: {error}", hint="Check the endpoint's address."
        ) from None
    if not isinstance(said, dict):
        raise Unavailable(f"the answer of the token endpoint {where} is no JSON object", hint="Check the endpoint's address.")
    return said


def error_of(answer: Answer) -> str:
    """The code of an error answer (RFC 6749, 5.2), "" when it has none."""
    try:
        said = bounded_json(answer.body)
    except Malformed:
        return ""
    code = said.get("error") if isinstance(said, dict) else None
    return code if isinstance(code, str) and re.fullmatch(r"[a-z_]{1,60}", code) else ""


def refusal(answer: Answer, *, where: str, secrets: Collection[str], sign_in_again: str) -> ReconcileError:
    """What an answer without a token means. `sign_in_again` is the next step when a person must agree."""
    code, status = error_of(answer), answer.status
    words = f"{code}: {_description(answer, secrets)}".removesuffix(": ") if code else f"status {status}"
    if 300 <= status < 400:
        return PermanentError(
            f"the token endpoint {where} redirects elsewhere, which is not followed",
            hint="Declare the address it redirects to, if it is right.",
        )
    pause = float(answer.retry_after) if re.fullmatch(r"\d{1,6}", answer.retry_after) else None
    if status == 429 or (status == 503 and pause is not None):
        return Throttled(
            f"the token endpoint {where} asks for a pause: {words}", retry_after=min(60.0 if pause is None else pause, _LONGEST_PAUSE)
        )
    if status >= 500 or code in _NOT_NOW:
        return Unavailable(f"the token endpoint {where} cannot answer now: {words}", hint="It is tried again by itself.")
    if code in _AGREE_AGAIN:
        return AuthenticationRejected(f"{where} no longer accepts the sign-in: {words}", hint=sign_in_again)
    if code in _APPLICATION or status in (401, 403):
        return AuthenticationRejected(
            f"{where} does not accept the application: {words}", hint="Check oauth.clientId, oauth.clientSecret and the secret's end date."
        )
    return PermanentError(f"the token endpoint {where} refuses: {words}", hint="Check oauth in the profile: grant, scopes and endpoints.")


def _description(answer: Answer, secrets: Collection[str]) -> str:
    said = bounded_json(answer.body)
    text = said.get("error_description") if isinstance(said, dict) else None
    return safe_words(text, secrets) if isinstance(text, str) else ""


def safe_words(text: str, secrets: Collection[str]) -> str:
    """A stranger's text on one short line, without what was sent."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:200]


def _seconds(value: object, unsaid: float) -> float:
    """A number of seconds, also written as text, as some do."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,12}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return unsaid
    return float(value)
