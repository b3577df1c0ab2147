"""The whole error tree. An error says what the caller must do, not which library met it.

    ReconcileError
    ├── UserError             fix the input
    │   ├── DesiredStateError     findings in files (or a source that cannot be read as asked)
    │   ├── SettingsError         how this process runs is wrong: a variable, an option, a key
    │   └── PlanRefused           a brake, or a person who said no
    ├── StalePlan             every change of the plan was voided, or target or format differ: plan again
    ├── Locked                somebody else works on this environment: wait, or look who it is
    ├── PreconditionFailed    the version moved: observe this resource again
    ├── TransientError        try again later
    │   ├── Throttled             the server says when (retry_after, seconds)
    │   │   └── HeldBack              nobody was asked: we leave the account alone; another credential ends that
    │   ├── Unavailable           the other side does not answer, or says "not now"
    │   └── TimedOut              no byte for too long
    ├── PermanentError        a person must act
    │   ├── AuthenticationRejected
    │   ├── PermissionDenied
    │   ├── MailboxRefused        this mailbox as a whole: it is full, moved away, or has no licence
    │   ├── Unsupported           declared, but not built (names field, file and line)
    │   └── BlockedByTenant
    ├── Superseded            a newer version has the store now: this process must end
    └── CursorInvalid         the place in a mailbox's or the feed's history is no longer valid: re-index without importing twice,
                              or read the feed from its beginning

Each effect room turns its library's exceptions into these in one context manager, keeps the cause, and strips
credentials. Only `controller/outcome.py`, the command line's error handler and the local API's (`api/handler.py`)
catch `ReconcileError`. Anything else is a bug and is let out.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

#: Whom an error concerns: one mailbox, the account it signs in with, the mail server for everybody, or what a profile declares for all of
#: its mailboxes.
About: TypeAlias = Literal["mailbox", "account", "server", "profile"]


class ReconcileError(Exception):
    """Root. `hint` is the next step for a person, in one sentence; never empty for a UserError. `about` says whom it concerns: the
    class's usual answer, unless who raised it knows better."""

    usually_about: ClassVar[About] = "mailbox"

    def __init__(self, message: str, *, hint: str = "", about: About | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.about: About = about or self.usually_about


class UserError(ReconcileError):
    """The input must be mended."""


class DesiredStateError(UserError):
    """The source as a whole cannot be used (single bad documents are findings, not errors)."""


class SettingsError(UserError):
    """A setting of this process is missing or wrong."""


class PlanRefused(UserError):
    """The plan was not carried out: a brake stands, or it was declined."""


class StalePlan(ReconcileError):
    """Nothing of the plan holds any more: plan again."""


class Locked(ReconcileError):
    """Another process holds the lock of this environment."""


class PreconditionFailed(ReconcileError):
    """The resource is no longer at the version the change was made from."""


class TransientError(ReconcileError):
    """Trying again later may work."""


class Throttled(TransientError):
    """The server asks for a pause of `retry_after` seconds."""

    usually_about: ClassVar[About] = "account"

    def __init__(self, message: str, *, retry_after: float, hint: str = "", about: About | None = None) -> None:
        super().__init__(message, hint=hint, about=about)
        self.retry_after = retry_after


class HeldBack(Throttled):
    """No server was asked: the account is left alone for `retry_after` seconds so that it is not locked. Another credential ends that."""


class Unavailable(TransientError):
    """The other side cannot be reached or refuses for now."""


class TimedOut(TransientError):
    """The other side was silent for too long."""


class PermanentError(ReconcileError):
    """Trying again changes nothing: a person must act."""


class AuthenticationRejected(PermanentError):
    """The credentials were refused."""

    usually_about: ClassVar[About] = "account"


class PermissionDenied(PermanentError):
    """Known, but not allowed."""


class MailboxRefused(PermanentError):
    """This mailbox as a whole cannot be worked with: what was asked for in particular plays no part."""


class Unsupported(PermanentError):
    """Declared, but this version cannot do it. `field` is the dotted path, `origin` is file:line where known."""

    def __init__(self, message: str, *, field: str, origin: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field
        self.origin = origin


class BlockedByTenant(PermanentError):
    """The tenant's administrator has switched this access off."""

    usually_about: ClassVar[About] = "profile"


class Superseded(ReconcileError):
    """A newer version of this program brought the store to its schema: whatever runs here must end, so that that one can be started."""


class CursorInvalid(ReconcileError):
    """The server no longer knows the cursor (for IMAP: UIDVALIDITY changed), or it is of another history of the change feed."""
