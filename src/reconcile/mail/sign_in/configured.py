"""What accounts sign in with, from plans and applied secrets: one implementation for each kind."""

from __future__ import annotations

from typing import assert_never

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.sign_in.bearer import AccessTokens, BearerSignIn
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.ports.credentials import Credentials
from reconcile.ports.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class ConfiguredSignIns:
    """Implements SignIns. `tokens` is None where no account signs in by OAuth."""

    credentials: Credentials
    tokens: AccessTokens | None = None

    def of(self, plan: SignInPlan, *, name: str) -> SignIn | None:
        """See `SignIns.of`."""
        match plan.kind:
            case SignInKind.ANONYMOUS:
                return None
            case SignInKind.PASSWORD:
                return PasswordSignIn(plan.username, self._secret(plan.password, "password", name))
            case SignInKind.OAUTH:
                assert plan.oauth is not None
                assert self.tokens is not None
                return BearerSignIn(plan.username, plan.oauth, self.tokens, name)
            case SignInKind.NTLM:
                from reconcile.mail.sign_in.ntlm import NtlmSignIn

                return NtlmSignIn(plan.username, self._secret(plan.password, "password", name))
            case SignInKind.KERBEROS:
                from reconcile.mail.sign_in.kerberos import KerberosSignIn

                return KerberosSignIn(plan.username)
            case SignInKind.CERTIFICATE:
                from reconcile.mail.sign_in.external import ExternalSignIn

                return ExternalSignIn(plan.username)
            case _:
                assert_never(plan.kind)

    def certificate(self, plan: SignInPlan) -> Secret | None:
        """See `SignIns.certificate`."""
        return None if plan.certificate is None else self._secret(plan.certificate, "client certificate", "its profile")

    def _secret(self, field: tuple[str, str] | None, what: str, name: str) -> Secret:
        found = None if field is None else self.credentials.credential(*field)
        if found is None:
            raise SettingsError(f"no {what} was applied for mailbox {name}", hint="Run `reconcile apply` again.")
        return found
