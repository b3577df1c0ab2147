"""Lines of a batch: what is taken, what is refused, and where it stands."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.errors import UserError
from reconcile.model.intake import IntakeResult, LineOutcome, Refusal, Refused, Taken, Tally
from reconcile.store.memory.edits import MemoryEdits
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.sync import lines as lines_module
from reconcile.sync.attachment_folder import AttachmentFolder
from reconcile.sync.decide.intake_line import LineError, column, parsed
from reconcile.sync.edit_intake import EditIntake
from reconcile.sync.lines import Line, elements_of, lines_of
from reconcile.sync.mail_intake import MailIntake
from support.applied import StillClock, sending_estate
from support.crm import deliver, letter


class Mails:
    """An intake over an outbox in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self.outbox = MemoryOutbox()
        self.applied = sending_estate(mailboxes=2)
        self._minted = 0
        more = {"read": AttachmentFolder(folder).read} if folder else {}
        self.intake = MailIntake(applied=self.applied, outbox=self.outbox, clock=StillClock(), mint=self._mint, **more)

    def _mint(self) -> str:
        self._minted += 1
        return f"token-{self._minted}"

    def take(self, *documents: object) -> list[LineOutcome]:
        data = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in documents)
        return [outcome for batch in self.intake.take(lines_of(io.BytesIO(data))) for outcome in batch]

    def only(self, document: object) -> Refused:
        (outcome,) = self.take(document)
        assert isinstance(outcome, Refused), outcome
        assert outcome.hint
        assert self.outbox.entries() == []
        return outcome


def mail(**fields: object) -> dict[str, object]:
    return {"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], **fields}


def results(outcomes: Sequence[LineOutcome]) -> list[str]:
    return [str(one.result if isinstance(one, Taken) else one.refusal) for one in outcomes]


def test_a_mail_with_everything() -> None:
    mails = Mails()
    (taken,) = mails.take(
        mail(
            to=["Süd <a@contoso.example>"],
            cc=["b@contoso.example"],
            bcc=["c@contoso.example"],
            subject="Grüße",
            text="Hallo",
            html="<p>Hallo</p>",
            inReplyTo="<1@fabrikam.example>",
            attachments=[
                {"name": "ä.pdf", "base64": base64.b64encode(b"\0\xff").decode()},
                {"name": "x", "mediaType": "text/csv", "base64": ""},
            ],
        )
    )
    assert taken == Taken(line=1, client_key="k", result=IntakeResult.ADDED, id=1)
    content = mails.outbox.content(1)
    message = message_from_bytes(content, policy=policy.default)
    assert (message["Subject"], message["In-Reply-To"], message["Bcc"]) == ("Grüße", "<1@fabrikam.example>", None)
    kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "application/pdf", "text/csv"]
    assert [part.get_filename() for part in message.iter_attachments()] == ["ä.pdf", "x"]
    assert next(part.get_content() for part in message.iter_attachments()) == b"\0\xff"
    assert message.get_body(("html",)).get_content().strip() == "<p>Hallo</p>"  # type: ignore[union-attr]
    assert [one.address for one in mails.outbox.entries()[0].recipients] == ["a@contoso.example", "b@contoso.example", "c@contoso.example"]
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))


def test_html_alone_gets_a_text_and_the_bytes_are_the_same_every_time() -> None:
    first, second = Mails(), Mails()
    for mails in (first, second):
        mails.take(mail(html="<h1>Hallo</h1><p>Welt &amp; mehr<script>x</script>", attachments=[{"name": "a", "base64": "eA=="}]))
    message = message_from_bytes(first.outbox.content(1), policy=policy.default)
    assert message.get_body(("plain",)).get_content().split() == ["Hallo", "Welt", "&", "mehr"]  # type: ignore[union-attr]
    assert first.outbox.content(1) == second.outbox.content(1)


