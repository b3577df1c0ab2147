"""What a refusal means for an item that is nowhere else: it is never said to be deleted because somebody may not look."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reconcile.errors import AuthenticationRejected, MailboxRefused, PermanentError, ReconcileError
from reconcile.mail.ews import whereabouts
from reconcile.mail.ews.whereabouts import Whereabouts
from reconcile.ports.collection import Bearing, Departure

LOST = Bearing(token="t1", trace="")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What listing the archive and looking into its folders raises."""
    answers = SimpleNamespace(listing=None, looking=None)

    def folders_in(link: object, name: str) -> list[tuple[str, str]]:
        if name == whereabouts._ARCHIVE and answers.listing is not None:
            raise answers.listing
        return [("archived", "Archived")] if name == whereabouts._ARCHIVE else []

    def among(self: Whereabouts, folders: list[str], bearings: object, *, doubtful: object = frozenset()) -> set[str]:
        if "archived" in folders and answers.looking is not None:
            raise answers.looking
        return set()

    monkeypatch.setattr(whereabouts, "folders_in", folders_in)
    monkeypatch.setattr(whereabouts, "folders_below", lambda link, deep: [("inbox", "Inbox")])
    monkeypatch.setattr(whereabouts, "opened", lambda link, name: ("trash", None))
    monkeypatch.setattr(Whereabouts, "_among", among)
    monkeypatch.setattr(Whereabouts, "_recoverable", lambda self, bearings: set())
    return answers


def departure() -> Departure:
    [answer] = Whereabouts(SimpleNamespace(), SimpleNamespace()).of([LOST])  # type: ignore[arg-type]
    return answer


@pytest.mark.usefixtures("found")
def test_what_no_folder_has_is_nowhere() -> None:
    assert departure() is Departure.UNKNOWN


def test_without_an_archive_nothing_lies_there(found: SimpleNamespace) -> None:
    found.listing = PermanentError("no archive")
    assert departure() is Departure.UNKNOWN


@pytest.mark.parametrize("error", [PermanentError("one folder is denied"), MailboxRefused("access denied")])
def test_what_may_lie_in_an_archive_that_is_denied_is_not_deleted(found: SimpleNamespace, error: ReconcileError) -> None:
    found.looking = error
    assert departure() is Departure.MOVED


@pytest.mark.parametrize("at", ["listing", "looking"])
def test_an_account_that_is_refused_says_nothing_about_items(found: SimpleNamespace, at: str) -> None:
    setattr(found, at, AuthenticationRejected("password expired"))
    with pytest.raises(AuthenticationRejected):
        departure()
