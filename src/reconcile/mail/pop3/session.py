"""Connect, secure, sign in. TLS is never optional, nothing said in clear before it is trusted, no credentials leave before it stands."""

from __future__ import annotations

import base64
import binascii
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from reconcile.errors import AuthenticationRejected, PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.concerning import concerning
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.pop3.faults import Broken, Refused, refusal, translated
from reconcile.mail.pop3.wire import Wire
from reconcile.mail.sign_in.explained import explained
from reconcile.mail.tls import tls_context
from reconcile.model.secret import Secret
from reconcile.ports.sign_in import Mechanism, SignIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A mailbox that is open, and locked by the server until it is closed. `capabilities` by name, in upper case, with their words;
    empty where the server does not know CAPA (RFC 2449)."""

    wire: Wire
    capabilities: Mapping[str, tuple[str, ...]]

    @property
    def pipelines(self) -> bool:
        """Whether commands may be sent before earlier ones are answered."""
        return "PIPELINING" in self.capabilities

    @property
    def may_have_top(self) -> bool:
        """Whether TOP is worth a try."""
        return "TOP" in self.capabilities or not self.capabilities


def open_session(endpoint: Endpoint, sign_in: SignIn) -> Session:
    """Raises what `translated` says, and AuthenticationRejected where the server offers no sign-in of the declared kind."""
    with concerning("server"), translated(str(endpoint)):
        wire = Wire(_dialled(endpoint))
    try:
        with concerning("server"), translated(str(endpoint)):
            wire.greeting()
            capabilities = _asked(wire)
            if endpoint.tls == "starttls":
                capabilities = _secured(wire, endpoint, capabilities)
            if "UTF8" in capabilities:
                # Else a server may turn international mail into something its sender did not write (RFC 6856, section 2).
                _tried(wire, b"UTF8")
        if _signed_in(wire, endpoint, sign_in, capabilities):
            return Session(wire=wire, capabilities=capabilities)
    except BaseException:
        wire.drop()
        raise
    wire.drop()
    return _once_more(endpoint, sign_in)


def _once_more(endpoint: Endpoint, sign_in: SignIn) -> Session:
    """After a refused token, with another one. A second refusal stands."""

    class Last:
        """The same account, which gives up after this."""

        kind = sign_in.kind
        username = sign_in.username
        password = sign_in.password
        mechanism = sign_in.mechanism
        showing = sign_in.showing

        def refused(self) -> bool:
            sign_in.refused()
            return False

    return open_session(endpoint, Last())


def _dialled(endpoint: Endpoint) -> socket.socket:
    sock = socket.create_connection((endpoint.host, endpoint.port), endpoint.connect_timeout)
    try:
        sock.settimeout(endpoint.silence_timeout)
        # A window of small commands must not wait for acknowledgements.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return (
            tls_context(endpoint.authority, endpoint.client).wrap_socket(sock, server_hostname=endpoint.host)
            if endpoint.tls == "implicit"
            else sock
        )
    except BaseException:
        sock.close()
        raise


def _asked(wire: Wire) -> dict[str, tuple[str, ...]]:
    wire.send([b"CAPA"])
    try:
        text = wire.whole()
    except Refused:
        return {}
    lines = (line.decode("ascii", "replace").split() for line in text.split(b"\r\n"))
    return {words[0].upper(): tuple(words[1:]) for words in lines if words}


def _tried(wire: Wire, command: bytes) -> bool:
    wire.send([command])
    try:
        wire.status()
    except Refused:
        return False
    return True


def _secured(wire: Wire, endpoint: Endpoint, capabilities: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """STLS (RFC 2595, section 4), and what the server can do behind it: what it said before is forgotten."""
    if (capabilities and "STLS" not in capabilities) or not _tried(wire, b"STLS"):
        raise PermanentError(
            f"{endpoint} does not offer STLS", hint="Declare tls: implicit with its port; credentials are not sent in clear."
        )
    if wire.spoke_early():
        raise Broken("data was sent in clear after STLS; somebody may sit in between")
    wire.secure(tls_context(endpoint.authority, endpoint.client), endpoint.host)
    return _asked(wire)


def _signed_in(wire: Wire, endpoint: Endpoint, sign_in: SignIn, capabilities: Mapping[str, tuple[str, ...]]) -> bool:
    """False when it was refused, and another token may help."""
    offered = {name.upper() for name in capabilities.get("SASL", ())}
    where, told = str(endpoint), {"pause": _pause(capabilities), "codes_told": "AUTH-RESP-CODE" in capabilities}
    password = sign_in.password
    if password is not None and (not capabilities or "USER" in capabilities or not offered) and not _needs_sasl(sign_in, password, offered):
        commands, secrets = _user_and_password(sign_in.username, password), _shown(password)
        with translated(where, secrets=secrets), sign_in.showing():
            try:
                with _answers(where, secrets=secrets, **told):  # type: ignore[arg-type]
                    _say(wire, commands, together="PIPELINING" in capabilities)
            except AuthenticationRejected:
                sign_in.refused()
                raise
        return True
    mechanism = sign_in.mechanism(protocol="pop3", host=endpoint.host, offered=offered)
    with translated(where, secrets=mechanism.secrets), sign_in.showing():
        try:
            with explained(sign_in, mechanism), _answers(where, secrets=mechanism.secrets, **told):  # type: ignore[arg-type]
                _exchange(wire, mechanism)
        except AuthenticationRejected:
            if not sign_in.refused():
                raise
            return False
    return True


@contextmanager
def _answers(where: str, *, secrets: Collection[str], pause: float | None, codes_told: bool) -> Iterator[None]:
    """What -ERR to the exchange means; a connection that breaks is left to whoever stands around: nobody knows what it means."""
    try:
        yield
    except Refused as error:
        raise refusal(error.text, where, login=True, secrets=secrets, pause=pause, codes_told=codes_told) from None


def _user_and_password(username: str, password: Secret) -> list[bytes]:
    user, word = username.encode(), password.reveal()
    if any(character in user + word for character in b"\r\n\0"):
        raise PermanentError("user name or password holds a line break or NUL character", hint="Mend the secret.")
    return [b"USER " + user, b"PASS " + word]


def _say(wire: Wire, commands: Sequence[bytes], *, together: bool) -> None:
    if together:
        wire.send(commands)
        refused = None
        for _ in commands:
            try:
                wire.status()
            except Refused as error:
                refused = refused or error
        if refused is not None:
            raise refused
        return
    for command in commands:
        wire.send([command])
        wire.status()


def _exchange(wire: Wire, mechanism: Mechanism) -> None:
    """AUTH (RFC 5034) without an initial response: a server that can take one in the command takes it as an answer, too, and
    Microsoft's takes it only so."""
    wire.send([b"AUTH " + mechanism.name.encode("ascii")])
    initial = mechanism.initial()
    challenge = wire.challenge()
    while challenge is not None:
        if initial is not None:
            answer, initial = initial, None
        else:
            try:
                answer = mechanism.respond(base64.b64decode(challenge, validate=True))
            except binascii.Error:
                raise Broken("the server's challenge is no base64") from None
        wire.say(base64.b64encode(answer))
        challenge = wire.challenge()


def _needs_sasl(sign_in: SignIn, password: Secret, offered: Collection[str]) -> bool:
    """USER and PASS are for ASCII (RFC 6856, section 3 apart); SASL PLAIN takes everything."""
    return "PLAIN" in offered and not (sign_in.username.isascii() and password.reveal().isascii())


def _shown(password: Secret) -> tuple[str, ...]:
    return (password.reveal().decode("utf-8", "replace"),)


def _pause(capabilities: Mapping[str, tuple[str, ...]]) -> float | None:
    words = capabilities.get("LOGIN-DELAY", ())
    return float(words[0]) if words and words[0].isdigit() and len(words[0]) < 6 else None