@pytest.mark.parametrize(
    ("line", "refusal", "where", "words"),
    [
        (b"nonsense", Refusal.INVALID, 1, "no JSON"),
        (b'{"clientKey": "k", }', Refusal.INVALID, 20, "no JSON"),
        (b"[]", Refusal.INVALID, 1, "one JSON object"),
        (b'"k"', Refusal.INVALID, 1, "one JSON object"),
        (b"\xff\xfe{", Refusal.INVALID, 1, "no UTF-8 (octet 1)"),
        ('{"ä": '.encode() + b"\xff", Refusal.INVALID, 7, "no UTF-8 (octet 8)"),
        (b'{"a": 1, "a": 2}', Refusal.INVALID, 1, "'a' stands twice"),
        (b'{"a": NaN}', Refusal.INVALID, 1, "NaN is no JSON number"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, Refusal.INVALID, 1, "nested too deeply"),
        (b'{"a":' * 100_000, Refusal.INVALID, None, "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", Refusal.INVALID, 1, "no usable JSON"),
        (b"{}", Refusal.INVALID, 1, "clientKey: field required"),
        (b'{"clientKey": "", "from": "sales"}', Refusal.INVALID, 15, "clientKey"),
        (b'{"clientKey": "a\\nb", "from": "sales"}', Refusal.INVALID, 15, "control character"),
        (b'{"clientKey": 7, "from": "sales"}', Refusal.INVALID, 15, "clientKey"),
        (b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "Bcc": "x"}', Refusal.INVALID, 73, "Bcc"),
        (b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example", 7]}', Refusal.INVALID, 65, "to.1"),
        (b'{"clientKey": "k", "from": "sales", "to": "a@contoso.example"}', Refusal.INVALID, 43, "to:"),
        (b'{"clientKey": "k", "from": "sales"}', Refusal.INVALID, 1, "no recipient"),
        (b'{"clientKey": "k", "from": "sals", "to": ["a@contoso.example"]}', Refusal.NO_MAILBOX, 28, "no mailbox 'sals'"),
        (b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example", "x@evil.example"]}', Refusal.NOT_ALLOWED, 65, "x@evil.example"),
        (b'{"clientKey": "k", "from": "sales", "to": ["a%evil.example@contoso.example"]}', Refusal.INVALID, 44, "% or !"),
        (
            b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example\\r\\nBcc: x@y.example"]}',
            Refusal.INVALID,
            44,
            "control character",
        ),
        (
            b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "subject": "x\\r\\nBcc: y"}',
            Refusal.INVALID,
            77,
            "line break",
        ),
        (b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "subject": "\\ud800"}', Refusal.INVALID, 77, "subject"),
        (b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "text": "\\ud800"}', Refusal.INVALID, 74, "not valid Unicode"),
        (b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "html": "x\\u0000"}', Refusal.INVALID, 74, "NUL"),
        (
            b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "inReplyTo": "<a@b>\\r\\nX: y"}',
            Refusal.INVALID,
            79,
            "no Message-ID",
        ),
        (
            b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "attachments": [{"name": "a", "base64": "x"}]}',
            Refusal.INVALID,
            106,
            "no base64",
        ),
        (
            b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "attachments": [{"name": "a/b", "base64": ""}]}',
            Refusal.INVALID,
            82,
            "no plain name",
        ),
        (
            b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "attachments": [{"name": "a", "mediaType": "x\\r\\ny", "base64": ""}]}',
            Refusal.INVALID,
            109,
            "control character",
        ),
        (
            b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "attachments": [{"name": "a"}]}',
            Refusal.INVALID,
            82,
            "either path or base64",
        ),
        (
            b'{"clientKey": "k", "from": "sales", "to": ["a@contoso.example"], "attachments": [{"path": "a"}]}',
            Refusal.ATTACHMENT,
            91,
            "no files are read here",
        ),
    ],
)
def test_what_is_refused_says_where_and_why(line: bytes, refusal: Refusal, where: int | None, words: str) -> None:
    refused = Mails().only(line)
    assert refused.refusal is refusal
    assert words in refused.message
    assert where is None or refused.column == where


def test_lines_have_outcomes_of_their_own_and_may_be_repeated() -> None:
    mails = Mails()
    batch = [
        mail(clientKey="1"),
        b"",
        mail(clientKey="2", to=[]),
        mail(clientKey="1"),
        mail(clientKey="1", text="other"),
        mail(clientKey="3"),
    ]
    assert results(mails.take(*batch)) == ["added", "invalid", "already-there", "key-used", "added"]
    assert [one.line for one in mails.take(*batch)] == [1, 3, 4, 5, 6]
    assert results(mails.take(*batch)) == ["already-there", "invalid", "already-there", "key-used", "already-there"]
    assert [entry.client_key for entry in mails.outbox.entries()] == ["1", "3"]


