"""Device authorization (RFC 8628): the person signs in with a browser anywhere, and this process asks until it is done."""

from __future__ import annotations

from collections.abc import Callable

from reconcile.errors import PermanentError, TransientError, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.oauth.consent import Client
from reconcile.mail.oauth.token_endpoint import Token, error_of, object_of, refusal, safe_words
from reconcile.ports.clock import Clock

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
#: Seconds between two questions, and what slow_down adds (section 3.5).
_INTERVAL = 5.0
_SLOWER = 5.0
_LONGEST = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What the person is told. `complete` is an address with the code in it, "" where the provider has none."""

    address: str
    code: str
    complete: str
    seconds: float


def by_device(client: Client, *, clock: Clock, tell: Callable[[Invitation], None], stopped: Callable[[], bool] = lambda: False) -> Token:
    """Raises UserError when the person refuses or does not come, PermanentError and TransientError as the endpoints answer."""
    plan = client.plan
    answer = client.ask(plan.device_endpoint, {"scope": " ".join(plan.scopes)} if plan.scopes else {})
    if answer.status != 200:
        raise refusal(answer, where=client.where, secrets=client.secrets(), sign_in_again="Check oauth in the profile.")
    said = object_of(answer, client.where)
    device, code, address = (said.get(name) for name in ("device_code", "user_code", "verification_uri"))
    if not isinstance(device, str) or not isinstance(code, str) or not isinstance(address, str) or not address.startswith("https://"):
        raise PermanentError(
            f"the answer of {client.where} is no invitation to sign in", hint="Check oauth.deviceEndpoint, or use --browser."
        )
    complete = said.get("verification_uri_complete")
    seconds = min(_number(said.get("expires_in"), 300.0), _LONGEST)
    interval = max(1.0, min(_number(said.get("interval"), _INTERVAL), 60.0))
    tell(
        Invitation(
            address=safe_words(address, ()),
            code=safe_words(code, ()),
            complete=safe_words(complete, ()) if isinstance(complete, str) and complete.startswith("https://") else "",
            seconds=seconds,
        )
    )
    end = clock.monotonic() + seconds
    while clock.monotonic() < end and not stopped():
        clock.sleep(interval)
        try:
            answer = client.ask(plan.token_endpoint, {"grant_type": _GRANT, "device_code": device})
        except TransientError:
            interval = min(interval * 2, 60.0)  # section 3.5: back off when there is no answer
            continue
        match error_of(answer) if answer.status != 200 else "":
            case "authorization_pending":
                continue
            case "slow_down":
                interval += _SLOWER
            case "access_denied":
                raise UserError("the person refused", hint="Run the command once more when they agree.")
            case "expired_token":
                break
            case _:
                return client.token(answer, device)
    raise UserError("nobody signed in in time", hint="Run the command once more, and sign in within the time it says.")


def _number(value: object, unsaid: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9 else unsaid
