"""The seeded mail: the same each time, as varied as promised, nobody's real name or domain in it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest

from reconcile.sandbox.corpus.addresses import CORRESPONDENTS, MAILBOXES, SALES
from reconcile.sandbox.corpus.assemble import DAYS, PER_MAILBOX, messages
from reconcile.sandbox.corpus.letters import Letter, tiny_pdf
from reconcile.sandbox.corpus.seed import Seed
from reconcile.sandbox.corpus.themes import THEMES

NOW = datetime(2026, 3, 10, 12, 30, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def corpus() -> tuple[Seed, ...]:
    return messages(NOW)


def test_the_same_seed_gives_the_same_octets(corpus: tuple[Seed, ...]) -> None:
    assert messages(NOW) == corpus
    assert messages(NOW, seed=2) != corpus


def test_five_mailboxes_of_about_sixty(corpus: tuple[Seed, ...]) -> None:
    counts = Counter(seed.mailbox for seed in corpus if seed.folder == "INBOX")
    assert set(counts) == set(MAILBOXES.values())
    assert all(PER_MAILBOX <= count <= PER_MAILBOX + 8 for count in counts.values()), counts


def test_dates_lie_in_the_last_months_and_in_order(corpus: tuple[Seed, ...]) -> None:
    dates = [seed.internal_date for seed in corpus]
    assert dates == sorted(dates)
    assert NOW - timedelta(days=DAYS) <= dates[0] < NOW - timedelta(days=DAYS - 20)
    assert NOW - timedelta(days=10) < dates[-1] < NOW


def test_lines_end_with_crlf(corpus: tuple[Seed, ...]) -> None:
    assert [seed.raw[:80] for seed in corpus if re.search(rb"(?<!\r)\n|\r(?!\n)", seed.raw)] == []


def test_only_domains_reserved_for_examples(corpus: tuple[Seed, ...]) -> None:
    domains = {domain.lower() for seed in corpus for domain in re.findall(rb"@([A-Za-z0-9.-]+)", seed.raw)}
    assert [domain for domain in domains if not domain.endswith(b".example")] == []


@pytest.mark.parametrize(
    "pattern",
    [
        rb"(?m)^In-Reply-To: <",
        rb"(?m)^References:\s+<[^>]+>\s+<[^>]+>",
        rb"(?m)^Subject: .*=\?utf-8\?",
        rb"Content-Type: text/html",
        rb"Content-Type: application/pdf",
        rb"Content-Type: text/csv",
        rb"(?m)^Auto-Submitted: auto-replied",
        rb"report-type=delivery-status",
        rb"(?m)^Date: 31/02/",
        rb"(?m)^Subject: Gr\xf6\xdfen",
        rb"=1B=5B31m",
    ],
)
def test_every_mailbox_has_each_sort(corpus: tuple[Seed, ...], pattern: bytes) -> None:
    assert {seed.mailbox for seed in corpus if re.search(pattern, seed.raw)} == set(MAILBOXES.values())


def test_malformed_mail_is_there(corpus: tuple[Seed, ...]) -> None:
    assert sum(b"\r\n\r\n" not in seed.raw for seed in corpus) == 5
    assert sum(not re.search(rb"(?mi)^Message-ID:", seed.raw) for seed in corpus) == 5


def test_one_id_in_two_mailboxes_and_one_id_for_two_contents(corpus: tuple[Seed, ...]) -> None:
    by_id: dict[bytes, list[Seed]] = defaultdict(list)
    for seed in corpus:
        if seed.folder == "INBOX" and (found := re.search(rb"(?mi)^Message-ID: (<[^>]+>)", seed.raw)):
            by_id[found[1]].append(seed)
    repeated = {message_id: seeds for message_id, seeds in by_id.items() if len(seeds) > 1}
    assert set(repeated) == {b"<both-offer@fabrikam.example>", b"<both-notice@fabrikam.example>", b"<reading@litware.example>"}
    for message_id, (first, second) in repeated.items():
        same = first.raw.partition(b"\r\nFrom: ")[2] == second.raw.partition(b"\r\nFrom: ")[2] != b""
        assert same == message_id.startswith(b"<both-")
        assert (first.mailbox != second.mailbox) == message_id.startswith(b"<both-")


def test_answers_refer_to_what_is_in_sent(corpus: tuple[Seed, ...]) -> None:
    sent = {message_from_bytes(seed.raw, policy=policy.compat32)["Message-ID"] for seed in corpus if seed.folder == "Sent"}
    replied = [
        message_from_bytes(seed.raw, policy=policy.compat32)["In-Reply-To"]
        for seed in corpus
        if seed.folder == "INBOX" and b"\r\nReferences:" in seed.raw and b"Auto-Submitted" not in seed.raw
    ]
    assert len(replied) > 40
    assert set(replied) <= sent


def test_the_pdf_says_where_its_objects_are() -> None:
    pdf = tiny_pdf("Rechnung (1)")
    table = int(re.search(rb"startxref\n(\d+)", pdf)[1])  # type: ignore[index]
    assert pdf[table:].startswith(b"xref")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", pdf), 1):
        assert pdf[int(place) :].startswith(b"%d 0 obj" % number)


@pytest.mark.parametrize(
    "subject",
    ["Re: " * answered + theme.subject.format(n=5134) for themes in THEMES.values() for theme in themes for answered in (0, 1, 2)],
)
def test_subjects_and_names_survive_their_encoding(subject: str) -> None:
    for sender in CORRESPONDENTS:
        letter = Letter(
            sender=sender, recipient=SALES, subject=subject, text="x", sent=NOW, message_id="<1@fabrikam.example>", boundary="b"
        )
        read = message_from_bytes(letter.build(), policy=policy.compat32)
        assert str(make_header(decode_header(read["Subject"]))) == subject
        assert str(make_header(decode_header(read["From"]))) == f"{sender.name} <{sender.address}>"