@pytest.mark.parametrize("change", ["allowed", "off", "renamed", "gone"])
def test_what_was_taken_in_stays_so_whatever_is_applied_by_now(change: str) -> None:
    mails = Mails()
    mails.take(mail())
    match change:
        case "allowed":
            mails.applied.change("Environment", allowedRecipients=())
        case "off":
            mails.applied.change("Mailbox", outgoing="none")
        case "renamed":
            from dataclasses import replace

            mails.applied.rows = [replace(row, name=f"{row.name}2") if row.kind == "Mailbox" else row for row in mails.applied.rows]
        case _:
            mails.applied.rows = [row for row in mails.applied.rows if row.kind != "Mailbox"]
    assert results(mails.take(mail())) == ["already-there"]
    assert results(mails.take(mail(text="other"))) == ["key-used"]
    assert results(mails.take(mail(clientKey="new"))) != ["added"] or change == "renamed"
    mails.applied.change("Mailbox", outgoing="none")
    assert mails.take(mail(clientKey="new2"))[0].line == 1


def test_attachments_are_read_below_one_folder_only(tmp_path: Path) -> None:
    folder, outside = tmp_path / "files", tmp_path / "secret.txt"
    folder.mkdir()
    outside.write_text("secret")
    (folder / "a.txt").write_text("hello")
    (folder / "link.txt").symlink_to(outside)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "sub").mkdir()
    mails = Mails(folder)
    assert results(mails.take(mail(attachments=[{"path": "a.txt"}, {"path": "sub/../a.txt", "name": "b.txt"}]))) == ["added"]
    message = message_from_bytes(mails.outbox.content(1), policy=policy.default)
    assert [part.get_filename() for part in message.iter_attachments()] == ["a.txt", "b.txt"]
    for path in ("../secret.txt", str(outside), "link.txt", "loop", "sub", "missing", "\0", "/dev/zero", "x" * 200, "\ud800"):
        (outcome,) = mails.take(mail(clientKey=path[:20].replace("\0", "0").replace("\ud800", "s"), attachments=[{"path": path}]))
        assert isinstance(outcome, Refused)
        assert outcome.refusal in (Refusal.ATTACHMENT, Refusal.INVALID), outcome
        assert "secret\n" not in outcome.message
    (folder / "a.txt").unlink()
    (outcome,) = mails.take(mail(attachments=[{"path": "a.txt"}]))
    assert isinstance(outcome, Refused)
    assert "is already mail 1" in outcome.message


def test_a_folder_that_is_gone_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        AttachmentFolder(tmp_path / "gone").read("a")
    assert caught.value.hint


def test_a_line_too_long_is_refused_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"a" * 10 + b"\n" + b"b" * 11 + b"\n" + b"c" * 100 + b"\n\n" + b"d" * 9 + b"\n" + b"e" * 50
    found = list(lines_of(io.BytesIO(data), longest=10))
    assert [(line.number, line.data and line.data.strip()) for line in found] == [
        (1, b"a" * 10),
        (2, None),
        (3, None),
        (5, b"d" * 9),
        (6, None),
    ]
    (outcome,) = next(Mails().intake.take([Line(3, None)]))
    assert isinstance(outcome, Refused)
    assert (outcome.line, outcome.refusal) == (3, Refusal.TOO_LONG)
    assert lines_module.LONGEST_LINE == 32 << 20


def test_windows_line_ends_and_a_byte_order_mark_are_taken() -> None:
    mails = Mails()
    data = b"\xef\xbb\xbf" + json.dumps(mail(clientKey="1")).encode() + b"\r\n" + json.dumps(mail(clientKey="2")).encode() + b"\r\n"
    assert [results(batch) for batch in mails.intake.take(lines_of(io.BytesIO(data)))] == [["added", "added"]]


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        ),
        max_size=5,
    )
)
def test_elements_of_an_array_are_its_elements(documents: list[object]) -> None:
    for indent in (None, 2):
        found = list(elements_of(json.dumps(documents, indent=indent).encode()))
        assert [json.loads(line.data or b"") for line in found] == documents
        assert [line.number for line in found] == list(range(1, len(documents) + 1))


