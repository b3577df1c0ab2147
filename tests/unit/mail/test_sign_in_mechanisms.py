"""What each way of signing in says, byte for byte, and what it says to a server that refuses."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError
from reconcile.mail.sign_in.bearer import BearerSignIn
from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.mail.sign_in.external import ExternalSignIn
from reconcile.mail.sign_in.ntlm import NtlmSignIn
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.model.sign_in import Grant, OAuthPlan, SignInKind, SignInPlan
from reconcile.ports.sign_in import Mechanism, SignIn
from support.applied import Passwords

USER = "sales@contoso.example"
PLAN = OAuthPlan(
    grant=Grant.REFRESH_TOKEN,
    account="m1",
    client_id="crm",
    client_secret=None,
    refresh_token=None,
    token_endpoint="https://login.contoso.example/token",
    scopes=(),
)


class Tokens:
    """Gives "canary-1", "canary-2" … as long as the one before was refused."""

    def __init__(self, *tokens: bytes) -> None:
        self.tokens = list(tokens or (b"canary-1", b"canary-2"))
        self.given: set[bytes] = set()
        self.asked = 0

    def current(self, plan: OAuthPlan, *, name: str) -> tuple[Secret, bool]:
        self.asked += 1
        token = self.tokens[0]
        fresh = token not in self.given
        self.given.add(token)
        return Secret(token), fresh

    def refuse(self, plan: OAuthPlan, token: Secret) -> None:
        if self.tokens[0] == token.reveal():
            self.tokens.pop(0)


def bearer(tokens: Tokens | None = None, user: str = USER) -> BearerSignIn:
    return BearerSignIn(user, PLAN, tokens or Tokens(), "sales")


def started(sign_in: SignIn, *offered: str, protocol: str = "imap") -> Mechanism:
    return sign_in.mechanism(protocol=protocol, host="imap.contoso.example", offered=offered)


@pytest.mark.parametrize(
    ("make", "offered", "name", "line"),
    [
        (lambda: PasswordSignIn(USER, Secret("pässwort".encode())), ("LOGIN", "PLAIN"), "PLAIN", f"\0{USER}\0pässwort".encode()),
        (lambda: PasswordSignIn(USER, Secret(b"word")), ("LOGIN", "NTLM"), "LOGIN", None),
        # RFC 7628, section 4.1, and Google's page on XOAUTH2.
        (bearer, ("XOAUTH2", "OAUTHBEARER"), "XOAUTH2", f"user={USER}\x01auth=Bearer canary-1\x01\x01".encode()),
        (
            bearer,
            ("OAUTHBEARER", "PLAIN"),
            "OAUTHBEARER",
            f"n,a={USER},\x01host=imap.contoso.example\x01auth=Bearer canary-1\x01\x01".encode(),
        ),
        (
            lambda: bearer(user="a=b,c"),
            ("OAUTHBEARER",),
            "OAUTHBEARER",
            b"n,a=a=3Db=2Cc,\x01host=imap.contoso.example\x01auth=Bearer canary-1\x01\x01",
        ),
        (lambda: ExternalSignIn(USER), ("EXTERNAL", "PLAIN"), "EXTERNAL", USER.encode()),
    ],
)
def test_the_first_line(make: Callable[[], SignIn], offered: tuple[str, ...], name: str, line: bytes | None) -> None:
    mechanism = started(make(), *offered)
    assert (mechanism.name, mechanism.initial()) == (name, line)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bearer(),
        lambda: NtlmSignIn(USER, Secret(b"word")),
        lambda: ExternalSignIn(USER),
        lambda: ConfiguredSignIns(Passwords()).of(SignInPlan(kind=SignInKind.KERBEROS, username=USER), name="sales"),
    ],
)
def test_a_server_that_offers_only_passwords_gets_nothing(make: Callable[[], SignIn]) -> None:
    with pytest.raises(AuthenticationRejected, match="the server offers only LOGIN, PLAIN here") as refused:
        started(make(), "PLAIN", "LOGIN", "ESC\x1b[31m")
    assert "Nothing weaker is tried" in refused.value.hint
    assert "\x1b" not in refused.value.message


def test_no_token_is_asked_for_where_none_can_be_shown() -> None:
    tokens = Tokens()
    with pytest.raises(AuthenticationRejected):
        started(bearer(tokens), "PLAIN")
    assert tokens.asked == 0


def test_a_password_does_not_go_to_a_server_without_a_way_for_it() -> None:
    with pytest.raises(AuthenticationRejected, match="offers no sign-in here, not PLAIN or LOGIN"):
        started(PasswordSignIn(USER, Secret(b"word")))


def test_login_asks_twice_and_no_more() -> None:
    mechanism = started(PasswordSignIn(USER, Secret(b"word")), "LOGIN")
    assert mechanism.respond(b"Username:") == USER.encode()
    assert mechanism.respond(b"Password:") == b"word"
    with pytest.raises(AuthenticationRejected):
        mechanism.respond(b"Again:")


@pytest.mark.parametrize(("offered", "answer"), [("OAUTHBEARER", b"\x01"), ("XOAUTH2", b"")])
@pytest.mark.parametrize(
    ("challenge", "words"),
    [
        (b'{"status":"invalid_token","scope":"https://mail.contoso.example/"}', "not valid (any more); it wants the scope https://mail.c"),
        (b'{"status":"401","schemes":"bearer"}', "or not for this account"),
        (b'{"status":"insufficient_scope"}', "the scope that is needed"),
        (b"no json", "says no reason"),
        (b"[" * 5000, "says no reason"),
        (b'{"status":"x\x1b[2J","scope":"a\x1b[2Jb"}', "says no reason"),
        (b'{"status":"1","scope":"ok \\u001b[2J"}', "does not take the token; it wants the scope ok"),
    ],
)
def test_what_a_server_says_against_a_token_is_told_in_words(offered: str, answer: bytes, challenge: bytes, words: str) -> None:
    mechanism = started(bearer(), offered)
    mechanism.initial()
    assert mechanism.complaint == ""
    assert mechanism.respond(challenge) == answer
    assert words in mechanism.complaint
    assert mechanism.complaint.isprintable()
    with pytest.raises(AuthenticationRejected, match="refuses the token"):
        mechanism.respond(challenge)


def test_a_token_that_was_kept_is_tried_anew_once_and_a_new_one_is_not() -> None:
    tokens = Tokens(b"canary-1", b"canary-2", b"canary-3")
    tokens.given.add(b"canary-1")
    sign_in = bearer(tokens)
    started(sign_in, "XOAUTH2")
    assert sign_in.refused() is True
    assert b"canary-2" in (started(sign_in, "XOAUTH2").initial() or b"")
    assert sign_in.refused() is False
    assert sign_in.refused() is False


@pytest.mark.parametrize("token", [b"a b", b"a\x01auth=Bearer other", b"a\r\nb", b"", "tö".encode()])
def test_a_token_that_could_say_more_is_not_sent(token: bytes) -> None:
    with pytest.raises(AuthenticationRejected, match="no token may have"):
        started(bearer(Tokens(token)), "XOAUTH2")


def test_a_name_that_could_say_more_is_not_sent() -> None:
    with pytest.raises(PermanentError, match="control character"):
        bearer(user="a\x01auth=Bearer other")
    with pytest.raises(PermanentError, match="NUL"):
        PasswordSignIn("a\0b", Secret(b"word"))
    with pytest.raises(PermanentError, match="UTF-8"):
        PasswordSignIn("a", Secret(b"\xff"))


@pytest.mark.parametrize(
    ("make", "offered"),
    [
        (lambda: PasswordSignIn(USER, Secret(b"canary-1")), "PLAIN"),
        (lambda: PasswordSignIn(USER, Secret(b"canary-1")), "LOGIN"),
        (bearer, "XOAUTH2"),
        (bearer, "OAUTHBEARER"),
        (lambda: NtlmSignIn(USER, Secret(b"canary-1")), "NTLM"),
    ],
)
def test_secrets_show_nowhere_and_their_forms_are_named(make: Callable[[], SignIn], offered: str) -> None:
    sign_in = make()
    mechanism = started(sign_in, offered)
    line = mechanism.initial()
    for shown in (repr(sign_in), str(sign_in), repr(mechanism), str(mechanism)):
        assert "canary" not in shown
    assert "canary-1" in mechanism.secrets
    assert base64.b64encode(b"canary-1").decode() in mechanism.secrets
    if line is not None and offered != "NTLM":
        assert base64.b64encode(line).decode() in mechanism.secrets


def _accepts(monkeypatch: pytest.MonkeyPatch, folder: Path, word: str) -> bool:
    """Whether the library's server side is convinced."""
    import spnego
    from spnego.exceptions import SpnegoError

    users = folder / "users"
    users.write_text("CONTOSO:sales:right word\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    server = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    mechanism = started(NtlmSignIn("CONTOSO\\sales", Secret(word.encode())), "NTLM")
    first = mechanism.initial()
    assert first is not None
    assert first.startswith(b"NTLMSSP\0\x01")
    challenge = server.step(first)
    assert challenge is not None
    last = mechanism.respond(challenge)
    assert word.encode("utf-16-le") not in last
    # NTLMv2: the response is longer than the 24 octets of the old ones ([MS-NLMP] 2.2.2.8).
    assert int.from_bytes(last[20:22], "little") > 24
    try:
        server.step(last)
    except SpnegoError:
        return False
    return bool(server.complete)


def test_ntlm_convinces_a_server_with_the_right_password_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert _accepts(monkeypatch, tmp_path, "right word")
    assert not _accepts(monkeypatch, tmp_path, "wrong word")


@pytest.mark.parametrize("challenge", [b"", b"garbage", b"NTLMSSP\0", b"NTLMSSP\0\x02\0\0\0" + b"\xff" * 10])
def test_ntlm_survives_a_server_that_does_not_speak_it(challenge: bytes) -> None:
    mechanism = started(NtlmSignIn(USER, Secret(b"canary-1")), "NTLM")
    mechanism.initial()
    with pytest.raises(AuthenticationRejected) as refused:
        mechanism.respond(challenge)
    assert "canary" not in repr(refused.value)


def test_nobody_signs_in_anonymously() -> None:
    assert ConfiguredSignIns(Passwords()).of(SignInPlan(kind=SignInKind.ANONYMOUS, username=""), name="sales") is None
