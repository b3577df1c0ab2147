"""A Dovecot that asks an OAuth server about tokens, and mailboxes that sign in there by one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconcile.model.canonical import Leaf
from reconcile.settings import Settings
from support.dovecot import PASSWORD, Dovecot, running
from support.oauth_server import CLIENT_ID, CLIENT_SECRET, SCOPE, OAuthServer, plain_introspection
from support.receiving import apply_estate

_INTROSPECTION = """
introspection_mode = post
introspection_url = http://127.0.0.1:{port}/introspect
username_attribute = username
active_attribute = active
active_value = true
"""
_EXTRA = """
auth_mechanisms = {mechanisms}
# A refusal makes nobody on this host wait.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {path}
}}
"""


@contextmanager
def dovecot_with_tokens(server: OAuthServer, *users: str, mechanisms: str = "plain login xoauth2 oauthbearer") -> Iterator[Dovecot]:
    with plain_introspection(server) as port, tempfile.TemporaryDirectory(prefix="reconcile-dovecot-") as folder:
        path = Path(folder) / "oauth2.conf.ext"
        path.write_text(_INTROSPECTION.format(port=port))
        Path(folder).chmod(0o755)
        with running(users=dict.fromkeys(users, PASSWORD), extra=_EXTRA.format(mechanisms=mechanisms, path=path)) as dovecot:
            for user in users:
                dovecot.deliver_all(user, [])
            yield dovecot


def token_profile(server: OAuthServer, **more: Leaf) -> dict[str, Leaf]:
    """Fields of a profile whose mailboxes sign in by a refresh token."""
    return {
        "incoming.authentication": "oauth",
        "outgoing.authentication": "oauth",
        "oauth.clientId": CLIENT_ID,
        "oauth.clientSecret.ref": "env:CLIENT_SECRET",
        "oauth.grant": "refresh-token",
        "oauth.tokenEndpoint": server.url(),
        "oauth.authorizationEndpoint": server.url("/authorize"),
        "oauth.deviceEndpoint": server.url("/device"),
        "oauth.revocationEndpoint": server.url("/revoke"),
        "oauth.scopes": (SCOPE,),
        "oauth.caCertificate": "file:oauth-ca.pem",
        **{path.replace("__", "."): leaf for path, leaf in more.items()},
    }


def apply_token_estate(
    folder: Path,
    dovecot: Dovecot,
    server: OAuthServer,
    declared: Mapping[str, str | None],
    *,
    profile: Mapping[str, Leaf] | None = None,
    password: str = "never used",
) -> Settings:
    """`declared` maps addresses to refresh tokens, None for a mailbox that declares none."""
    ids = {address: f"id-{address.partition('@')[0]}" for address in declared}
    tokens = {(ids[address], "credentials.refreshToken"): token for address, token in declared.items() if token is not None}
    return apply_estate(
        folder,
        port=dovecot.imaps,
        authority=dovecot.authority,
        passwords=dict.fromkeys(declared, password),
        profile=profile if profile is not None else token_profile(server),
        mailbox={"credentials.refreshToken.ref": "env:TOKEN"} if tokens else None,
        sealed={("p1", "oauth.clientSecret"): CLIENT_SECRET, **tokens},
        files={"oauth-ca.pem": server.authority},
    )