@given(st.dictionaries(st.text(), st.lists(st.text() | st.integers(), max_size=3), max_size=4), st.data())
def test_columns_point_at_values(document: dict[str, list[object]], data: st.DataObject) -> None:
    text = json.dumps(document, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
    for name, values in document.items():
        for index, value in enumerate(values):
            at = column(text, (name, index))
            assert json.JSONDecoder().raw_decode(text, at - 1)[0] == value
    assert column(text, ("not there",)) == 1 or "not there" in document


@given(st.binary(max_size=200))
def test_no_line_breaks_the_parser(data: bytes) -> None:
    found = None
    try:
        assert isinstance(parsed(data)[1], dict)
    except LineError as error:
        found = error
    assert found is None or (found.column >= 1 and found.hint)


def edits() -> tuple[EditIntake, MemoryMailStore]:
    mail_store = MemoryMailStore()
    deliver(mail_store, letter(1), letter(2))
    return EditIntake(edits=MemoryEdits(mail_store), clock=StillClock(), by="me"), mail_store


@pytest.mark.parametrize(
    ("line", "result", "where"),
    [
        ({"clientKey": "k", "id": 1, "note": "x"}, "edited", None),
        ({"clientKey": "k", "id": 1, "state": None}, "unchanged", None),
        ({"clientKey": "k", "id": 3, "note": "x"}, "not-found", "3,"),
        ({"clientKey": "k", "id": 1, "expectedVersion": 2, "note": "x"}, "conflict", "2,"),
        ({"id": 1, "note": "x"}, "invalid", "{"),
        ({"clientKey": "k", "id": 1}, "invalid", "{"),
        ({"clientKey": "k", "id": "1", "note": "x"}, "invalid", '"1"'),
        ({"clientKey": "k", "id": True, "note": "x"}, "invalid", "true"),
        ({"clientKey": "k", "id": 0, "note": "x"}, "invalid", "0,"),
        ({"clientKey": "k", "id": 1 << 63, "note": "x"}, "invalid", "92"),
        ({"clientKey": "k", "id": 1, "state": "done"}, "invalid", '"done"'),
        ({"clientKey": "k", "id": 1, "regarding": {"type": "account"}}, "invalid", '{"type"'),
        ({"clientKey": "k", "id": 1, "regarding": "account:1"}, "invalid", '"account:1"'),
        ({"clientKey": "k", "id": 1, "regarding": {"type": "a\nb", "id": "1"}}, "invalid", '"a'),
        ({"clientKey": "k", "id": 1, "categories": ["a", ""]}, "invalid", '""'),
        ({"clientKey": "k", "id": 1, "note": "\ud800"}, "invalid", '"\\ud800'),
        ({"clientKey": "k", "id": 1, "note": "x" * 10_001}, "invalid", '"xx'),
        ({"clientKey": "k", "id": 1, "subject": "x"}, "invalid", '"x"'),
    ],
)
def test_edits(line: dict[str, object], result: str, where: str | None) -> None:
    intake, mail_store = edits()
    text = json.dumps(line)
    (batch,) = intake.take(lines_of(io.BytesIO(text.encode())))
    assert results(batch) == [result]
    assert where is None or (isinstance(batch[0], Refused) and batch[0].column == text.index(where) + 1), batch
    changed = [one.id for one in mail_store.activities(mailbox_id=None, since=None, limit=None) if one.details.version > 1]
    assert changed == ([1] if result == "edited" else [])


def test_exit_codes_of_batches() -> None:
    refused = Refused(line=1, column=1, client_key="", refusal=Refusal.INVALID, field="", message="", hint="")
    taken = Taken(line=1, client_key="", result=IntakeResult.REPEATED, id=1)
    for outcomes, code in (([], 0), ([taken], 0), ([taken, refused], 6), ([refused], 1)):
        tally = Tally.empty()
        tally.count(outcomes)
        assert tally.code == code
