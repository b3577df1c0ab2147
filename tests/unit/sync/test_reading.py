"""From a message that was read to one that may be committed."""

from __future__ import annotations

from dataclasses import fields

from reconcile.model.activity_details import Regarding
from reconcile.model.mail_clues import MailClues
from reconcile.model.message import MessageHeader
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, Place
from reconcile.sync.deciding import Decided
from reconcile.sync.reading import with_verdict


def test_a_message_keeps_all_that_is_known_of_it_when_it_is_decided_about() -> None:
    arrival = Arrival(
        remote_id=RemoteId("imap", "7"),
        received="2026-11-23T10:00:00Z",
        size=11,
        raw=b"r",
        content=b"c",
        header=MessageHeader(message_id="<7@contoso.example>"),
        header_length=5,
        place=Place(1, 2, 3),
        folder="Projects",
    )
    verdict = Decided(
        accepted=True, decision=None, clues=MailClues(), held_for="office", regarding=Regarding(type="case", id="1", name="one")
    )
    decided = with_verdict(arrival, verdict)
    said = {each.name for each in fields(Decided)} - {"accepted"}
    for each in fields(Arrival):
        source = verdict if each.name in said else arrival
        assert getattr(decided, each.name) == getattr(source, each.name), each.name
    empty = Arrival(
        remote_id=arrival.remote_id, received="", size=0, raw=b"", content=b"", header=MessageHeader(), header_length=0, place=None
    )
    alike = {each.name for each in fields(Arrival) if each.name not in said and getattr(arrival, each.name) == getattr(empty, each.name)}
    assert alike == {"remote_id"}, "each field differs from what it would be if it were forgotten"
