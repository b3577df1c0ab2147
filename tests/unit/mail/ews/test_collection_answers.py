"""Answers to questions about one item that do not line up: no bug, but a server that is asked again later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.ews.collection import EwsCollection
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.item import Appointment, ItemKind
from reconcile.model.remote_id import RemoteId
from support.ews_script import answer, running

ONE = RemoteId("exchange", "AAMk0")
AT = datetime(2090, 3, 6, 9, 0, tzinfo=UTC)
MEETING = Appointment(subject="Budget", scheduledstart=AT, scheduledend=AT)


def nothing(digest: str) -> bytes:
    raise KeyError(digest)


@pytest.mark.parametrize(
    "ask",
    [
        lambda calendar: calendar.finish(ONE, MEETING, invite=False, contents=nothing),
        lambda calendar: calendar.update(ONE, "K", MEETING, frozenset({"attachments"}), invite=False, contents=nothing),
        lambda calendar: calendar.categorise(ONE, "K", add=frozenset({"x"}), remove=frozenset()),
        lambda calendar: calendar.delete(ONE, "K", cancel=False),
    ],
    ids=["finish", "update", "categorise", "delete"],
)
def test_no_answer_about_an_item_is_no_bug(ask: Callable[[EwsCollection], object]) -> None:
    with running(lambda _: answer("GetItem")) as script:
        calendar = EwsCollection(script.account(), Sessions(), ItemKind.APPOINTMENT)
        with pytest.raises(Unavailable, match="0 answers to one question"):
            ask(calendar)
        assert len(script.asked) == 1
