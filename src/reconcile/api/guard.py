"""Who may ask at all. A page in somebody's browser on this machine must not, whatever names and forms it uses."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from reconcile.api.problem import Problem
from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret

#: Fewer characters could be guessed by somebody on this machine.
SHORTEST_TOKEN = 20
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?")
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """`hosts` are the names this server is asked under, `port` its port (None for a socket in the file system), `token` the digest of
    the token."""

    hosts: frozenset[str]
    port: int | None
    token: bytes

    @classmethod
    def of(cls, token: Secret, *, hosts: Sequence[str], port: int | None) -> Guard:
        """Raises SettingsError for a token that could be guessed, or that no header can hold (RFC 6750, 2.1)."""
        value = token.reveal()
        if len(value) < SHORTEST_TOKEN or not re.fullmatch(rb"[A-Za-z0-9._~+/-]+=*", value):
            raise SettingsError(
                f"the token has fewer than {SHORTEST_TOKEN} characters, or others than letters, digits and -._~+/",
                hint="Make one with: openssl rand -hex 32",
            )
        return cls(hosts=frozenset(hosts), port=port, token=_digest(value))

    def check(self, *, host: Sequence[str], origin: Sequence[str], site: str, authorization: Sequence[str]) -> None:
        """The values of Host, Origin, Sec-Fetch-Site and Authorization. Raises Problem."""
        if len(host) != 1 or not self._is_mine(host[0]):
            # DNS rebinding: a foreign name that resolves to this machine.
            raise Problem(421, "ForeignHost", "this server is not asked under that name", "Use the address that it printed.", close=True)
        if any(each not in self._origins(host[0]) for each in origin) or site in ("cross-site", "same-site"):
            words = "pages of other sites may not ask here"
            raise Problem(403, "ForeignOrigin", words, "Ask from a program, not from a browser.", close=True)
        found = _BEARER.fullmatch(authorization[0].strip()) if len(authorization) == 1 else None
        # Compared even when nothing was given, in the same time whatever it is.
        if not hmac.compare_digest(_digest(found[1].encode() if found else b""), self.token):
            raise Problem(
                401,
                "TokenRequired",
                "the token is missing or wrong",
                "Send Authorization: Bearer TOKEN, with the token that `reconcile serve` was started with.",
                {"WWW-Authenticate": 'Bearer realm="reconcile"'},
                close=True,
            )

    def _is_mine(self, host: str) -> bool:
        found = _HOST.fullmatch(host.strip())
        if found is None or found["name"].lower() not in self.hosts:
            return False
        return self.port is None or int(found["port"] or 80) == self.port

    def _origins(self, host: str) -> tuple[str, ...]:
        return () if self.port is None else (f"http://{host.strip().lower()}",)


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
