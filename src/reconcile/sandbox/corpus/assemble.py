"""The whole corpus: five mailboxes of about sixty messages over the last months, the same for the same seed and moment."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

from reconcile.sandbox.corpus.addresses import CORRESPONDENTS, INFO, MAILBOXES, ORDERS, SALES, SUPPORT, Correspondent
from reconcile.sandbox.corpus.letters import Letter
from reconcile.sandbox.corpus.oddities import EVERYWHERE, traced
from reconcile.sandbox.corpus.seed import Seed
from reconcile.sandbox.corpus.themes import pick_theme

#: How far back the oldest message lies, in days.
DAYS = 150
#: Messages that each mailbox has at least, before what goes to two of them.
PER_MAILBOX = 60
#: Threads in a mailbox beside the five.
_FEW = 2

_ZONES = tuple(timezone(timedelta(hours=hours)) for hours in (1, 2, 0, -5, 9))
_SEEN = frozenset({"\\Seen"})


def messages(now: datetime, *, seed: int = 1, others: Iterable[str] = ()) -> tuple[Seed, ...]:
    """By arrival, oldest first. `now` is aware; nothing is dated after it. `others` are addresses of mailboxes beside the five; what the
    five have does not depend on them."""
    chance = random.Random(seed)
    found: list[Seed] = []
    for mailbox in MAILBOXES.values():
        own = _oddities(mailbox, now, chance)
        while sum(each.folder == "INBOX" for each in own) < PER_MAILBOX:
            own += _thread(mailbox, now, chance, len(own))
        found += own
    found += _to_two(now, chance, (SALES, ORDERS), "offer")
    found += _to_two(now, chance, (INFO, SUPPORT), "notice")
    found += _same_id_other_content(now)
    found.append(_large(now))
    for address in others:
        own_chance = random.Random(f"{seed} {address}")
        for number in range(_FEW):
            found += _thread(address, now, own_chance, number)
    return tuple(sorted(found, key=lambda each: (each.internal_date, each.mailbox, each.raw)))


def _moment(now: datetime, chance: random.Random) -> datetime:
    """Some second of the last months, never the very last hour."""
    return now.replace(microsecond=0) - timedelta(seconds=chance.randrange(3600, DAYS * 86400))


def _thread(mailbox: str, now: datetime, chance: random.Random, number: int) -> list[Seed]:
    """Letters of one correspondent about one matter, with our answers between them in Sent."""
    theme, matter = pick_theme(chance, mailbox)
    sender = chance.choice(CORRESPONDENTS)
    own = Correspondent("Contoso", mailbox)
    slug, domain = mailbox.partition("@")[0], sender.address.partition("@")[2]
    arrived = _moment(now, chance)
    references: tuple[str, ...] = ()
    subject = theme.subject.format(n=matter)
    found: list[Seed] = []
    for place, text in enumerate(theme.texts):
        if arrived >= now:
            break
        incoming = Letter(
            sender=sender,
            recipient=mailbox,
            subject=subject if place == 0 else f"Re: {subject}",
            text=text.format(n=matter),
            sent=(arrived - timedelta(seconds=chance.randrange(2, 90))).astimezone(chance.choice(_ZONES)),
            message_id=f"<{slug}.{number}.{place}.{matter}@{domain}>",
            boundary=f"{slug}-{number}-{place}",
            references=references,
            html=chance.random() < 0.5,
            attachment=theme.attachment if place == 0 else "",
            number=matter,
        )
        seen = _SEEN if chance.random() < 0.6 else frozenset()
        found.append(Seed(mailbox=mailbox, raw=incoming.build(), internal_date=arrived, flags=seen))
        references = (*references, incoming.message_id)
        arrived += timedelta(minutes=chance.randrange(20, 2000))
        if place + 1 < len(theme.texts) and arrived < now:
            answer = Letter(
                sender=own,
                recipient=sender.address,
                subject=f"Re: {subject}",
                text=chance.choice(("vielen Dank für Ihre Nachricht, wir kümmern uns.", "thank you, we are looking into it.")),
                sent=arrived,
                message_id=f"<answer.{number}.{place}.{slug}@contoso.example>",
                boundary=f"answer-{slug}-{number}-{place}",
                references=references,
            )
            found.append(Seed(mailbox=mailbox, raw=answer.build(), internal_date=arrived, flags=_SEEN, folder="Sent"))
            references = (*references, answer.message_id)
            arrived += timedelta(minutes=chance.randrange(20, 2000))
    return found


def _oddities(mailbox: str, now: datetime, chance: random.Random) -> list[Seed]:
    found = []
    for number, make in enumerate(EVERYWHERE):
        arrived = _moment(now, chance)
        token = f"{mailbox.partition('@')[0]}-{number}"
        found.append(Seed(mailbox=mailbox, raw=make(mailbox, arrived, token), internal_date=arrived))
    return found


def _to_two(now: datetime, chance: random.Random, mailboxes: tuple[str, str], token: str) -> list[Seed]:
    """One mail to two of our addresses: same id, same content, each with the trace of its own delivery."""
    arrived = _moment(now, chance)
    raw = Letter(
        sender=CORRESPONDENTS[0],
        recipient=", ".join(mailboxes),
        subject=f"An alle: geänderte Anschrift ab {arrived.year} ({token})",
        text="unsere Anschrift ändert sich. Bitte passen Sie Ihre Stammdaten an.",
        sent=arrived,
        message_id=f"<both-{token}@fabrikam.example>",
        boundary=f"both-{token}",
        html=True,
    ).build()
    return [
        Seed(mailbox=mailbox, raw=traced(raw, mailbox, arrived, f"{token}{place}"), internal_date=arrived + timedelta(seconds=place))
        for place, mailbox in enumerate(mailboxes)
    ]


def _same_id_other_content(now: datetime) -> list[Seed]:
    """A broken program that gives all its mail the same Message-ID: both must be kept."""
    found = []
    for place, text in enumerate(("counter at 17,240", "counter at 18,003")):
        arrived = now.replace(microsecond=0) - timedelta(days=20 - place)
        letter = Letter(
            sender=CORRESPONDENTS[7],
            recipient=SUPPORT,
            subject="Meter reading",
            text=text,
            sent=arrived,
            message_id="<reading@litware.example>",
            boundary=f"reading-{place}",
        )
        found.append(Seed(mailbox=SUPPORT, raw=letter.build(), internal_date=arrived))
    return found


def _large(now: datetime) -> Seed:
    """Some hundred kilobytes of text, to see progress move."""
    arrived = now.replace(microsecond=0) - timedelta(days=3)
    lines = "".join(f"{line:06d} ok 20{line % 90:02d} all systems nominal, nothing to report from this line\r\n" for line in range(4000))
    letter = Letter(
        sender=CORRESPONDENTS[7],
        recipient=SUPPORT,
        subject="Log file of the whole week",
        text=lines,
        sent=arrived,
        message_id="<log-of-the-week@litware.example>",
        boundary="log",
    )
    return Seed(mailbox=SUPPORT, raw=letter.build(), internal_date=arrived)
