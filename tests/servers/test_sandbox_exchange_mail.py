"""Mail through the sandbox's Exchange, as exchangelib, a client no one here wrote, does it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exchangelib import Message
from exchangelib.errors import (
    ErrorImpersonateUserDenied,
    ErrorInvalidRecipients,
    ErrorInvalidSyncStateData,
    ErrorIrresolvableConflict,
    ErrorQuotaExceeded,
    ErrorServerBusy,
    UnauthorizedError,
)

from support.exchange_sandbox import SALES, SERVICE, SERVICE_PASSWORD, SUPPORT, ExchangeSandbox, exchange_account, exchange_sandbox


@pytest.fixture
def sandbox() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox() as found:
        yield found


def test_mail_that_came_by_smtp_is_read_and_its_flag_seen_over_imap(sandbox: ExchangeSandbox) -> None:
    sandbox.letters(2)
    first = exchange_account(sandbox).inbox.all().order_by("subject")[0]
    assert (first.subject, first.sender.email_address, first.body, first.is_read) == (
        "Letter 1",
        "buyer@elsewhere.example",
        "Good morning.\r\n",
        False,
    )
    first.is_read = True
    first.save(update_fields=["is_read"])
    flags = [sandbox.post_office.message(SALES, "INBOX", uid).flags for uid in (1, 2)]
    assert flags == [{"\\Seen"}, frozenset()]


def test_a_draft_is_sent_once_and_arrives_with_the_same_message_id(sandbox: ExchangeSandbox) -> None:
    mine = exchange_account(sandbox)
    draft = Message(
        account=mine, folder=mine.drafts, subject="Offer", body="Dear buyer", to_recipients=[SUPPORT, "buyer@elsewhere.example"]
    )
    draft.save()
    assert draft.is_draft is None or draft.is_draft
    draft.send()
    sent, received = mine.sent.all()[0], exchange_account(sandbox, SUPPORT).inbox.all()[0]
    assert (received.subject, received.body.strip(), received.sender.email_address) == ("Offer", "Dear buyer", SALES)
    assert sent.message_id == received.message_id
    assert sandbox.subjects("drafts") == []
    assert [mail.recipients for mail in sandbox.post_office.outside()] == [("buyer@elsewhere.example",)]


def test_sync_tells_created_changed_flagged_and_removed_items_page_by_page(sandbox: ExchangeSandbox) -> None:
    sandbox.letters(250)
    inbox = exchange_account(sandbox).inbox
    assert [item.subject for _, item in inbox.sync_items(only_fields=["subject"])] == [f"Letter {n}" for n in range(1, 251)]
    items = list(inbox.all().only("id", "changekey", "subject", "is_read").order_by("datetime_received")[:3])
    by_name = {item.subject: item for item in inbox.filter(subject__in=["Letter 1", "Letter 2", "Letter 3"])}
    assert len(items) == 3
    by_name["Letter 1"].is_read = True
    by_name["Letter 1"].save(update_fields=["is_read"])
    by_name["Letter 2"].categories = ["Tracked to CRM"]
    by_name["Letter 2"].save(update_fields=["categories"])
    by_name["Letter 3"].delete()
    found = [(kind, item[0].id if kind == "read_flag_change" else item.id) for kind, item in inbox.sync_items(only_fields=["subject"])]
    assert sorted(found) == sorted(
        [
            ("read_flag_change", by_name["Letter 1"].id),
            ("update", by_name["Letter 2"].id),
            ("delete", found[-1][1] if found[-1][0] == "delete" else by_name["Letter 3"].id),
        ]
    )
    assert list(inbox.sync_items(only_fields=["subject"])) == []


def test_an_expired_state_is_refused_and_a_fresh_start_works(sandbox: ExchangeSandbox) -> None:
    sandbox.letters(1)
    inbox = exchange_account(sandbox).inbox
    assert len(list(inbox.sync_items(only_fields=["subject"]))) == 1
    with sandbox.organization.lock:
        sandbox.mailbox().expire_states()
    with pytest.raises(ErrorInvalidSyncStateData):
        list(inbox.sync_items(only_fields=["subject"]))
    inbox.item_sync_state = None
    assert len(list(inbox.sync_items(only_fields=["subject"]))) == 1


def test_a_stale_change_key_is_refused_when_both_changed_the_same(sandbox: ExchangeSandbox) -> None:
    sandbox.letters(1)
    one, two = exchange_account(sandbox).inbox.all()[0], exchange_account(sandbox).inbox.all()[0]
    one.subject = "Mine"
    one.save(update_fields=["subject"])
    two.subject = "Yours"
    with pytest.raises(ErrorIrresolvableConflict):
        two.save(update_fields=["subject"])
    assert sandbox.subjects() == ["Mine"]


def test_moving_gives_a_new_id_and_takes_the_mail_out_of_imap(sandbox: ExchangeSandbox) -> None:
    sandbox.letters(2)
    mine = exchange_account(sandbox)
    letter = mine.inbox.filter(subject="Letter 1")[0]
    before = letter.id
    letter.move(mine.trash)
    assert letter.id != before
    assert (sandbox.subjects(), sandbox.subjects("deleteditems")) == (["Letter 2"], ["Letter 1"])
    assert list(sandbox.post_office.folder(SALES, "INBOX").messages) == [2]


def test_who_may_impersonate_is_asked(sandbox: ExchangeSandbox) -> None:
    sandbox.organization.add_service(SERVICE, SERVICE_PASSWORD, impersonates=[SALES])
    assert exchange_account(sandbox).inbox.total_count == 0
    with pytest.raises(ErrorImpersonateUserDenied):
        _ = exchange_account(sandbox, SUPPORT).inbox.total_count
    with pytest.raises(UnauthorizedError):
        _ = exchange_account(sandbox, password="wrong").inbox.total_count


def test_the_switchboard(sandbox: ExchangeSandbox) -> None:
    mine = exchange_account(sandbox)
    assert mine.inbox.total_count == 0
    sandbox.faults.busy("CreateItem", back_off_milliseconds=2500)
    letter = Message(account=mine, folder=mine.drafts, subject="Offer", body="x", to_recipients=[SUPPORT])
    with pytest.raises(ErrorServerBusy) as caught:
        letter.save()
    assert caught.value.back_off == 2.5
    sandbox.faults.refuse("ErrorQuotaExceeded", "CreateItem")
    with pytest.raises(ErrorQuotaExceeded):
        letter.save()
    assert sandbox.subjects("drafts") == []
    letter.save()
    assert sandbox.subjects("drafts") == ["Offer"]


def test_a_draft_to_nobody_is_not_sent_and_stays(sandbox: ExchangeSandbox) -> None:
    mine = exchange_account(sandbox)
    draft = Message(account=mine, folder=mine.drafts, subject="Offer", body="x")
    draft.save()
    with pytest.raises(ErrorInvalidRecipients):
        draft.send()
    assert (sandbox.subjects("drafts"), sandbox.subjects("sentitems")) == (["Offer"], [])
